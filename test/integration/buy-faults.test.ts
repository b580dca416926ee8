import { describe, expect, it } from 'vitest';
import { seeing } from '../../src/domain/evidence.ts';
import { resolveChunk } from '../../src/producers/actions/decide.ts';
import type { Fault } from '../../src/simulator/index.ts';
import { buying, causesOf, ordering, ordersOf } from '../support/buys.ts';
import { deliveredTo, expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

describe('an order whose reply is lost or wrong', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 }, deadlineMs: 800 }));

  const tookEffect: [string, Fault][] = [
    ['the connection is cut after Telnyx took it', { kind: 'accept_then_drop' }],
    ['half of the body arrives', { kind: 'accept_half_body' }],
    ['the body stalls', { kind: 'accept_stall' }],
    ['no answer comes, but it took effect', { kind: 'stall', effect: true }],
    ['500 after it took effect', { kind: 'error_after', status: 500 }],
    ['503 after it took effect', { kind: 'error_after', status: 503, code: '10037' }],
    ['408 after it took effect', { kind: 'error_after', status: 408, code: '10008' }],
    ['409 after it took effect', { kind: 'error_after', status: 409, code: '10012' }],
    ['an HTML page with status 200', { kind: 'html' }],
    ['an answer without the id', { kind: 'no_id' }],
  ];

  it.each(tookEffect)('I3 %s: it is found by its reference and nothing is bought twice', async (_, fault) => {
    h().faults({ ...fault, match: ordering, times: 1 });
    const view = await h().run(buying(20));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 20 } });
    await expectAgreement(h(), view.id);
    const orders = await ordersOf(h(), view.id);
    expect(orders, 'one order a chunk').toHaveLength(2);
    expect((await deliveredTo(h(), view.id)).every((b) => b.duplicate_attempts === 0)).toBe(true);
    expect(await causesOf(h(), view.id)).toEqual(expect.arrayContaining(['reply_lost', 'found']));
    expect(await causesOf(h(), view.id)).not.toContain('not_sent');
  });

  const hadNone: [string, Fault][] = [
    ['500 before anything happened', { kind: 'error_before', status: 500 }],
    ['408 before anything happened', { kind: 'error_before', status: 408, code: '10008' }],
    ['no answer comes and nothing happened', { kind: 'stall', effect: false }],
    ['the connection is reset at once', { kind: 'refuse_connection' }],
  ];

  it.each(hadNone)('I3 %s: after all looks said no, the same numbers go out again', async (_, fault) => {
    h().faults({ ...fault, match: ordering, times: 1 });
    const id = await h().submit(buying(10, '773'));
    const numbers = await until(
      'the reply was lost',
      async () => (await h().chunks(id)).find((c) => c.state === 'ambiguous')?.numbers,
    );
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
    await expectAgreement(h(), id);
    expect((await deliveredTo(h(), id)).map((b) => b.phone_number).sort()).toEqual([...numbers].sort());
    expect(await h().chunks(id)).toHaveLength(1);
    expect(await causesOf(h(), id)).toEqual(['planned', 'claim', 'reply_lost', 'not_sent', 'claim', 'accepted', 'finished']);
  });

  it('I3 an order that shows up only after it was sent again collides with its repeat and is bought once', async () => {
    h().faults(
      { kind: 'accept_then_drop', match: ordering, times: 1 },
      { kind: 'lag', orders: 1_500, ownership: 1_500, inventory: 1_500 },
    );
    const view = await h().run(buying(10, '646'));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
    await expectAgreement(h(), view.id);
    expect(await causesOf(h(), view.id)).toEqual(expect.arrayContaining(['not_sent', 'maybe_ours_already', 'found']));
    const delivered = await deliveredTo(h(), view.id);
    expect(
      delivered.some((b) => b.duplicate_attempts > 0),
      'the repeat did reach Telnyx',
    ).toBe(true);
    expect(await ordersOf(h(), view.id)).toHaveLength(1);
  });

  it('I3 a reference filter that matches by prefix finds no order of others', async () => {
    h().faults({ kind: 'reference_prefix' }, { kind: 'error_before', match: ordering, times: 1, status: 500 });
    const id = await h().submit(buying(5, '646'));
    const chunk = await until('the reply was lost', async () => (await h().chunks(id)).find((c) => c.state === 'ambiguous'));
    const [other = ''] = (
      await h().deps.telnyx.search({
        countryCode: 'US',
        phoneNumberType: 'local',
        nationalDestinationCode: '718',
        bestEffort: false,
        limit: 5,
      })
    ).offers.map((o) => o.phoneNumber);
    await h().deps.telnyx.createOrder([other], `${chunk.customerReference}-b`, {});
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 5 } });
    expect((await h().chunks(id))[0]?.telnyxId).not.toBe(
      h()
        .sim.ledger()
        .orders.find((o) => o.customer_reference?.endsWith('-b'))?.id,
    );
    await expectAgreement(h(), id);
  });

  it('I3 contradictory evidence is parked for a person, and his decision ends it', async () => {
    h().faults({ kind: 'error_before', match: ordering, times: 1, status: 500 });
    const id = await h().submit(buying(6, '718'));
    const chunk = await until('the reply was lost', async () => (await h().chunks(id)).find((c) => c.state === 'ambiguous'));
    // Somebody buys some of these very numbers by hand.
    await h().deps.telnyx.createOrder(chunk.numbers.slice(0, 2), 'by-hand', {});
    await until('it needs attention', async () => (await h().view(id)).status === 'needs_attention');
    expect((await h().chunks(id))[0]?.evidence?.seen).toMatchObject({
      conclusion: expect.stringContaining('2 of 6 numbers are ours'),
      ownedNumbers: chunk.numbers.slice(0, 2),
    });
    await resolveChunk(h().deps, id, chunk.id, { kind: 'give_up' }, 'anna');
    expect(await h().view(id)).toMatchObject({ status: 'failed', counts: { failed: 6 } });
    await expectAgreement(h(), id);
    const [event] = await h().db.sql`select actor, cause from events where subject_id = ${chunk.id} order by id desc limit 1`;
    expect(event).toEqual({ actor: 'anna', cause: 'give_up' });
  });

  it('I3 a person may adopt an order or say that nothing was sent', async () => {
    for (const kind of ['adopt', 'not_sent'] as const) {
      h().faults({ kind: 'error_before', match: ordering, times: 1, status: 500 });
      const id = await h().submit(buying(4, '516'));
      const chunk = await until('the reply was lost', async () => (await h().chunks(id)).find((c) => c.state === 'ambiguous'));
      await h().stop();
      // Parked long ago: its checks say nothing about an order that is adopted now.
      const checks = [1, 2, 3].map(() => ({ at: new Date(Date.now() - 3_600_000).toISOString(), found: [], owned: 0 }));
      await h().db.sql`
        update chunks set state = 'needs_attention', next_run_at = null, evidence = ${JSON.stringify(seeing(null, { phase: 'unknown', because: 'timeout', checks }))}::text::jsonb
        where id = ${chunk.id}`;
      h().faults({ kind: 'lag', ownership: 500, inventory: 500 });
      if (kind === 'adopt') {
        const order = await h().deps.telnyx.createOrder(chunk.numbers, chunk.customerReference, {});
        await resolveChunk(h().deps, id, chunk.id, { kind, telnyxId: order.id }, 'anna');
      } else {
        await resolveChunk(h().deps, id, chunk.id, { kind }, 'anna');
      }
      await h().start();
      expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 4 } });
      expect((await deliveredTo(h(), id)).map((b) => b.phone_number).sort()).toEqual([...chunk.numbers].sort());
      expect(
        (await h().items(id)).every((i) => i.telnyxId !== null),
        'ownership was waited for',
      ).toBe(true);
      expect(await ordersOf(h(), id)).toHaveLength(1);
    }
  });

  it('I5 numbers that turn out to be ours while their order is being taken apart count as bought, and are not replaced', async () => {
    const hidden = { orders: 60_000, ownership: 60_000, inventory: 60_000 };
    h().faults({ kind: 'accept_then_drop', match: ordering, times: 1 }, { kind: 'lag', ...hidden });
    const id = await h().submit(buying(4, '347'));
    await until('the order is taken apart', async () => (await causesOf(h(), id)).includes('surely_gone'));
    h().faults({ kind: 'lag', ...hidden, ownership: 0 });
    const view = await h().ended(id);
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 4 } });
    const bought = h()
      .sim.ledger()
      .bought.filter((b) => b.phone_number.startsWith('+1347'));
    expect(bought, 'what Telnyx sold in this area code').toHaveLength(4);
    expect(bought.map((b) => b.phone_number).sort()).toEqual((await h().items(view.id)).map((i) => i.phoneNumber).sort());
    await expectAgreement(h(), view.id);
  });
});
