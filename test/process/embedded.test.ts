import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConnection } from '../../src/app/embedded-postgres/files.ts';
import { startEmbeddedPostgres } from '../../src/app/embedded-postgres/start.ts';
import { until } from '../support/until.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'provisioner-test-'));
  // Under root the server runs as another account, which must be able to enter.
  chmodSync(dataDir, 0o755);
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

async function run(url: string, query: string) {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await sql.unsafe(query);
  } finally {
    await sql.end({ timeout: 2 });
  }
}

it('keeps the data over a restart, and is shared by all who ask at the same time', async () => {
  const [first, second] = await Promise.all([startEmbeddedPostgres({ dataDir }), startEmbeddedPostgres({ dataDir })]);
  expect(first.url).toBe(second.url);
  expect([first.owned, second.owned].sort()).toEqual([false, true]);
  await run(first.url, 'create table kept as select 7 as n');
  expect(await run(first.url, "select current_setting('fsync') as fsync")).toMatchObject([{ fsync: 'on' }]);
  await Promise.all([first.stop(), second.stop()]);
  const again = await startEmbeddedPostgres({ dataDir });
  expect(await run(again.url, 'select n from kept')).toMatchObject([{ n: 7 }]);
  await again.stop();
});

it('takes over the server of a host that was killed', async () => {
  const first = await startEmbeddedPostgres({ dataDir });
  await run(first.url, 'create table kept as select 7 as n');
  const host = readConnection(dataDir)?.hostPid;
  if (host == null) throw new Error('the host is not known');
  process.kill(host, 'SIGKILL');
  const again = await until('a new server', () =>
    startEmbeddedPostgres({ dataDir }).then((server) => (server.owned ? server : null)),
  );
  expect(again.owned).toBe(true);
  expect(await run(again.url, 'select n from kept')).toMatchObject([{ n: 7 }]);
  await again.stop();
});
