// The one entry of every npm script that must work on a fresh clone: installs what package-lock.json says when
// node_modules is missing or older than the lock file, then runs the wanted thing from source. Needs only Node.js and npm.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [what = 'provisioner', ...rest] = process.argv.slice(2);

const installedMark = join(root, 'node_modules', '.package-lock.json');
const lock = join(root, 'package-lock.json');
const upToDate = existsSync(installedMark) && statSync(installedMark).mtimeMs >= statSync(lock).mtimeMs;
if (!upToDate) {
  process.stderr.write('Installing dependencies (once) …\n');
  // npm's own output goes to stderr: stdout belongs to the command's result.
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) process.exit(npm.status ?? 1);
}

const bin = (name) => join(root, 'node_modules', name);
const tsx = ['--import', join(root, 'node_modules/tsx/dist/loader.mjs')];
const command = {
  demo: [...tsx, join(root, 'src/cli/demo.ts')],
  dev: [bin('tsx/dist/cli.mjs'), 'watch', '--clear-screen=false', join(root, 'src/cli/main.ts'), 'up'],
  test: [bin('vitest/vitest.mjs'), 'run'],
  'test:watch': [bin('vitest/vitest.mjs'), 'watch'],
  provisioner: [...tsx, join(root, 'src/cli/main.ts')],
}[what] ?? [...tsx, join(root, what)];

const child = spawn(process.execPath, [...command, ...rest], {
  stdio: 'inherit',
  // Commands that take file names run where the user stands; npm sets INIT_CWD to that folder.
  cwd: what === 'provisioner' ? (process.env.INIT_CWD ?? root) : root,
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
