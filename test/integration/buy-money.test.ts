import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../src/db/chunks.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { resolveChunk } from '../../src/producers/actions/decide.ts';
import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { buying, causesOf, claimedOnly, offersIn, ordering, withGateway } from '../support/buys.ts';
import { deliveredTo, expectAgreement } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

describe('a refusal that may come from our own earlier order', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));

  it('I5 an order call that was doubled on its way is bought once, although its reply is the refusal of the second', async () => {
    const { createOrder } = h().deps.telnyx;
    let doubled = false;
    const twice: TelnyxGateway['createOrder'] = async (...args) => {
      if (!doubled) {
        doubled = true;
        await createOrder(...args);
      }
      return createOrder(...args);
    };
    await withGateway(h(), { createOrder: twice }, async () => {
      const view = await h().run(buying(1, '646'));
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 1 } });
      expect(await deliveredTo(h(), view.id)).toHaveLength(1);
      await expectAgreement(h(), view.id);
    });
  });

  it('I5 a person said "not sent", and it was: the repeat collides with it and nothing is bought twice', async () => {
    h().faults({ kind: 'accept_then_drop', match: ordering, times: 1 }, { kind: 'lag', orders: 60_000, ownership: 60_000 });
    const id = await h().submit(buying(1, '718'));
    const chunk = await until('the reply was lost', async () => (await h().chunks(id)).find((c) => c.state === 'ambiguous'));
    await h().stop();
    await h().db.sql`update chunks set state = 'needs_attention', next_run_at = null where id = ${chunk.id}`;
    await resolveChunk(h().deps, id, chunk.id, { kind: 'not_sent' }, 'anna');
    await h().start();
    await until('the repeat was refused', async () => (await causesOf(h(), id)).includes('maybe_ours_already'));
    h().faults();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded' });
    expect(await deliveredTo(h(), id)).toHaveLength(1);
  });

  it('I5 an order called a failure while some of its lines are open is not replaced: those may still deliver', async () => {
    const { getOrder } = h().deps.telnyx;
    h().faults({ kind: 'order_pending', ms: 1_500, times: 1 });
    const halfWay: TelnyxGateway['getOrder'] = async (id) => {
      const order = await getOrder(id);
      return order.status === 'pending' ? { ...order, status: 'failure' } : order;
    };
    await withGateway(h(), { getOrder: halfWay }, async () => {
      const view = await h().run(buying(4, '773'));
      expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 4 } });
      expect(await causesOf(h(), view.id)).toEqual(['planned', 'claim', 'accepted', 'finished']);
      await expectAgreement(h(), view.id);
    });
  });
});

describe('an order that Telnyx accepts and fails line by line', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 }, simulator: { unavailable: 'line' } }));

  it('I5 after a resend, its failed lines are looked up for the whole window: the first order has the numbers', async () => {
    h().faults(
      { kind: 'accept_then_drop', match: ordering, times: 1 },
      { kind: 'lag', orders: 1_700, ownership: 1_700, inventory: 1_700 },
    );
    const view = await h().run(buying(10, '646'));
    expect(view.counts.succeeded).toBe(10);
    expect(await causesOf(h(), view.id)).toContain('not_sent');
    await until('everything shows', () => h().sim.ownedNumbers().length >= 10);
    expect(h().sim.ledger().bought).toHaveLength(10);
  });
});

describe('an adopted order', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));

  async function parked(): Promise<{ id: string; chunk: Chunk }> {
    const id = await h().submit(buying(2, '347'));
    const chunk = await until('the reply was lost', async () => (await h().chunks(id)).find((c) => c.state === 'ambiguous'));
    await h().stop();
    await h().db.sql`update chunks set state = 'needs_attention', next_run_at = null where id = ${chunk.id}`;
    return { id, chunk };
  }
  const parkedAgain = (id: string) =>
    until('it needs attention again', async () => (await h().chunks(id)).find((c) => c.state === 'needs_attention'));

  it('that is none of Telnyx comes back to the person instead of being asked for ever', async () => {
    h().faults({ kind: 'error_before', match: ordering, times: 1, status: 500 });
    const { id, chunk } = await parked();
    const refuse = async () => Promise.reject(new ProvisioningError('invalid_request', 'rejected', 'invalid id'));
    await withGateway(h(), { getOrder: refuse }, async () => {
      await resolveChunk(h().deps, id, chunk.id, { kind: 'adopt', telnyxId: 'oops' }, 'anna');
      await h().start();
      await parkedAgain(id);
    });
    await resolveChunk(h().deps, id, chunk.id, { kind: 'give_up' }, 'anna');
  });

  it('I5 that carries other numbers is not believed: ours are not lost, and nothing is bought in their place', async () => {
    const other = await h().deps.telnyx.createOrder([(await offersIn(h(), '773'))[0]?.phoneNumber ?? ''], 'by-hand', {});
    h().faults(
      { kind: 'accept_then_drop', match: ordering, times: 1 },
      { kind: 'order_pending', times: 1 },
      { kind: 'lag', orders: 60_000 },
    );
    const { id, chunk } = await parked();
    await resolveChunk(h().deps, id, chunk.id, { kind: 'adopt', telnyxId: other.id }, 'anna');
    await h().start();
    expect((await parkedAgain(id)).evidence?.seen).toHaveProperty(
      'conclusion',
      expect.stringContaining('does not carry 2 of the 2 numbers'),
    );
    const truth = h()
      .sim.ledger()
      .orders.find((o) => o.customer_reference === chunk.customerReference);
    h().sim.decideOrder(truth?.id ?? '', 'approve');
    h().faults();
    await resolveChunk(h().deps, id, chunk.id, { kind: 'adopt', telnyxId: truth?.id ?? '' }, 'anna');
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
    expect((await deliveredTo(h(), id)).map((b) => b.phone_number).sort()).toEqual(chunk.numbers);
  });
});

describe('the price of an order that waited', () => {
  const OLD = '3 days';
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));
  const makeOld = (id: string) => h().db.sql`update items set searched_at = now() - ${OLD}::interval where request_id = ${id}`;

  it('I5 is looked at again: what became dearer than it was claimed at is replaced, never ordered above cap or budget', async () => {
    const { id } = await claimedOnly(h(), { ...buying(3, '773', { max_number_cost: '2.00' }), max_upfront_cost: '6.00' });
    await makeOld(id);
    const dearer = (await h().chunks(id))[0]?.numbers[0];
    const { search } = h().deps.telnyx;
    const risen: TelnyxGateway['search'] = async (criteria) => {
      const result = await search(criteria);
      return { ...result, offers: result.offers.map((o) => (o.phoneNumber === dearer ? { ...o, upfrontCost: '500.00' } : o)) };
    };
    await withGateway(h(), { search: risen }, async () => {
      await h().start();
      expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
      expect((await deliveredTo(h(), id)).map((b) => b.phone_number)).not.toContain(dearer);
      await expectAgreement(h(), id);
    });
  });

  it('a search that is refused for good ends the numbers with a reason instead of looping', async () => {
    const { id } = await claimedOnly(h(), buying(2, '516'));
    await makeOld(id);
    const refuse = async () => Promise.reject(new ProvisioningError('invalid_request', 'rejected', 'no such type here'));
    await withGateway(h(), { search: refuse }, async () => {
      await h().start();
      expect(await h().ended(id)).toMatchObject({ status: 'failed', counts: { failed: 2 } });
      expect((await h().items(id))[0]).toMatchObject({ reasonCode: 'invalid_request' });
    });
  });
});
