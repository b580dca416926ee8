import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ended } from '../support/child-process.ts';
import { openStage, type Stage } from '../support/process-stage.ts';
import { until } from '../support/until.ts';

let stage: Stage;
beforeAll(async () => {
  // The Postgres backend: these run on every machine.
  stage = await openStage({ redis: false });
  await stage.worker();
}, 240_000);
afterAll(() => stage.end());

const buy = (...args: string[]): Promise<Ended> => stage.run(['buy', '--yes', ...args]);
const jsonOf = (ended: Ended): { [name: string]: unknown } => JSON.parse(ended.stdout);

describe('exit codes of the real commands', { timeout: 240_000 }, () => {
  it('0: all succeeded; --json prints exactly one JSON value on stdout, and nothing else goes there', async () => {
    const ended = await buy('--ndc', '312=5', '--wait', '--timeout', '60s', '--json');
    expect({ code: ended.code, ...jsonOf(ended) }).toMatchObject({
      code: 0,
      status: 'succeeded',
      counts: { asked: 5, succeeded: 5 },
    });
    expect(ended.stderr).not.toContain('"counts"');
  });

  it('1: failed, 3: partly succeeded, each with its reason', async () => {
    const [failed, partly] = await Promise.all([
      buy('--ndc', '312=3', '--max-number-cost', '0.01', '--wait', '--timeout', '60s', '--json'),
      buy('--ndc', '312=3', '--ndc', '907=3', '--wait', '--timeout', '60s', '--json'),
    ]);
    expect({ code: failed.code, ...jsonOf(failed) }).toMatchObject({ code: 1, status: 'failed', counts: { failed: 3 } });
    expect({ code: partly.code, ...jsonOf(partly) }).toMatchObject({
      code: 3,
      status: 'partially_succeeded',
      counts: { succeeded: 3, failed: 3 },
    });
    const items = await stage.run(['request', String(jsonOf(partly)['id']), '--items', 'failed']);
    expect(items).toMatchObject({ code: 0 });
    expect(items.stdout).toContain('inventory_exhausted');
  });

  it('2: usage and validation, with nothing stored and nothing sent', async () => {
    const before = [await stage.sql`select id from requests`, stage.simulator.ledger().calls.total];
    const [nothing, zero, flag, both] = await Promise.all([
      buy(),
      buy('--ndc', '312=0', '--json'),
      buy('--ndx', '312=1'),
      buy('--ndc', '31x=1', '--max-upfront', '-1', '--json'),
    ]);
    expect([nothing, zero, flag, both].map((ended) => ended.code)).toEqual([2, 2, 2, 2]);
    expect(jsonOf(zero)).toMatchObject({ error: { code: expect.any(String) } });
    expect([nothing.stdout, flag.stdout]).toEqual(['', '']);
    expect(flag.stderr).toContain('--ndx');
    expect([await stage.sql`select id from requests`, stage.simulator.ledger().calls.total]).toEqual(before);
  });

  it('4: not found', async () => {
    const [plain, json] = await Promise.all([
      stage.run(['request', 'req_doesnotexist']),
      stage.run(['request', 'req_doesnotexist', '--json']),
    ]);
    expect([plain.code, json.code]).toEqual([4, 4]);
    expect(plain).toMatchObject({ stdout: '', stderr: expect.stringContaining('req_doesnotexist') });
    expect(jsonOf(json)).toMatchObject({ error: { code: 'not_found' } });
  });

  it('5: the wait timed out, and the request goes on', async () => {
    stage.simulator.faults({ faults: [{ kind: 'order_pending', ms: 4_000, times: 1 }] });
    const ended = await buy('--ndc', '773=2', '--wait', '--timeout', '1s', '--json');
    expect(ended.code).toBe(5);
    expect(ended.stderr).toContain('the request goes on');
    const watched = await stage.run(['watch', String(jsonOf(ended)['id']), '--timeout', '60s', '--json']);
    expect({ code: watched.code, status: jsonOf(watched)['status'] }).toEqual({ code: 0, status: 'succeeded' });
  });

  it('6: refused off a terminal without --yes, and when the expected count is off', async () => {
    const bought = stage.simulator.ledger().bought.map((b) => b.phone_number);
    const [unasked, miscounted] = await Promise.all([
      stage.run(['buy', '--ndc', '312=1']),
      stage.run(['delete', '--numbers', '-', '--expect', '1', '--yes'], { stdin: bought.slice(0, 2).join('\n') }),
    ]);
    expect([unasked.code, miscounted.code]).toEqual([6, 6]);
    expect(unasked.stderr).toContain('--yes');
    expect(stage.simulator.ledger().released).toEqual([]);
  });

  it('7: no funds closes the gate; the request waits, and goes on when the gate is opened', async () => {
    stage.simulator.faults({ faults: [{ kind: 'insufficient_funds' }] });
    const ended = await buy('--ndc', '872=2', '--wait', '--timeout', '5s', '--json');
    expect({ code: ended.code, counts: jsonOf(ended)['counts'] }).toMatchObject({ code: 7, counts: { failed: 0 } });
    const account = await stage.run(['account']);
    expect(`${account.stdout}${account.stderr}`).toContain('not enough funds');
    stage.simulator.faults({ clear: true });
    expect((await stage.run(['account', 'reopen', '--yes'])).code).toBe(0);
    const watched = await stage.run(['watch', String(jsonOf(ended)['id']), '--timeout', '60s', '--json']);
    expect({ code: watched.code, status: jsonOf(watched)['status'] }).toEqual({ code: 0, status: 'succeeded' });
  });

  it('and at the end the ledger, the database and what was asked agree', async () => {
    await until(
      'all requests have ended',
      async () => (await stage.sql`select 1 from requests where finished_at is null`).length === 0,
    );
    expect(await stage.disagreements()).toEqual([]);
  });
});
