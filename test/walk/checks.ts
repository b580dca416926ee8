import type { Ledger } from '../../src/simulator/index.ts';
import { checkBuys, duplicates } from './check-buys.ts';
import { checkChanges, OPEN_ITEM } from './check-changes.ts';
import { checkEvidence, checkOpenDrift } from './check-drift.ts';
import { countHolds } from './check-holds.ts';
import { laggedNumbers } from './lags.ts';
import { cameTooLate, type Notes, Violation } from './notes.ts';
import { type ChunkRow, type ItemRow, type RequestRow, type Rows, takeSnapshot } from './snapshot.ts';

const FINAL_CHUNK: ReadonlySet<string> = new Set(['settled', 'cancelled']);
const AT_TELNYX: ReadonlySet<string> = new Set(['submitting', 'submitted', 'ambiguous']);

/** Checks database, ledger and all output against the invariants. Throws a Violation. */
export async function checkAll(notes: Notes): Promise<void> {
  const { world, known } = notes;
  const changes = await takeSnapshot(world, known);
  const ledger = world.simulator.ledger();
  const lagged = laggedNumbers(notes, ledger);
  checkChanges(notes, changes, lagged);
  checkEvidence(notes, changes);
  countHolds(notes, changes.events);
  known.take(changes);
  const rows = known.rows();
  checkBuys(notes, rows, ledger, lagged);
  checkClaims(rows);
  checkSums(rows);
  checkReleases(notes, rows, ledger);
  checkRuns(rows);
  checkOpenDrift(rows);
  world.outlets.check();
}

/** I4: one open buy or one open batch chunk works on a number, and it holds the claim. */
function checkClaims(s: Rows): void {
  const holder = new Map(s.claims.map((c) => [c.phone_number, c.request_id]));
  const requests = new Map(s.requests.map((r) => [r.id, r]));
  const openBuys = s.items.filter(
    (i) =>
      requests.get(i.request_id)?.kind === 'buy' &&
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
  const atTelnyx = new Map(s.chunks.filter((c) => AT_TELNYX.has(c.state)).map((c) => [c.id, c]));
  const inBatches = s.items.filter((i) => OPEN_ITEM.has(i.status) && atTelnyx.has(i.chunk_id ?? ''));
  const unheld = [...openBuys, ...inBatches].find((i) => holder.get(i.phone_number ?? '') !== i.request_id);
  if (unheld !== undefined)
    throw new Violation('I4', 'an open item does not hold its number', { unheld, holder: holder.get(unheld.phone_number ?? '') });
  // Numbers that a chunk has settled as a part are no longer its work.
  const owed = new Set(s.items.flatMap((i) => (OPEN_ITEM.has(i.status) ? [`${i.chunk_id} ${i.phone_number}`] : [])));
  const doubled = duplicates([...atTelnyx.values()].flatMap((c) => c.numbers.filter((n) => owed.has(`${c.id} ${n}`))));
  if (doubled.length > 0)
    throw new Violation(
      'I4',
      'two chunks work on the same number',
      [...atTelnyx.values()].filter((c) => c.numbers.some((n) => doubled.includes(n))),
    );
  const stray = s.claims.find((c) => requests.get(c.request_id)?.ended === true);
  if (stray !== undefined) throw new Violation('I4', 'an ended request still holds a claim', stray);
}

/** I7: the items of a request add up to what was asked, and an ended request or chunk has no open item. */
function checkSums(s: Rows): void {
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

/** Every open item with a chunk is a number of that chunk, and the chunk is open. Otherwise nobody would ever end the item. */
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

/**
 * I8, after the fact: a delete request named every number that Telnyx released through us, and allowed its emergency services.
 */
function checkReleases(notes: Notes, s: Rows, ledger: Ledger): void {
  const deletes = new Map(s.requests.flatMap((r) => (r.kind === 'delete' ? [[r.id, r] as const] : [])));
  for (const released of ledger.released) {
    const number = released.phone_number;
    const named = s.items.flatMap((i) => (i.phone_number === number ? (deletes.get(i.request_id) ?? []) : []));
    if (released.was_locked || named.length === 0)
      throw new Violation('I8', 'a number was released that no delete request names', released);
    const mayGo = named.some((r) => r.steps.some((step) => step.kind === 'delete' && step.include_emergency));
    // Somebody may have switched it on after the guards of the release had read it, or while the release counted as lost.
    const setSince = (notes.setByPeople.get(`${number} emergency`) ?? -1) >= (notes.releaseSent.get(number) ?? 0);
    if (released.was_emergency && !mayGo && !setSince && !cameTooLate(notes, number))
      throw new Violation('I8', 'a number with emergency services was released, and no request had asked for that', released);
  }
}

/** I9: a run that did not see everything declares nothing missing. */
function checkRuns(s: Rows): void {
  const wrong = s.runs.find((r) => r.status === 'incomplete' && r.missing > 0);
  if (wrong !== undefined) throw new Violation('I9', 'an incomplete run called numbers missing', wrong);
}
