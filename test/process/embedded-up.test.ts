import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/index.ts';
import { type Child, endOf, logLines, run, start } from '../support/child-process.ts';

const KEY = 'KEY_5ecret-for-tests';
const dataDir = mkdtempSync(join(tmpdir(), 'provisioner-up-'));
// Under root the database runs as another account, which must be able to enter.
chmodSync(dataDir, 0o755);
let simulator: Simulator | null = null;
afterAll(async () => {
  await simulator?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Starts everything in one process, without Docker, Postgres or Redis. */
async function up(env: Record<string, string>): Promise<{ child: Child; url: string }> {
  const child = start(['up'], env);
  await child.saw('listening on', 60_000);
  const url = logLines(child.stderr)
    .map((line) => line['url'])
    .find((found) => typeof found === 'string');
  return { child, url: String(url) };
}

it('embedded: boots, a second process joins, a second worker is refused, and all data is there after a reboot', async () => {
  simulator = await startSimulator({ apiKey: KEY, numbers: 4_000, owned: 10, orderMs: 200 });
  const env = {
    PROVISIONER_EMBEDDED: '1',
    PROVISIONER_DATA_DIR: dataDir,
    PROVISIONER_PORT: '0',
    PROVISIONER_API_KEYS: 'tests:http-5ecret-for-tests',
    PROVISIONER_RECONCILE_CRON: 'off',
    TELNYX_API_KEY: KEY,
    TELNYX_BASE_URL: simulator.url,
  };
  const first = await up(env);
  expect((await fetch(`${first.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${first.url}/v1/requests`)).status).toBe(401);
  const [buy, second] = await Promise.all([
    run(['buy', '--ndc', '312=5', '--yes', '--wait', '--timeout', '60s', '--json'], env),
    run(['worker'], env),
  ]);
  expect({ code: buy.code, ...JSON.parse(buy.stdout) }).toMatchObject({ code: 0, status: 'succeeded' });
  expect(second.code).toBe(1);
  expect(second.stderr).toContain('another worker runs on this database already');
  first.child.send('SIGTERM');
  const ended = await endOf(first.child, 30_000);
  expect(ended.code).toBe(0);

  const again = await up(env);
  const known = await fetch(`${again.url}/v1/requests`, { headers: { authorization: 'Bearer http-5ecret-for-tests' } });
  expect(await known.json()).toMatchObject({ data: [{ id: JSON.parse(buy.stdout).id, status: 'succeeded' }] });
  again.child.send('SIGTERM');
  const endedAgain = await endOf(again.child, 30_000);
  expect(endedAgain.code).toBe(0);
  for (const output of [buy, second, ended, endedAgain]) expect(`${output.stdout}${output.stderr}`).not.toContain('5ecret');
}, 240_000);
