import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { secret } from '../../src/config/secret.ts';
import { getAccount } from '../../src/db/account.ts';
import { buildServer } from '../../src/http/server.ts';
import { createLog } from '../../src/observability/log.ts';
import { buying } from '../support/buys.ts';
import { API_KEY, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

describe('secrets', () => {
  const h = useHarness();

  it('I11 the key is in no log line, no job, no row and no error body, whatever goes wrong', async () => {
    h().faults(
      { kind: 'accept_then_drop', match: { method: 'POST', path: '/number_orders' }, times: 1 },
      { kind: 'html', match: { family: 'search' }, times: 1 },
      { kind: 'error_before', match: { family: 'ownership' }, times: 1, status: 500, detail: `the key ${API_KEY} was seen` },
    );
    await h().run(buying(10));
    h().faults({ kind: 'error_before', status: 401, code: '20002', detail: `Bearer ${API_KEY} is revoked` });
    await h().submit(buying(5));
    await until('the gate is closed', async () => !(await getAccount(h().db.sql)).gateOpen);
    const secrets = [API_KEY, API_KEY.slice(3)];
    const jobs = await Promise.all(
      h()
        .queues.all()
        .map((q) => q.getJobs()),
    );
    const kept = JSON.stringify(jobs.flat().map((j) => [j.data, j.failedReason, j.stacktrace, j.returnvalue]));
    const tables = ['requests', 'lines', 'chunks', 'items', 'events', 'account', 'phone_numbers', 'claims'];
    const rows = await Promise.all(tables.map((t) => h().db.sql`select to_jsonb(x)::text as text from ${h().db.sql(t)} x`));
    const stored = rows
      .flat()
      .map((r) => String(r['text']))
      .join('\n');
    expect(h().logged()).toContain('account gate closed');
    for (const secret of secrets) {
      expect(h().logged().includes(secret), 'log').toBe(false);
      expect(kept.includes(secret), 'jobs').toBe(false);
      expect(stored.includes(secret), 'rows').toBe(false);
    }
    for (const job of jobs.flat())
      expect(
        Object.keys(job.data as object).every((k) => k.endsWith('Id')),
        'jobs carry ids only',
      ).toBe(true);
    const log = createLog({ level: 'silent', format: 'json', destination: { write: () => undefined } });
    const app = await buildServer({
      producer: h().deps,
      apiKeys: [{ name: 'anna', key: secret('operators-own-key'), role: 'admin' }],
      host: '127.0.0.1',
      jobSlots: 5,
      webhookKeys: [],
      boardQueues: () => h().queues.all(),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      ready: () => ({ ok: true, problems: [] }),
      clock: h().deps.clock,
      log: log.pino,
    });
    try {
      for (const url of ['/v1/account', '/v1/requests', '/v1/requests/nope', '/v1/nowhere', '/queues']) {
        for (const headers of [{ authorization: 'Bearer operators-own-key' }, { authorization: 'Bearer wrong-but-secret-key' }]) {
          const answer = await app.inject({ method: 'GET', url, headers });
          for (const secret of [...secrets, 'operators-own-key', 'wrong-but-secret-key'])
            expect(answer.body.includes(secret), url).toBe(false);
        }
      }
    } finally {
      await app.close();
    }
  });

  it('I11 a webhook that is signed with another key is refused before it is stored', async () => {
    const ours = generateKeyPairSync('ed25519');
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const publicKey = ours.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
    const log = createLog({ level: 'silent', format: 'json', destination: { write: () => undefined } });
    const app = await buildServer({
      producer: h().deps,
      apiKeys: [],
      host: '127.0.0.1',
      jobSlots: 5,
      webhookKeys: [publicKey],
      boardQueues: () => [],
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      ready: () => ({ ok: true, problems: [] }),
      clock: h().deps.clock,
      log: log.pino,
    });
    try {
      const body = JSON.stringify({ data: { id: 'evt-forged', event_type: 'number_order.complete', payload: { id: 'x' } } });
      const timestamp = String(Math.floor(Date.now() / 1_000));
      const send = (key: typeof stranger) =>
        app.inject({
          method: 'POST',
          url: '/webhooks/telnyx',
          payload: body,
          headers: {
            'content-type': 'application/json',
            'telnyx-timestamp': timestamp,
            'telnyx-signature-ed25519': sign(null, Buffer.from(`${timestamp}|${body}`), key).toString('base64'),
          },
        });
      expect((await send(stranger)).statusCode).toBe(401);
      expect(await h().db.sql`select 1 from webhook_events where id = 'evt-forged'`).toEqual([]);
      expect((await send(ours.privateKey)).statusCode).toBe(200);
    } finally {
      await app.close();
    }
  });
});
