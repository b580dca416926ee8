import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { buildServer } from '../../src/http/server.ts';
import type { Ledger } from '../../src/simulator/index.ts';
import { expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { type Harness, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

interface Stored {
  id: string;
  orderId: string | null;
  customerReference: string | null;
  outcome: string | null;
}

/** So long that within a test no poll comes by itself: what moves an order on is a webhook. */
const NO_POLL_MS = 60_000;
const BUYING = { kind: 'buy', lines: [{ national_destination_code: '312', quantity: 30 }] };

/** The real endpoint on a port of its own, where the simulator sends its events. */
async function listening(h: Harness, keys: string[]): Promise<() => Promise<void>> {
  const app = await buildServer({
    producer: h.deps,
    apiKeys: [],
    jobSlots: 15,
    host: '127.0.0.1',
    webhookKeys: keys,
    boardQueues: () => [],
    metrics: async () => ({ contentType: 'text/plain', text: '' }),
    ready: () => ({ ok: true, problems: [] }),
    clock: h.deps.clock,
    log: pino({ level: 'silent' }),
  });
  h.sim.setWebhooks(`${await app.listen({ host: '127.0.0.1', port: 0 })}/webhooks/telnyx`);
  return async () => {
    h.sim.setWebhooks(undefined);
    await app.close();
  };
}

const stored = (h: Harness) =>
  h.db.sql<Stored[]>`select id, order_id, customer_reference, outcome from webhook_events order by id`;
const ids = (sent: Ledger['webhooks'], kind: string) => [
  ...new Set(sent.flatMap((delivery) => (delivery.kind === kind ? [delivery.event_id] : []))),
];
const statuses = (sent: Ledger['webhooks'], kind: string) =>
  new Set(sent.flatMap((delivery) => (delivery.kind === kind ? [delivery.status] : [])));

/** Waits until the simulator has nothing left to send; a refused event comes three times. */
async function allSent(h: Harness, count: number): Promise<Ledger['webhooks']> {
  await until(`${count} deliveries`, () => h.sim.ledger().webhooks.length >= count);
  return h.sim.ledger().webhooks;
}

describe('events that the simulator sends while a buy runs', () => {
  const h = useHarness(() => ({
    simulator: { orderMs: 1_500 },
    limits: { orderSize: 10 },
    timings: {
      pollMinMs: NO_POLL_MS,
      pollMaxMs: NO_POLL_MS,
      listEveryMs: NO_POLL_MS,
      hotPollMs: 2 * NO_POLL_MS,
      orphanMs: NO_POLL_MS,
    },
  }));

  it('late, doubled, out of order, forged and of foreign orders: each is stored once, and the true ones wake their polls', async () => {
    const close = await listening(h(), [h().sim.publicKey]);
    h().faults(
      { kind: 'webhook_out_of_order', times: 1 },
      { kind: 'webhook_late', ms: 700, after: 2, times: 1 },
      { kind: 'webhook_double' },
      { kind: 'webhook_forged' },
      { kind: 'webhook_foreign_order' },
    );
    const began = Date.now();
    const view = await h().run(BUYING);
    expect(view).toMatchObject({ status: 'succeeded', counts: { asked: 30, succeeded: 30 } });
    expect(Date.now() - began, 'the polls were woken').toBeLessThan(NO_POLL_MS / 2);
    // For each of three orders: the event twice, a stranger's order once, and a forgery, which is refused three times.
    const sent = await allSent(h(), 18);
    expect(sent).toHaveLength(18);
    await close();
    expect(
      h()
        .sim.faultStates()
        .every(({ struck }) => struck > 0),
    ).toBe(true);

    const orders = h()
      .sim.ledger()
      .orders.map((order) => order.id);
    const references = h()
      .sim.ledger()
      .orders.map((order) => order.customer_reference);
    const [genuine, forged, foreign] = [ids(sent, 'genuine'), ids(sent, 'forged'), ids(sent, 'foreign')];
    expect([genuine.length, forged.length, foreign.length]).toEqual([3, 3, 3]);
    expect([statuses(sent, 'genuine'), statuses(sent, 'foreign'), statuses(sent, 'forged')]).toEqual([
      new Set([200]),
      new Set([200]),
      new Set([401]),
    ]);
    await until('all events are applied', async () => (await stored(h())).every((event) => event.outcome !== null));
    const events = await stored(h());
    expect(events.map((event) => event.id)).toEqual([...genuine, ...foreign].sort());
    const woken = events.filter((event) => genuine.includes(event.id));
    // As Telnyx documents it, an event names no order: our reference tells which one is meant.
    expect(woken.map((event) => [event.orderId, event.customerReference, event.outcome]).sort()).toEqual(
      references.map((reference) => [null, reference, 'woke_poll']).sort(),
    );
    expect(events.filter((event) => foreign.includes(event.id)).map((event) => event.outcome)).toEqual(
      Array.from({ length: 3 }, () => 'no_open_order'),
    );
    const arrived = sent.flatMap((delivery) => (delivery.kind === 'genuine' ? [delivery.order_id] : []));
    expect([...new Set(arrived)], 'the first came after a later one').not.toEqual(orders);
    await expectAgreement(h(), view.id);
    await expectInventory(h());
  });
});

describe('events that nobody believes', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));

  it('are refused and stored nowhere, and the buy ends right by its polls alone', async () => {
    const close = await listening(h(), [Buffer.alloc(32, 7).toString('base64')]);
    h().faults({ kind: 'webhook_double' }, { kind: 'webhook_foreign_order' });
    const view = await h().run(BUYING);
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 30 } });
    const sent = await allSent(h(), 27);
    await close();
    expect(new Set(sent.map((delivery) => delivery.status))).toEqual(new Set([401]));
    expect(await stored(h())).toEqual([]);
    await expectAgreement(h(), view.id);
    await expectInventory(h());
  });
});
