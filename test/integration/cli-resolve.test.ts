import { beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { realServices } from '../../src/cli/services.ts';
import type { Chunk } from '../../src/db/chunks.ts';
import { testIo } from '../support/cli-runs.ts';
import { expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const ordering = { method: 'POST', path: '/number_orders' };

// A real contradiction each time: the order surely failed, and somebody bought some of its very numbers by hand.
describe('a chunk that needs a person, on the command line', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));
  let id: string;
  let chunk: Chunk;

  async function cli(...argv: string[]): Promise<{ exit: number; out: string }> {
    const { io, out } = testIo('', { DATABASE_URL: h().databaseUrl, LOG_LEVEL: 'silent', USER: 'anna' });
    return { exit: await runCli(argv, io, realServices), out: out() };
  }
  const resolve = (...choice: string[]) => cli('resolve', id, '--chunk', chunk.id, ...choice, '--yes', '--json');
  const decided = async () =>
    (
      await h().db.sql`select cause, actor, detail->'evidence' is not null as kept from events
      where subject_id = ${chunk.id} and from_state = 'needs_attention'`
    )[0];

  beforeEach(async () => {
    h().faults({ kind: 'error_before', match: ordering, times: 1, status: 500 });
    id = await h().submit({ kind: 'buy', lines: [{ national_destination_code: '718', quantity: 6 }] });
    chunk = await until('the reply was lost', async () => (await h().chunks(id)).find((c) => c.state === 'ambiguous'));
    await h().deps.telnyx.createOrder(chunk.numbers.slice(0, 2), 'by-hand', {});
    await until('it needs attention', async () => (await h().view(id)).status === 'needs_attention');
  });

  it('is explained with all that was seen and with the commands that decide; --give-up ends its numbers', async () => {
    const { out } = await cli('request', id);
    const command = `provisioner resolve ${id} --chunk ${chunk.id}`;
    for (const text of [
      '2 of 6 numbers are ours',
      chunk.numbers[0] ?? '',
      `${command} --adopt`,
      `${command} --not-sent`,
      `${command} --give-up`,
    ])
      expect(out).toContain(text);
    expect(await resolve('--give-up')).toMatchObject({ exit: 0 });
    expect(await h().ended(id)).toMatchObject({ status: 'failed', counts: { failed: 6 } });
    expect(await decided()).toEqual({ cause: 'give_up', actor: expect.any(String), kept: true });
    await expectAgreement(h(), id);
  });

  it('--not-sent sends the same numbers again: those that are ours by now collide, none is bought twice', async () => {
    expect(await resolve('--not-sent')).toMatchObject({ exit: 0 });
    const view = await h().ended(id);
    expect(view.counts.succeeded).toBeGreaterThanOrEqual(4);
    expect(await decided()).toEqual({ cause: 'declare_not_sent', actor: expect.any(String), kept: true });
    const bought = h()
      .sim.ledger()
      .bought.map((b) => b.phone_number);
    expect(new Set(bought).size).toBe(bought.length);
  });

  it('--adopt follows the order that the person names, as if its reply had come', async () => {
    const order = await h().deps.telnyx.createOrder(chunk.numbers.slice(2), chunk.customerReference, {});
    expect(await resolve('--adopt', order.id)).toMatchObject({ exit: 0 });
    const view = await h().ended(id);
    expect(view.counts.succeeded).toBeGreaterThanOrEqual(4);
    expect(await decided()).toEqual({ cause: 'adopt', actor: expect.any(String), kept: true });
    expect((await cli('resolve', id, '--chunk', chunk.id, '--give-up', '--yes')).exit).toBe(6);
  });
});
