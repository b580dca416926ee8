import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './sources.ts';

/** The folder of the compiled program. It is below node_modules, so that Node finds the packages; nothing else reads it. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'provisioner-process-tests');
const MAIN = join(COMPILED, 'src/cli/main.js');
const MARK = join(COMPILED, 'package.json');

/** Compiled once in each process, so that all its children run the same program. */
let compiled = false;

/**
 * Returns the arguments that start the real command line. It is compiled once, as it is shipped, because a start from source
 * takes twice the processor time and a run starts hundreds. `PROVISIONER_FROM_SOURCE=1` runs the sources.
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
  // Other checks cover the types. Here it is enough that the program exists.
  if (!existsSync(MAIN)) throw new Error(`the sources do not compile:\n${result.stdout}${result.stderr}`);
  // The migrations are not TypeScript. The program reads them beside the code.
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
