import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  path: string;
  text: string;
}

/** Returns all TypeScript files below a folder of the repository. */
export function sourcesIn(folder: string): SourceFile[] {
  const found: SourceFile[] = [];
  const walk = (at: string): void => {
    for (const name of readdirSync(at)) {
      const path = join(at, name);
      if (statSync(path).isDirectory()) walk(path);
      else if (name.endsWith('.ts'))
        found.push({ path: relative(ROOT, path).split(sep).join('/'), text: readFileSync(path, 'utf8') });
    }
  };
  walk(join(ROOT, folder));
  return found.sort((a, b) => a.path.localeCompare(b.path));
}

const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

export interface Import {
  /** The specifier as written. */
  specifier: string;
  /** The imported file in the repository, or `null` for a package. */
  path: string | null;
  /** True for `import type`, of which nothing is left at run time. */
  typeOnly: boolean;
}

/** Returns the imports of a file, including type imports and dynamic ones. */
export function importsOf(file: SourceFile): Import[] {
  return [...file.text.matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? '';
    const path = specifier.startsWith('.') ? join(dirname(file.path), specifier).split(sep).join('/') : null;
    return { specifier, path, typeOnly: /^\s*(?:import|export)\s+type\s/.test(match[0]) };
  });
}
