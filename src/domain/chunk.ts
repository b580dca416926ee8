import type { ItemStatus } from './request.ts';

/** The states of a chunk. A chunk is what one mutating call to Telnyx carries. */
export const CHUNK_STATES = [
  'planned',
  'submitting',
  'submitted',
  'ambiguous',
  'needs_attention',
  'settled',
  'cancelled',
] as const;
export type ChunkState = (typeof CHUNK_STATES)[number];

/** One legal move. `items` is the state that the open items of the chunk get with the move; without it, they keep theirs. */
interface Move {
  from: ChunkState;
  cause: string;
  to: ChunkState;
  items?: Extract<ItemStatus, 'pending' | 'in_flight'>;
}

/**
 * The life of a chunk. This table is the only list of legal moves. `moveChunk` in `db/chunks.ts` performs them, and
 * `docs/chunk-lifecycle.md` draws them (a test holds the drawing against this table).
 */
export const CHUNK_MOVES = [
  { from: 'planned', cause: 'claim', to: 'submitting', items: 'in_flight' },
  { from: 'planned', cause: 'cancel', to: 'cancelled' },
  { from: 'planned', cause: 'split', to: 'settled' },
  { from: 'planned', cause: 'nothing_to_send', to: 'settled' },
  { from: 'submitting', cause: 'accepted', to: 'submitted' },
  { from: 'submitting', cause: 'reply_lost', to: 'ambiguous' },
  { from: 'submitting', cause: 'lease_expired', to: 'ambiguous' },
  { from: 'submitting', cause: 'maybe_ours_already', to: 'ambiguous' },
  { from: 'submitting', cause: 'try_later', to: 'planned', items: 'pending' },
  { from: 'submitting', cause: 'refused', to: 'settled' },
  { from: 'submitting', cause: 'refused_split', to: 'settled' },
  { from: 'submitted', cause: 'finished', to: 'settled' },
  { from: 'submitted', cause: 'part_finished', to: 'submitted' },
  { from: 'submitted', cause: 'contradiction', to: 'needs_attention' },
  { from: 'ambiguous', cause: 'found', to: 'submitted' },
  { from: 'ambiguous', cause: 'owned_without_order', to: 'settled' },
  { from: 'ambiguous', cause: 'not_sent', to: 'planned', items: 'pending' },
  { from: 'ambiguous', cause: 'surely_gone', to: 'settled' },
  { from: 'ambiguous', cause: 'contradiction', to: 'needs_attention' },
  { from: 'needs_attention', cause: 'adopt', to: 'submitted' },
  { from: 'needs_attention', cause: 'declare_not_sent', to: 'planned', items: 'pending' },
  { from: 'needs_attention', cause: 'give_up', to: 'settled' },
] as const satisfies readonly Move[];

export type ChunkMove = (typeof CHUNK_MOVES)[number];
export type ChunkCause = ChunkMove['cause'];

/** The states that no move leaves. */
export const FINAL_STATES: readonly ChunkState[] = ['settled', 'cancelled'];

/** True for a state that no move leaves. */
export function isFinal(state: ChunkState): boolean {
  return FINAL_STATES.includes(state);
}

/** The states in which work is owed. `needs_attention` is one of them, but waits for a person. */
export const OPEN_STATES: readonly ChunkState[] = CHUNK_STATES.filter((s) => !isFinal(s));

/** The open states in which a queue job owes the next move. */
export const WORKING_STATES: readonly ChunkState[] = OPEN_STATES.filter((s) => s !== 'needs_attention');

/** The states in which the call of the chunk may be open at Telnyx. */
export const AT_TELNYX_STATES: readonly ChunkState[] = ['submitting', 'submitted', 'ambiguous'];

/** The states in which a chunk waits to learn what became of a call that left. */
export const FOLLOWED_STATES: readonly ChunkState[] = ['submitted', 'ambiguous'];

/** The move that `cause` makes from `from`, or `null` when the table has no such move. */
export function moveOf(from: ChunkState, cause: ChunkCause): Move | null {
  return CHUNK_MOVES.find((m) => m.from === from && m.cause === cause) ?? null;
}
