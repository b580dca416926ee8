import type { WorkDeps } from '../../account/deps.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { ProvisioningError } from '../../domain/errors.ts';
import type { Evidence, History } from '../../domain/evidence.ts';
import type { E164 } from '../../domain/phone-number.ts';
import type { Payload, Step } from '../../domain/step.ts';
import type { Job, LastCheck, TelnyxGateway } from '../../telnyx/gateway.ts';
import type { Settlement } from './settle.ts';

/** A chunk whose step is of one kind. The database stores the kind beside the step, and the two always agree. */
export type ChunkOf<S extends Step> = Chunk & { step: S };

/**
 * One kind of mutating call to Telnyx: everything in which it differs from the other kinds. `chunk/advance.ts` moves a chunk from
 * state to state and asks its kind for the rest. `Over` is what the kind read of a finished call.
 */
export interface ChunkKind<S extends Step = Step, Over = unknown> {
  /**
   * True when the queue job keeps its place in the queue while the call is open at Telnyx. The number of places then limits the
   * number of open calls.
   */
  readonly holdsSlot: boolean;
  /** True when the call takes one of the job slots of the account: from its claim until Telnyx has said its last word. */
  readonly jobSlot?: true;
  /**
   * True when the call buys numbers. A closed account gate or a cancelled request stops such a call, and a refusal of it may hide
   * a purchase of ours.
   */
  readonly buys: boolean;
  /**
   * Runs the guards of this kind and decides what the call carries. Needs no job slot, because nothing of the chunk is open at
   * Telnyx.
   */
  prepare(deps: WorkDeps, chunk: ChunkOf<S>): Promise<Prepared>;
  /** What is done once for a chunk that waits until its buy has claimed every number: an order reserves its own. */
  whileClaiming?(deps: WorkDeps, chunk: ChunkOf<S>): Promise<void>;
  /**
   * Sends the call once. The gateway runs `lastCheck` when the call leaves the rate limiter; it throws when the call must not
   * leave any more. Returns the id of the order, batch job or bulk update at Telnyx. When Telnyx takes one number a call, the
   * kind sends as many numbers as the lease allows, and commits each number with `carry` before it sends it.
   * `prepare` and `find` read in `payload.sent` which numbers may have left.
   */
  send(telnyx: TelnyxGateway, chunk: ChunkOf<S>, lastCheck: LastCheck, carry: Carry): Promise<Sent>;
  /** When an accepted call is polled first. A kind that leaves it out is polled after `pollMinMs`. */
  firstPoll?(deps: WorkDeps, chunk: ChunkOf<S>, sent: Sent): NextPoll;
  /** Decides what a refusal means. `by_disposition` leaves the decision to the disposition of the error. */
  refused(deps: WorkDeps, chunk: ChunkOf<S>, failure: ProvisioningError): Promise<Refusal>;
  /** Polls an accepted call once. */
  observe(deps: WorkDeps, chunk: ChunkOf<S>): Promise<Observed<Over>>;
  /** Decides how every number of a finished call ends. Needs no job slot. */
  judge(deps: WorkDeps, chunk: ChunkOf<S>, over: Over): Promise<Judgement>;
  /**
   * Makes one check after a lost reply: which orders or batch jobs at Telnyx are ours (newest first), and which numbers the
   * account owns.
   */
  find(deps: WorkDeps, chunk: ChunkOf<S>): Promise<Found>;
  /**
   * Settles what a refused or lost order left behind. Only kinds that buy have it. `unproven` asks for checks over the whole
   * settling window.
   */
  settleDoubt?(deps: WorkDeps, chunk: ChunkOf<S>, doubt: Doubt): Promise<Settlement | 'unproven'>;
}

/** The id of the accepted call at Telnyx, or the batch job that Telnyx answered with. */
export type Sent = string | Pick<Job, 'id' | 'createdAt' | 'etc'>;

/** When an open call is polled next: at the latest after `delayMs` milliseconds, or when `wake` resolves. */
export interface NextPoll {
  delayMs: number;
  wake?: Promise<unknown>;
}

/** Commits that a call for these numbers leaves now. Throws `held_back` (ambiguous) when another worker moved the chunk. */
export type Carry = (numbers: E164[]) => Promise<void>;

/** The answer of the guards of a kind. */
export type Prepared =
  /** The call may leave with these numbers. `chunk` is the row as the guards left it. */
  | { kind: 'ready'; chunk: Chunk; numbers: E164[]; payload: Payload }
  /** Nothing is sent now. The guards run again after `delayMs` milliseconds. */
  | { kind: 'wait'; chunk: Chunk; delayMs: number; reason: string }
  /** Nothing is sent from this chunk: its numbers end, or go on in new chunks. */
  | { kind: 'settle'; chunk: Chunk; settlement: Settlement }
  /** Reading these numbers takes longer than what was read stays valid. The chunk is halved. */
  | { kind: 'too_slow'; chunk: Chunk; numbers: E164[] }
  /** Another worker moved the chunk. */
  | { kind: 'moved' };

/** What a refused call means for its chunk. */
export type Refusal =
  /**
   * The disposition decides: an ambiguous call is looked up, "retry" and "account" wait, and any other error fails every number.
   */
  | { kind: 'by_disposition' }
  /** The call had no effect and may go out again. Unlike a wait, it counts as an attempt. */
  | { kind: 'retry'; history?: History }
  /** The refusal may hide a success of ours, so the account is checked before anything is concluded. */
  | { kind: 'maybe_ours' }
  /** The numbers go out again as two chunks. */
  | { kind: 'split'; history?: History }
  /** These numbers are at fault and fail with the text of Telnyx. The others go out again. */
  | { kind: 'drop'; numbers: E164[] }
  /** The kind settles the chunk in its own way. */
  | { kind: 'settle'; settlement: Settlement; said: string };

/** The answer to one poll. */
export type Observed<Over> =
  /**
   * Telnyx has not finished. `waiting` means that Telnyx waits for paperwork, `trouble` is what the request shows, and `seen` is
   * evidence to store.
   */
  | {
      kind: 'open';
      delayMs: number;
      wake?: Promise<unknown>;
      reason: string;
      waiting?: boolean;
      trouble?: Trouble;
      seen?: Evidence;
    }
  /** Some numbers are final while Telnyx still works on others. */
  | { kind: 'part'; settlement: Settlement; said: string }
  /** Telnyx has finished the call. */
  | { kind: 'over'; over: Over }
  /** The evidence contradicts itself, so a person must decide. */
  | { kind: 'contradiction'; why: string };

/** What Telnyx waits for, as the request shows it. */
export interface Trouble {
  code: 'requirements_not_met';
  text: string;
  /** When Telnyx stops waiting and cancels. */
  deadline: Date | null;
}

/** What a kind decided about a finished call. */
export type Judgement =
  | { kind: 'settle'; settlement: Settlement; said: string }
  /**
   * Order, list and ownership do not agree yet. With `givesSlotBack`, the queue job waits without its slot, because the wait is
   * long and nothing is open at Telnyx.
   */
  | { kind: 'check_again'; evidence: Evidence; delayMs: number; reason: string; givesSlotBack?: true };

/** What one check after a lost reply found. */
export interface Found {
  /** Orders or batch jobs at Telnyx that are ours, newest first. */
  ids: string[];
  /** Numbers of the chunk that the account owns and that this call may have delivered, with their ids at Telnyx. */
  owned: ReadonlyMap<E164, string>;
}

/** An order whose outcome the checks cannot clear up any further. */
export type Doubt =
  | { kind: 'owned_without_order'; owned: ReadonlyMap<E164, string> }
  | { kind: 'refused'; evidence: Evidence; owned: ReadonlyMap<E164, string>; windowOver: boolean };
