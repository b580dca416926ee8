import { expect } from 'vitest';
import type { EventRow } from '../../src/db/events.ts';
import type { PhoneNumber } from '../../src/db/numbers.ts';
import { CHUNK_MOVES } from '../../src/domain/chunk.ts';
import { formatMoney, parseMoney } from '../../src/domain/money.ts';
import { hasEnded } from '../../src/domain/request.ts';
import type { Bought } from '../../src/simulator/index.ts';
import type { Harness } from './harness.ts';

/** Returns what Telnyx delivered for the orders of a request, found by their references. */
export async function deliveredTo(h: Harness, id: string): Promise<Bought[]> {
  const references = new Set((await h.chunks(id)).map((c) => c.customerReference));
  return h.sim.ledger().bought.filter((b) => b.customer_reference !== null && references.has(b.customer_reference));
}

/**
 * Checks that ledger, database and request agree for one ended request: the sums (I7), purchases and charges (I5), the intent
 * committed before each order (I1), the histories of chunks and numbers (I10), and that no claim is left (I4).
 */
export async function expectAgreement(h: Harness, id: string): Promise<void> {
  const view = await h.view(id);
  const items = await h.items(id);
  expect(hasEnded(view.status), `${view.status} is an end`).toBe(true);
  const { asked, ...byStatus } = view.counts;
  expect(Object.values(byStatus).reduce((sum, n) => sum + n, 0)).toBe(asked);
  expect(items).toHaveLength(asked);
  expect([view.counts.pending, view.counts.in_flight]).toEqual([0, 0]);
  for (const item of items) {
    if (item.status !== 'succeeded') expect(item.reasonCode, `${item.phoneNumber} says why it is ${item.status}`).not.toBeNull();
  }
  expect(await h.db.sql`select phone_number from claims where request_id = ${id}`).toHaveLength(0);
  if (view.kind === 'buy') await expectPurchase(h, id);
  await expectChunkHistories(h, id);
  await expectNumberHistories(
    h,
    items.flatMap((i) => i.phoneNumber ?? []),
  );
}

async function expectPurchase(h: Harness, id: string): Promise<void> {
  const view = await h.view(id);
  const delivered = await deliveredTo(h, id);
  const numbers = delivered.map((b) => b.phone_number).sort();
  const items = await h.items(id);
  const recorded = items.filter((i) => i.boughtAt !== null).flatMap((i) => i.phoneNumber ?? []);
  expect(recorded.sort(), 'what the items call bought is what Telnyx delivered').toEqual(numbers);
  expect(new Set(numbers).size, 'no number twice').toBe(numbers.length);
  expect(numbers.length).toBeLessThanOrEqual(view.counts.asked);
  const sum = (price: (b: Bought) => string) =>
    formatMoney(delivered.reduce((total, b) => total + (parseMoney(price(b)) ?? 0n), 0n));
  expect(view.cost.upfront, 'what Telnyx charged once').toBe(sum((b) => b.upfront));
  expect(view.cost.monthly, 'what Telnyx charges a month').toBe(sum((b) => b.monthly));
  const rows = await h.db.sql<PhoneNumber[]>`
    select * from phone_numbers where bought_by = ${id} and not surplus order by phone_number`;
  expect(
    rows.map((r) => r.phoneNumber),
    'the inventory has them',
  ).toEqual(numbers);
  const owned = new Set(h.sim.ownedNumbers());
  for (const row of rows) expect([row.phoneNumber, row.state === 'owned']).toEqual([row.phoneNumber, owned.has(row.phoneNumber)]);
  await expectIntentFirst(h, id);
}

/** I1: exact numbers, reference and claim were committed before the order reached Telnyx, and each reference was used once. */
async function expectIntentFirst(h: Harness, id: string): Promise<void> {
  const chunks = new Map((await h.chunks(id)).map((c) => [c.customerReference, c]));
  const orders = h.sim.ledger().orders.filter((o) => chunks.has(o.customer_reference ?? ''));
  expect(new Set(orders.map((o) => o.customer_reference)).size, 'one order a reference').toBe(orders.length);
  for (const order of orders) {
    const chunk = chunks.get(order.customer_reference ?? '');
    expect([...order.numbers].sort()).toEqual([...(chunk?.numbers ?? [])].sort());
    const claims = await h.db.sql<{ at: Date }[]>`
      select at from events where subject = 'chunk' and subject_id = ${chunk?.id ?? ''} and cause = 'claim' order by id limit 1`;
    expect(claims[0]?.at.getTime()).toBeLessThanOrEqual(Date.parse(order.at));
  }
}

/** Checks that the events of every chunk form one path of legal moves from its creation to its present state. */
export async function expectChunkHistories(h: Harness, id: string): Promise<void> {
  const events = await h.db.sql<EventRow[]>`select * from events where subject = 'chunk' and request_id = ${id} order by id`;
  for (const chunk of await h.chunks(id)) {
    const [first, ...moves] = events.filter((e) => e.subjectId === chunk.id);
    expect([first?.fromState, first?.toState]).toEqual([null, 'planned']);
    let state = 'planned';
    for (const move of moves) {
      expect(move.fromState).toBe(state);
      const legal = CHUNK_MOVES.some((m) => m.from === move.fromState && m.cause === move.cause && m.to === move.toState);
      expect(legal, JSON.stringify(move)).toBe(true);
      state = move.toState ?? '';
    }
    expect(state).toBe(chunk.state);
    expect(moves, 'one event a move').toHaveLength(chunk.generation);
  }
}

const UNTRACED: ReadonlySet<string> = new Set(['updated_at', 'created_at', 'last_seen_at']);

/** Checks that replaying the events of each number gives its row: no field changed without a trace (I10). */
export async function expectNumberHistories(h: Harness, numbers: string[]): Promise<void> {
  const rows = await h.db.sql<{ phone: string; row: Record<string, unknown> }[]>`
    select phone_number as phone, to_jsonb(p) as row from phone_numbers p where phone_number = any(${numbers}::text[])`;
  const events = await h.db.sql<{ phone: string; detail: Record<string, [unknown, unknown]> | null }[]>`
    select subject_id as phone, detail from events where subject = 'number' and subject_id = any(${numbers}::text[]) order by id`;
  const replayed = new Map<string, Record<string, unknown>>();
  for (const { phone, detail } of events) {
    const known = replayed.get(phone) ?? {};
    for (const [field, change] of Object.entries(detail ?? {})) if (Array.isArray(change)) known[field] = change[1];
    replayed.set(phone, known);
  }
  for (const { phone, row } of rows) {
    const traced = Object.fromEntries(Object.entries(row).filter(([field, value]) => !UNTRACED.has(field) && value !== null));
    const told = Object.fromEntries(Object.entries(replayed.get(phone) ?? {}).filter(([, value]) => value !== null));
    expect(told, `the history of ${phone}`).toEqual(traced);
  }
}

/** Checks that the inventory calls owned exactly what the account owns. */
export async function expectInventory(h: Harness): Promise<void> {
  const rows = await h.db.sql<{ phoneNumber: string }[]>`select phone_number from phone_numbers where state = 'owned' order by 1`;
  expect(rows.map((r) => r.phoneNumber).sort()).toEqual(h.sim.ownedNumbers().sort());
}

/** Counts how often an endpoint answered, by status or by how the reply was lost. */
export function calls(h: Harness, endpoint: string): Record<string, number> {
  return h.sim.ledger().calls.by_endpoint[endpoint] ?? {};
}
