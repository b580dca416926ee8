import { CHUNK_MOVES } from '../../src/domain/chunk.ts';
import { count, type Notes, Violation } from './notes.ts';
import type { Changes } from './snapshot.ts';

export const OPEN_ITEM: ReadonlySet<string> = new Set(['pending', 'in_flight']);
const INVENTORY_STATES: ReadonlySet<string> = new Set(['owned', 'released', 'missing']);
const BIRTHS: ReadonlySet<string> = new Set(['planned', 'next_step', 'split']);
/** A wrong decision of a person about a lost call causes a surplus that nobody can foresee. */
const UNWISE: ReadonlySet<string> = new Set(['give_up', 'declare_not_sent']);

/** Compares what was written since the last snapshot with what was known before it. */
export function checkChanges(notes: Notes, changes: Changes, lagged: ReadonlySet<string>): void {
  checkMoves(notes, changes);
  checkEnds(notes, changes);
  checkInventory(notes, changes, lagged);
}

/** I3 and I10: every move is in the table and starts in the state of the chunk, and the row has the state of its last event. */
function checkMoves(notes: Notes, changes: Changes): void {
  const { chunks } = notes.known;
  const states = new Map<string, string | null>();
  const stateOf = (id: string): string | null => states.get(id) ?? chunks.get(id)?.state ?? null;
  for (const e of changes.events) {
    if (e.subject !== 'chunk') continue;
    const isBirth = e.from_state === null && e.to_state === 'planned' && BIRTHS.has(e.cause);
    const isMove = CHUNK_MOVES.some((m) => m.from === e.from_state && m.cause === e.cause && m.to === e.to_state);
    if (!isBirth && !isMove) throw new Violation('chunk moves', 'an event tells of a move that is not in the table', e);
    if (stateOf(e.subject_id) !== e.from_state)
      throw new Violation('I10', `an event starts from ${e.from_state}, but the chunk was ${stateOf(e.subject_id)}`, e);
    if (isMove) count(notes, `move:${e.from_state} ${e.cause}`);
    states.set(e.subject_id, e.to_state);
    if (UNWISE.has(e.cause)) for (const n of numbersOf(notes, changes, e.subject_id)) notes.excused.add(n);
  }
  for (const chunk of changes.chunks) {
    if (stateOf(chunk.id) !== chunk.state)
      throw new Violation('I10', `a chunk is ${chunk.state}, but its events say ${stateOf(chunk.id)}`, chunk);
  }
}

function numbersOf(notes: Notes, changes: Changes, id: string): string[] {
  return (changes.chunks.find((c) => c.id === id) ?? notes.known.chunks.get(id))?.numbers ?? [];
}

/** I7: the end of a number or a request never changes. */
function checkEnds(notes: Notes, changes: Changes): void {
  for (const item of changes.items) {
    const before = notes.known.items.get(item.id);
    if (before === undefined || OPEN_ITEM.has(before.status)) continue;
    if (before.status !== item.status || before.reason_code !== item.reason_code || before.phone_number !== item.phone_number)
      throw new Violation('I7', 'an item that had ended was changed', { before, item });
  }
  for (const request of changes.requests) {
    const before = notes.known.requests.get(request.id);
    if (before?.ended === true && (!request.ended || before.status !== request.status))
      throw new Violation('I7', 'a request that had ended was changed', { before, request });
  }
}

/** I10: an inventory row never changes without an event. */
function checkInventory(notes: Notes, changes: Changes, lagged: ReadonlySet<string>): void {
  const { numbers } = notes.known;
  const told = new Map<string, string>();
  for (const e of changes.events) {
    if (e.subject !== 'number' || e.to_state === null || !INVENTORY_STATES.has(e.to_state)) continue;
    told.set(e.subject_id, e.to_state);
    if (e.to_state === 'missing' && e.from_state !== 'missing') checkMissing(notes, e.subject_id, e, lagged);
  }
  const isFirst = numbers.size === 0;
  for (const row of changes.numbers) {
    const said = told.get(row.phone_number);
    if (!isFirst && numbers.get(row.phone_number)?.hash !== row.hash && said === undefined)
      throw new Violation('I10', 'an inventory row changed without an event', row);
  }
  const written = new Map(changes.numbers.map((row) => [row.phone_number, row]));
  for (const [number, said] of told) {
    const row = written.get(number) ?? numbers.get(number);
    if (row !== undefined && row.state !== said)
      throw new Violation('I10', 'the last event of a number is not its state', { row, said });
  }
}

/** I9: a number that is called missing is not in the account. */
function checkMissing(notes: Notes, number: string, event: unknown, lagged: ReadonlySet<string>): void {
  if (lagged.has(number) || notes.portedOut.has(number)) return;
  if (notes.world.simulator.ownedNumbers().includes(number))
    throw new Violation('I9', `${number} was called missing although the account has it`, event);
}
