import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './sources.ts';

/** Below node_modules, so that packages are found from there; nothing else reads it. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'provisioner-process-tests');
const MAIN = join(COMPILED, 'src/cli/main.js');
const MARK = join(COMPILED, 'package.json');

/** Looked at once in a process: all its children are the same program. */
let compiled = false;

/**
 * How the real command line is started. It is compiled once, as it is shipped: a start costs half the processor time that it
 * takes from source, and a run kills and starts hundreds. `PROVISIONER_FROM_SOURCE=1` runs the sources.
 */
export function programArguments(): string[] {
  if (process.env['PROVISIONER_FROM_SOURCE'] === '1') {
    const loader = pathToFileURL(join(ROOT, 'node_modules/tsx/dist/loader.mjs')).href;
    return ['--import', loader, join(ROOT, 'src/cli/main.ts')];
  }
  if (!compiled) compileIfNeeded();
  compiled = true;
  return [MAIN];
}

function compileIfNeeded(): void {
  if (existsSync(MARK) && statSync(MARK).mtimeMs > newestIn(join(ROOT, 'src'))) return;
  mkdirSync(COMPILED, { recursive: true });
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const target = ['--outDir', join(COMPILED, 'src'), '--declaration', 'false', '--sourceMap', 'false'];
  const result = spawnSync(process.execPath, [compiler, '-p', join(ROOT, 'tsconfig.build.json'), ...target], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  // Types are checked elsewhere; here it is enough that there is a program.
  if (!existsSync(MAIN)) throw new Error(`the sources do not compile:\n${result.stdout}${result.stderr}`);
  // The migrations are no TypeScript, and are read beside the code.
  cpSync(join(ROOT, 'src/db/migrations'), join(COMPILED, 'src/db/migrations'), { recursive: true });
  writeFileSync(MARK, JSON.stringify({ type: 'module' }));
}

function newestIn(folder: string): number {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestIn(path) : statSync(path).mtimeMs);
  }
  return newest;
}
