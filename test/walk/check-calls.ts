import { isDeepStrictEqual } from 'node:util';
import type { NumberSettings, OrderSettings, Payload, Step } from '../../src/domain/step.ts';
import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { guardHolds } from './check-holds.ts';
import { count, type Notes, Violation } from './notes.ts';

/** The run of a job from which a call leaves. */
export interface Caller {
  chunkId: string | null;
  /** When the run began: the step, and the last event that was known then. */
  step: number;
  lastEvent: number;
}

/** The committed state of the chunk at the moment of the call. */
interface Intent {
  id: string;
  request_id: string;
  request_kind: string;
  request_steps: Step[];
  kind: string;
  state: string;
  numbers: string[];
  customer_reference: string;
  step: Step;
  payload: Payload | null;
  /** The last claim, and the state of the account gate at that time. */
  claim: number | null;
  gate: string | null;
  /** Numbers that the request names or holds. */
  named: string[];
}

interface Call {
  name: string;
  numbers: string[];
  reference: string | null;
  carries: Partial<Step>;
}

/** A mutating call as a step; `null` for a call that needs no intent of its own. */
function callOf(name: keyof TelnyxGateway, args: readonly unknown[]): Call | null {
  const numbers = Array.isArray(args[0]) ? args[0].map(String) : [];
  const call = (carries: Partial<Step>, reference: string | null = null): Call => ({ name, numbers, reference, carries });
  switch (name) {
    case 'createOrder':
      return call({ kind: 'order', settings: args[2] as OrderSettings }, String(args[1]));
    case 'updateNumbers':
      return call({ kind: 'update', settings: args[1] as NumberSettings });
    case 'updateEmergency':
      return call({ kind: 'emergency', emergency_enabled: args[1] === true, emergency_address_id: args[2] as string | null });
    case 'updateMessaging':
      return call({ kind: 'messaging', messaging_profile_id: String(args[1]) });
    case 'deleteNumbers':
      return call({ kind: 'delete' });
    default:
      return null;
  }
}

/** Checks a mutating call at the moment when it leaves: its intent is committed, and it is allowed. */
export async function guardCall(
  notes: Notes,
  name: keyof TelnyxGateway,
  args: readonly unknown[],
  caller: Caller,
): Promise<void> {
  const call = callOf(name, args);
  if (call === null) return;
  const [intent] = await notes.world.sql<Intent[]>`
    select c.id, c.request_id, r.kind as request_kind, r.steps as request_steps, c.kind, c.state, c.numbers,
      c.customer_reference, c.step, c.payload, claim.id as claim,
      (select to_state from events where subject = 'account' and id < claim.id order by id desc limit 1) as gate,
      (select coalesce(array_agg(phone_number), '{}') from items i where i.request_id = c.request_id and phone_number is not null) as named
    from chunks c join requests r on r.id = c.request_id
      cross join lateral (select max(id)::int as id from events where subject = 'chunk' and subject_id = c.id and cause = 'claim') claim
    where c.id = ${caller.chunkId}`;
  if (intent === undefined) throw new Violation('I1', `${name} leaves for no chunk`, { call, caller });
  guardIntent(notes, call, intent, caller);
  guardLeave(notes, call, intent);
  await guardHolds(notes, name, intent.request_id, intent.claim);
  guardLift(intent);
  if (intent.kind === 'delete') await guardRelease(notes, intent, caller);
}

/** I1: this run claimed exactly this call, and no other call has left on that claim. */
function guardIntent(notes: Notes, call: Call, intent: Intent, caller: Caller): void {
  // What the call carries is the payload where it says so, and else the step.
  const committed = { ...intent.step, ...intent.payload };
  const differs = Object.entries(call.carries).find(([key, value]) => !isDeepStrictEqual(Reflect.get(committed, key), value));
  if (differs !== undefined || !isDeepStrictEqual(intent.numbers, call.numbers))
    throw new Violation('I1', `${call.name} leaves with other numbers or settings than are committed`, { call, intent });
  if (call.reference !== null && call.reference !== intent.customer_reference)
    throw new Violation('I1', `${call.name} leaves with another reference than is committed`, { call, intent });
  if (intent.claim === null || intent.claim <= caller.lastEvent || notes.spentClaims.has(intent.claim))
    throw new Violation('I1', `${call.name} leaves without a claim of its own`, { call, intent, caller });
  notes.spentClaims.add(intent.claim);
  const unnamed = call.numbers.filter((n) => !intent.named.includes(n));
  if (unnamed.length > 0 || (intent.kind === 'delete' && intent.request_kind !== 'delete'))
    throw new Violation('I8', `${call.name} leaves for numbers that its request does not name`, { unnamed, intent });
}

/**
 * After a cancel no call leaves that it stops, and nothing is bought while the gate is closed. The moment of the claim decides.
 */
function guardLeave(notes: Notes, call: Call, intent: Intent): void {
  // A bought number is finished, whether the request was cancelled or not.
  const finishes = intent.request_kind === 'buy' && intent.kind !== 'order';
  const cancelledAt = notes.cancelled.get(intent.request_id);
  if (cancelledAt !== undefined && !finishes && (intent.claim ?? 0) > cancelledAt)
    throw new Violation('cancel', `${call.name} leaves although its request was cancelled before`, { call, intent });
  if (intent.kind === 'order' && intent.gate === 'closed')
    throw new Violation('account gate', 'an order leaves although the gate was closed before its claim', { call, intent });
  // The worker slept between its last check and the call, and others concluded that nothing had left.
  if (intent.state !== 'settled' && intent.state !== 'cancelled') return;
  count(notes, 'call of a chunk that is over');
  for (const n of call.numbers) notes.excused.add(n);
}

/** I8: a lock or emergency services are removed for a release only when its request says so. */
function guardLift(intent: Intent): void {
  const release = intent.request_steps.find((step) => step.kind === 'delete');
  if (release === undefined || intent.kind === 'delete') return;
  const mayLift = intent.kind === 'emergency' ? release.include_emergency : release.include_locked;
  if (!mayLift)
    throw new Violation('I8', `a release lifts what keeps its numbers (${intent.kind}), and nobody asked for that`, intent);
}

/** I8: releases no number that is protected, locked or has emergency services, unless the request says so. */
async function guardRelease(notes: Notes, intent: Intent, caller: Caller): Promise<void> {
  const includeEmergency = intent.step.kind === 'delete' && intent.step.include_emergency;
  const seen = await readBack(notes);
  for (const n of intent.numbers) {
    notes.releaseSent.set(n, caller.step);
    const now = seen.get(n);
    // A change in the portal during this run could not be seen by it.
    if (now === undefined || (notes.touched.get(n) ?? -1) >= caller.step) continue;
    const emergency = now.emergency !== 'disabled' && now.emergency !== undefined;
    if (now.tags.includes('protected') || now.locked || (emergency && !includeEmergency))
      throw new Violation('I8', `${n} is released although it is protected, locked or has emergency services`, { now, intent });
  }
}

interface Seen {
  tags: string[];
  locked: boolean;
  emergency: string | undefined;
}

/** Faults strike a few times at most. */
const MOST_TRIES = 12;

/** The account as it is. Faults strike this reading like any other, so it is tried again. */
async function readBack(notes: Notes): Promise<Map<string, Seen>> {
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    try {
      const page = await notes.world.deps.telnyx.listNumbers({ pageNumber: 1, pageSize: 250 });
      return new Map(
        page.numbers.map((n) => [
          n.phoneNumber,
          { tags: n.tags ?? [], locked: n.deletionLockEnabled === true, emergency: n.emergencyStatus },
        ]),
      );
    } catch {
      // Once more.
    }
  }
  count(notes, 'release that could not be looked at');
  return new Map();
}
