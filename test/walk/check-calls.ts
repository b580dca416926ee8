import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { type Notes, Violation } from './notes.ts';

interface Sent {
  id: string;
  request_id: string;
  kind: string;
  numbers: string[];
  customer_reference: string;
  step: { include_locked?: boolean; include_emergency?: boolean };
  claim_event: number;
  state: string;
}

const KIND_OF: Partial<Record<keyof TelnyxGateway, string>> = {
  createOrder: 'order',
  updateNumbers: 'update',
  deleteNumbers: 'delete',
  updateEmergency: 'emergency',
  updateMessaging: 'messaging',
};

/** What must be true in the moment in which a mutating call leaves: its intent is committed, and it is allowed. */
export async function guardCall(
  notes: Notes,
  name: keyof TelnyxGateway,
  args: readonly unknown[],
  startedIn: number,
): Promise<void> {
  const kind = KIND_OF[name];
  if (kind === undefined) return;
  const numbers = Array.isArray(args[0]) ? args[0].map(String) : [];
  const reference = kind === 'order' ? String(args[1]) : null;
  const rows = await notes.world.look<Sent[]>`
    select c.id, c.request_id, c.kind, c.state, c.numbers, c.customer_reference, c.step,
      (select max(e.id)::int from events e where e.subject_id = c.id and e.cause = 'claim') as claim_event
    from chunks c
    where c.kind = ${kind} and c.numbers = ${numbers}::text[] and (${reference}::text is null or c.customer_reference = ${reference})`;
  const sent = rows.filter((row) => row.claim_event !== null);
  if (sent.length === 0)
    throw new Violation('I1', `${name} leaves although no claimed chunk holds its numbers`, { numbers, reference, rows });
  // The worker slept between its last look and the call, and others concluded that nothing had left.
  if (sent.every((row) => row.state === 'settled' || row.state === 'cancelled')) for (const n of numbers) notes.excused.add(n);
  if (kind === 'order') await guardOrder(notes, sent);
  if (kind === 'delete') await guardRelease(notes, sent, numbers, startedIn);
}

/** Nothing is bought for a request that was cancelled before the order was claimed, nor while the gate is closed. */
async function guardOrder(notes: Notes, sent: Sent[]): Promise<void> {
  for (const chunk of sent) {
    const cancelledAt = notes.cancelled.get(chunk.request_id);
    if (cancelledAt !== undefined && chunk.claim_event > cancelledAt) {
      throw new Violation('cancel', `an order of ${chunk.request_id} leaves although the request was cancelled before`, chunk);
    }
    const closed = await notes.world.look<{ id: number; to_state: string }[]>`
      select id::int, to_state from events where subject = 'account' and id < ${chunk.claim_event} order by id desc limit 1`;
    if (closed[0]?.to_state === 'closed')
      throw new Violation('account gate', 'an order leaves although the gate was closed before its claim', { chunk, closed });
  }
}

/** Only numbers that a delete request names, and none that is protected, locked or has emergency services unless told so. */
async function guardRelease(notes: Notes, sent: Sent[], numbers: string[], startedIn: number): Promise<void> {
  const named = await notes.world.look<{ phone_number: string }[]>`
    select i.phone_number from items i join requests r on r.id = i.request_id
    where r.kind = 'delete' and i.phone_number = any(${numbers}::text[])`;
  const asked = new Set(named.map((row) => row.phone_number));
  const strangers = numbers.filter((n) => !asked.has(n));
  if (strangers.length > 0) throw new Violation('I8', 'a release of numbers that no delete request names', { strangers, sent });
  const includeEmergency = sent.some((chunk) => chunk.step.include_emergency === true);
  const seen = await readBack(notes);
  for (const n of numbers) {
    const now = seen.get(n);
    // What changed behind our back while this very run was on its way could not be seen by it.
    if (now === undefined || (notes.touched.get(n) ?? -1) >= startedIn) continue;
    const emergency = now.emergency !== 'disabled' && now.emergency !== undefined;
    if (now.tags.includes('protected') || now.locked || (emergency && !includeEmergency)) {
      throw new Violation('I8', `${n} is released although it is protected, locked or has emergency services`, { now, sent });
    }
  }
}

interface Seen {
  tags: string[];
  locked: boolean;
  emergency: string | undefined;
}

/** The account as it is, past all faults of the API. */
async function readBack(notes: Notes): Promise<Map<string, Seen>> {
  const seen = new Map<string, Seen>();
  try {
    for (let pageNumber = 1, pages = 1; pageNumber <= pages; pageNumber += 1) {
      const page = await notes.world.deps.telnyx.listNumbers({ pageNumber, pageSize: 250 });
      pages = page.totalPages;
      for (const n of page.numbers) {
        seen.set(n.phoneNumber, { tags: n.tags ?? [], locked: n.deletionLockEnabled === true, emergency: n.emergencyStatus });
      }
    }
  } catch {
    // A fault struck this look; the next release is looked at again.
  }
  return seen;
}
