import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** Writes the address of every loaded module to stderr, of both kinds of modules. */
const HOOK = `import { writeSync } from 'node:fs';
export async function load(url, context, next) { writeSync(2, 'loaded ' + url + '\\n'); return next(url, context); }`;
const TRACE = `import { createRequire, register } from 'node:module';
import { writeSync } from 'node:fs';
register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(HOOK))});
const { cache } = createRequire('${pathToFileURL(MAIN).href}');
process.on('exit', () => { for (const file of Object.keys(cache)) writeSync(2, 'loaded ' + file + '\\n'); });`;

/** The packages that a command of the command line has loaded when it ends. No Postgres listens at the address. */
function packagesOf(...args: string[]): Set<string> {
  const trace = `data:text/javascript,${encodeURIComponent(TRACE)}`;
  const child = spawnSync(process.execPath, ['--import', TSX, '--import', trace, MAIN, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', TELNYX_API_KEY: 'KEY' },
  });
  const loaded = child.stderr.split('\n').filter((line) => line.startsWith('loaded '));
  expect(loaded.length, child.stderr).toBeGreaterThan(10);
  const found = loaded.flatMap((line) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(line)?.[1] ?? []);
  return new Set(found.filter((name) => !OF_TSX.has(name)));
}

const OF_TSX = new Set(['tsx', 'esbuild', 'get-tsconfig', 'resolve-pkg-maps']);

describe('a command loads only what it needs', () => {
  it.each([['--version'], ['--help'], ['buy', '--help']])('%s %s loads nothing but the parser of flags', (...args) => {
    expect([...packagesOf(...args)]).toEqual(['commander']);
  });

  it.each([['inventory'], ['request', 'req_1'], ['cancel', 'req_1', '--yes'], ['account']])(
    '%s %s loads neither queue nor server, Telnyx, schemas, numbering plan, metrics or log',
    (...args) => {
      const heavy = [
        'bullmq',
        'ioredis',
        'pg',
        'fastify',
        'telnyx',
        'zod',
        'libphonenumber-js',
        'prom-client',
        'pino',
        'pino-pretty',
      ];
      const packages = packagesOf(...args);
      expect(heavy.filter((name) => packages.has(name))).toEqual([]);
      expect(packages).toContain('postgres');
    },
  );

  it.each([
    ['worker', 'fastify'],
    ['serve', 'telnyx'],
  ])('%s does not load %s', (role, heavy) => {
    expect(packagesOf(role)).toContain('bullmq');
    expect(packagesOf(role)).not.toContain(heavy);
  });
});
