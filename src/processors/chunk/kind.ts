import type { WorkDeps } from '../../account/deps.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { ProvisioningError } from '../../domain/errors.ts';
import type { Evidence, History } from '../../domain/evidence.ts';
import type { E164 } from '../../domain/phone-number.ts';
import type { Payload, Step } from '../../domain/step.ts';
import type { LastCheck, TelnyxGateway } from '../../telnyx/gateway.ts';
import type { Settlement } from './settle.ts';

/** A chunk of one kind. The database stores the kind of its step beside it, so the two always agree. */
export type ChunkOf<S extends Step> = Chunk & { step: S };

/**
 * One kind of mutating call to Telnyx: all that differs from the others. `chunk/advance.ts` takes a chunk from state to state and
 * asks its kind for the rest. `Over` is what the kind read of a call that is over.
 */
export interface ChunkKind<S extends Step = Step, Over = unknown> {
  /** True when the queue job keeps its slot while the call is open at Telnyx, so that never more calls are open than there are slots. */
  readonly holdsSlot: boolean;
  /** True when the call buys numbers. A closed gate or a cancelled request then stops it, and a refusal may hide a purchase of ours. */
  readonly buys: boolean;
  /** Before sending, without a slot: the guards of this kind, and what the call is to carry. */
  prepare(deps: WorkDeps, chunk: ChunkOf<S>): Promise<Prepared>;
  /**
   * Sends the call once. `lastCheck` runs when the call's turn has come, and throws when the call must not leave any more. Returns
   * the id of the order, batch job or bulk update at Telnyx. A kind that takes one number a call sends a slice that fits the lease, and
   * commits each number (see `carry`) before it sends it. `prepare` and `find` read in `payload.sent` which numbers may have left.
   */
  send(telnyx: TelnyxGateway, chunk: ChunkOf<S>, lastCheck: LastCheck, carry: Carry): Promise<string>;
  /** What a refusal means, beside what its disposition says. */
  refused(deps: WorkDeps, chunk: ChunkOf<S>, failure: ProvisioningError): Promise<Refusal>;
  /** One poll of an accepted call. */
  observe(deps: WorkDeps, chunk: ChunkOf<S>): Promise<Observed<Over>>;
  /** After Telnyx's last word, without a slot: how every number ends. */
  judge(deps: WorkDeps, chunk: ChunkOf<S>, over: Over): Promise<Judgement>;
  /** One check after a lost reply: which orders or batch jobs of ours there are, newest first, and which numbers are ours. */
  find(deps: WorkDeps, chunk: ChunkOf<S>): Promise<Found>;
  /** Only for kinds that buy: settles what a refused or lost call left behind. */
  settleDoubt?(deps: WorkDeps, chunk: ChunkOf<S>, doubt: Doubt): Promise<Settlement | 'unproven'>;
}

/** Commits that a call for these numbers of the chunk leaves now; throws when the chunk is not ours to send any more. */
export type Carry = (numbers: E164[]) => Promise<void>;

/** What the guards of a kind found. */
export type Prepared =
  /** The call may leave with these numbers. `chunk` is the row as the guards left it. */
  | { kind: 'ready'; chunk: Chunk; numbers: E164[]; payload: Payload }
  /** Nothing leaves now. */
  | { kind: 'wait'; chunk: Chunk; delayMs: number; reason: string }
  /** Nothing leaves as it stands: numbers end, or go on in chunks of their own. */
  | { kind: 'settle'; chunk: Chunk; settlement: Settlement }
  /** So many numbers cannot be read soon enough to act on what was read. */
  | { kind: 'too_slow'; chunk: Chunk; numbers: E164[] }
  /** Somebody else moved the chunk. */
  | { kind: 'moved' };

export type Refusal =
  /** The disposition says it all: ambiguous is looked up, retry and account wait, anything else fails every number. */
  | { kind: 'by_disposition' }
  /** The call had no effect and may go out again. Unlike a wait it counts as an attempt. */
  | { kind: 'retry'; history?: History }
  /** The refusal may hide a success of our own: the account is checked before anything is concluded. */
  | { kind: 'maybe_ours' }
  /** The numbers go out again as two chunks. */
  | { kind: 'split'; history?: History }
  /** These numbers are at fault and end with the words of Telnyx; the others go out again. */
  | { kind: 'drop'; numbers: E164[] }
  /** Anything else. */
  | { kind: 'settle'; settlement: Settlement; said: string };

export type Observed<Over> =
  /** Telnyx is not done. `waiting`: for paperwork; `trouble` is what the request then says. */
  | { kind: 'open'; delayMs: number; reason: string; waiting?: boolean; trouble?: Trouble; seen?: Evidence }
  /** Some numbers have their end while others wait. */
  | { kind: 'part'; settlement: Settlement; said: string }
  /** Telnyx has said its last word. */
  | { kind: 'over'; over: Over }
  /** Nothing that a program may decide. */
  | { kind: 'contradiction'; why: string };

export interface Trouble {
  code: 'requirements_not_met';
  text: string;
  /** Until when Telnyx waits. */
  deadline: Date | null;
}

export type Judgement =
  | { kind: 'settle'; settlement: Settlement; said: string }
  /** Order, list and ownership do not agree yet. `givesSlotBack`: the wait is long, and nothing is open at Telnyx any more. */
  | { kind: 'check_again'; evidence: Evidence; delayMs: number; reason: string; givesSlotBack?: true };

export interface Found {
  ids: string[];
  /** Numbers of the chunk that are ours and may have come by this call, with their ids at Telnyx. */
  owned: ReadonlyMap<E164, string>;
}

/** An order whose outcome the checks have made as clear as they can. */
export type Doubt =
  | { kind: 'owned_without_order'; owned: ReadonlyMap<E164, string> }
  | { kind: 'refused'; evidence: Evidence; owned: ReadonlyMap<E164, string>; windowOver: boolean };
