import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, sourcesIn } from './sources.ts';

/** Below node_modules, so that packages are found from there. Each state of the sources has a folder of its own. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'provisioner-process-tests');

const BUNDLER = join(ROOT, 'scripts/bundle.mjs');

/** The compiled program of this process: all its children are the same program. */
let main: string | null = null;

/**
 * Returns the arguments that start the real command line. It is bundled once, as it is shipped, because a start from source
 * takes three times the processor time and a run starts hundreds. `PROVISIONER_FROM_SOURCE=1` runs the sources.
 */
export function programArguments(): string[] {
  if (process.env['PROVISIONER_FROM_SOURCE'] === '1') {
    const loader = pathToFileURL(join(ROOT, 'node_modules/tsx/dist/loader.mjs')).href;
    return ['--import', loader, join(ROOT, 'src/cli/main.ts')];
  }
  main ??= compiledMain();
  return [main];
}

/** Compiles the sources unless this state of them is compiled. Test files run side by side, so the folder appears whole or not at all. */
function compiledMain(): string {
  const hash = createHash('sha256');
  for (const { path, text } of sourcesIn('src')) hash.update(`${path}\n${text}\n`);
  hash.update(readFileSync(BUNDLER));
  const folder = join(COMPILED, hash.digest('hex').slice(0, 16));
  const program = join(folder, 'dist/cli/main.js');
  if (existsSync(program)) return program;
  mkdirSync(COMPILED, { recursive: true });
  const fresh = mkdtempSync(join(COMPILED, 'fresh-'));
  compileInto(fresh);
  try {
    renameSync(fresh, folder);
  } catch (error) {
    // Another test file was faster.
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(program)) throw error;
  }
  return program;
}

function compileInto(folder: string): void {
  const result = spawnSync(process.execPath, [BUNDLER, join(folder, 'dist')], { cwd: ROOT, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`the sources do not compile:\n${result.stdout}${result.stderr}`);
  // The version of the package is read beside `dist`.
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
}
