import { CHUNK_MOVES } from '../../src/domain/chunk.ts';
import type { Ledger } from '../../src/simulator/index.ts';
import { laggedNumbers } from './lags.ts';
import { count, type Notes, Violation } from './notes.ts';
import { type ChunkRow, type ItemRow, type RequestRow, type Snapshot, takeSnapshot } from './snapshot.ts';

const OPEN_ITEM: ReadonlySet<string> = new Set(['pending', 'in_flight']);
const FINAL_CHUNK: ReadonlySet<string> = new Set(['settled', 'cancelled']);
const AT_TELNYX: ReadonlySet<string> = new Set(['submitting', 'submitted', 'ambiguous']);
const INVENTORY_STATES: ReadonlySet<string> = new Set(['owned', 'released', 'missing']);
const BIRTHS: ReadonlySet<string> = new Set(['planned', 'next_step', 'split']);

/** Holds database and ledger against the invariants; throws a Violation. */
export async function checkAll(notes: Notes): Promise<Snapshot> {
  const snapshot = await takeSnapshot(notes.world, notes.lastEvent, notes.horizon);
  const ledger = notes.world.simulator.ledger();
  const lagged = laggedNumbers(notes, ledger);
  checkMoves(notes, snapshot);
  checkInventoryEvents(notes, snapshot, lagged);
  checkOrders(notes, snapshot, ledger, lagged);
  checkClaims(snapshot);
  checkSums(snapshot);
  checkReleases(notes, snapshot, ledger);
  checkRuns(snapshot);
  notes.world.outlets.check();
  notes.horizon = snapshot.horizon;
  notes.lastEvent = snapshot.events.at(-1)?.id ?? notes.lastEvent;
  return snapshot;
}

/** I3 and I10: every move is in the table and left an event that agrees with the row. */
function checkMoves(notes: Notes, s: Snapshot): void {
  const last = new Map<string, string | null>();
  for (const e of s.events) {
    if (e.subject !== 'chunk') continue;
    const isBirth = e.from_state === null && e.to_state === 'planned' && BIRTHS.has(e.cause);
    const isMove = CHUNK_MOVES.some((m) => m.from === e.from_state && m.cause === e.cause && m.to === e.to_state);
    if (!isBirth && !isMove) throw new Violation('chunk moves', 'an event tells of a move that is not in the table', e);
    if (isMove) count(notes, `move:${e.from_state} ${e.cause}`);
    last.set(e.subject_id, e.to_state);
    if (e.cause === 'give_up' || e.cause === 'declare_not_sent') {
      for (const n of s.chunks.find((c) => c.id === e.subject_id)?.numbers ?? []) notes.excused.add(n);
    }
  }
  for (const chunk of s.chunks) {
    const said = last.get(chunk.id);
    if (said !== undefined && said !== chunk.state)
      throw new Violation('I10', 'the last event of a chunk is not its state', { chunk, said });
  }
}

/** I10: an inventory row never changes without an event. */
function checkInventoryEvents(notes: Notes, s: Snapshot, lagged: ReadonlySet<string>): void {
  const told = new Map<string, string | null>();
  for (const e of s.events) {
    if (e.subject !== 'number' || e.to_state === null || !INVENTORY_STATES.has(e.to_state)) continue;
    told.set(e.subject_id, e.to_state);
    if (e.to_state === 'missing') checkMissing(notes, e.subject_id, e, lagged);
  }
  const isFirst = notes.inventory.size === 0;
  for (const row of s.written) {
    const before = notes.inventory.get(row.phone_number);
    const said = told.get(row.phone_number);
    if (!isFirst && before?.hash !== row.hash && said === undefined) {
      throw new Violation('I10', 'an inventory row changed without an event', row);
    }
    notes.inventory.set(row.phone_number, row);
  }
  for (const [number, said] of told) {
    const row = notes.inventory.get(number);
    if (row !== undefined && row.state !== said)
      throw new Violation('I10', 'the last event of a number is not its state', { row, said });
  }
}

/** I9: what is called missing is not in the account. */
function checkMissing(notes: Notes, number: string, event: unknown, lagged: ReadonlySet<string>): void {
  if (lagged.has(number) || notes.portedOut.has(number)) return;
  if (notes.world.simulator.ownedNumbers().includes(number)) {
    throw new Violation('I9', `${number} was called missing although the account has it`, event);
  }
}

/** I1 and I5: every order is a chunk of ours, nothing is bought twice, nothing beyond what was asked and allowed. */
function checkOrders(notes: Notes, s: Snapshot, ledger: Ledger, lagged: ReadonlySet<string>): void {
  const byReference = new Map(s.chunks.map((c) => [c.customer_reference, c]));
  for (const order of ledger.orders) {
    const chunk = byReference.get(order.customer_reference ?? '');
    const foreign = chunk === undefined ? order.numbers : order.numbers.filter((n) => !chunk.numbers.includes(n));
    if (chunk === undefined || foreign.length > 0)
      throw new Violation('I1', 'an order that no chunk accounts for', { order, chunk });
  }
  const sum = ledger.bought.reduce((total, b) => total + cents(b.upfront), 0);
  if (sum !== cents(ledger.charged.upfront) || ledger.bought.length !== ledger.charged.lines) {
    throw new Violation('I5', 'a number was bought and charged twice', ledger.charged);
  }
  if (ledger.retries > 0) throw new Violation('I2', 'the SDK repeated a call', ledger.calls);
  for (const request of s.requests) {
    if (request.kind !== 'buy') continue;
    checkSpending(notes, request, s, ledger, byReference, lagged);
  }
}

function checkSpending(
  notes: Notes,
  request: RequestRow,
  s: Snapshot,
  ledger: Ledger,
  byReference: ReadonlyMap<string, ChunkRow>,
  lagged: ReadonlySet<string>,
): void {
  const items = s.items.filter((i) => i.request_id === request.id);
  const held = items.filter(
    (i) => i.bought || (i.phone_number !== null && (OPEN_ITEM.has(i.status) || i.status === 'succeeded')),
  );
  const all = ledger.bought.filter((b) => byReference.get(b.customer_reference ?? '')?.request_id === request.id);
  // A surplus after a person's word or after evidence that could not be complete is allowed, and must be recorded in the end.
  const bought = all.filter((b) => !notes.excused.has(b.phone_number) && !lagged.has(b.phone_number));
  if (bought.length > request.asked) {
    throw new Violation('I5', `${bought.length} numbers were bought for ${request.id}, which asked for ${request.asked}`, {
      bought,
      items,
    });
  }
  const limits = [
    ['upfront', request.max_upfront, (b: { upfront: string | null }) => cents(b.upfront)],
    ['monthly', request.max_monthly, (b: { monthly: string | null }) => cents(b.monthly)],
  ] as const;
  for (const [name, max, of] of limits) {
    if (max === null) continue;
    const charged = bought.reduce((total, b) => total + of(b), 0);
    const committed = held.reduce((total, i) => total + of(i), 0);
    if (charged > cents(max) || committed > cents(max)) {
      throw new Violation(
        'I5',
        `the ${name} budget of ${request.id} is ${max}, but ${charged} cents were charged and ${committed} held`,
        { request, held, bought },
      );
    }
  }
  const really = new Set([...ledger.bought.map((b) => b.phone_number), ...notes.portalBought]);
  const invented = items.find((i) => i.bought && !really.has(i.phone_number ?? ''));
  if (invented !== undefined) throw new Violation('I5', 'an item calls a number bought that Telnyx never sold to us', invented);
  const twice = duplicates(items.filter((i) => i.bought).map((i) => i.phone_number ?? ''));
  if (twice.length > 0) throw new Violation('I5', 'two items of one request hold the same bought number', twice);
}

/** I4: one open buy or one open batch chunk works on a number, and it holds the claim. */
function checkClaims(s: Snapshot): void {
  const holder = new Map(s.claims.map((c) => [c.phone_number, c.request_id]));
  const kinds = new Map(s.requests.map((r) => [r.id, r]));
  const openBuys = s.items.filter(
    (i) =>
      kinds.get(i.request_id)?.kind === 'buy' &&
      OPEN_ITEM.has(i.status) &&
      i.phone_number !== null &&
      (i.chunk_id !== null || i.searched),
  );
  const twice = duplicates(openBuys.map((i) => i.phone_number ?? ''));
  if (twice.length > 0)
    throw new Violation(
      'I4',
      'two open items of buys hold the same number',
      openBuys.filter((i) => twice.includes(i.phone_number ?? '')),
    );
  const unheld = openBuys.find((i) => holder.get(i.phone_number ?? '') !== i.request_id);
  if (unheld !== undefined)
    throw new Violation('I4', 'an open item of a buy does not hold its number', {
      unheld,
      holder: holder.get(unheld.phone_number ?? ''),
    });
  const atTelnyx = s.chunks.filter((c) => AT_TELNYX.has(c.state));
  const doubled = duplicates(atTelnyx.flatMap((c) => c.numbers));
  if (doubled.length > 0)
    throw new Violation(
      'I4',
      'two chunks work on the same number',
      atTelnyx.filter((c) => c.numbers.some((n) => doubled.includes(n))),
    );
  const stray = s.claims.find((c) => kinds.get(c.request_id)?.ended === true);
  if (stray !== undefined) throw new Violation('I4', 'an ended request still holds a claim', stray);
}

/** I7: items add up to what was asked; what has ended has nothing open. */
function checkSums(s: Snapshot): void {
  for (const request of s.requests) {
    const items = s.items.filter((i) => i.request_id === request.id);
    if (items.length !== request.asked)
      throw new Violation('I7', `${request.id} asked for ${request.asked} and has ${items.length} items`, request);
    const chunks = s.chunks.filter((c) => c.request_id === request.id);
    const openChunks = chunks.filter((c) => !FINAL_CHUNK.has(c.state));
    const openItems = items.filter((i) => OPEN_ITEM.has(i.status));
    if (request.ended && openItems.length > 0) throw new Violation('I7', `${request.id} ended with open items`, openItems);
    if (request.ended && openChunks.length > 0) throw new Violation('I7', `${request.id} ended with open chunks`, openChunks);
    checkStatus(request, items);
    checkCarried(chunks, openItems);
  }
}

function checkStatus(request: RequestRow, items: ItemRow[]): void {
  if (!request.ended) return;
  const good = items.filter((i) => i.status === 'succeeded').length;
  const isFull = good === items.length;
  if ((request.status === 'succeeded') !== isFull)
    throw new Violation('I7', `${request.id} is called ${request.status} with ${good} of ${items.length} done`, items);
  if (good > 0 && !isFull && request.status !== 'partially_succeeded')
    throw new Violation('I7', 'a partial success is not called partial', request);
}

/** Every open item with a chunk is a number of that chunk, and the chunk is open: else nobody would ever end it. */
function checkCarried(chunks: ChunkRow[], openItems: ItemRow[]): void {
  const byId = new Map(chunks.map((c) => [c.id, c]));
  for (const item of openItems) {
    if (item.chunk_id === null) continue;
    const chunk = byId.get(item.chunk_id);
    if (chunk === undefined || FINAL_CHUNK.has(chunk.state))
      throw new Violation('I7', 'an open item belongs to a chunk that is over', { item, chunk });
    if (!chunk.numbers.includes(item.phone_number ?? ''))
      throw new Violation('I7', 'an open item is not among the numbers of its chunk', { item, chunk });
  }
}

/** I8, after the fact: what Telnyx released through us was named by a delete request. */
function checkReleases(_notes: Notes, s: Snapshot, ledger: Ledger): void {
  const deletes = new Set(s.requests.filter((r) => r.kind === 'delete').map((r) => r.id));
  const named = new Set(s.items.filter((i) => deletes.has(i.request_id)).map((i) => i.phone_number));
  const wrong = ledger.released.filter((r) => r.was_locked || !named.has(r.phone_number));
  if (wrong.length > 0) throw new Violation('I8', 'a number was released that no delete request names', wrong);
}

/** I9: a run that did not see everything declares nothing missing. */
function checkRuns(s: Snapshot): void {
  const wrong = s.runs.find((r) => r.status === 'incomplete' && r.missing > 0);
  if (wrong !== undefined) throw new Violation('I9', 'an incomplete run called numbers missing', wrong);
}

export function duplicates(values: string[]): string[] {
  const seen = new Set<string>();
  return values.filter((v) => seen.size === seen.add(v).size);
}

function cents(text: string | null): number {
  return Math.round(Number(text ?? '0') * 100);
}
