import { randomUUID } from 'node:crypto';
import { closeGate, openGate } from '../../src/db/account.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { acceptWebhook } from '../../src/producers/actions/accept-webhook.ts';
import { cancelRequest } from '../../src/producers/actions/cancel.ts';
import { resolveChunk } from '../../src/producers/actions/decide.ts';
import { retryRequest } from '../../src/producers/actions/retry.ts';
import { startRun } from '../../src/producers/actions/start-run.ts';
import { submitRequest } from '../../src/producers/intake/submit.ts';
import { SIMULATED_ACCOUNT, SIMULATED_BAD_IDS } from '../../src/simulator/index.ts';
import { count, type Notes, tell, Violation } from './notes.ts';

/** Area codes with many, few and very few numbers on sale, so that requests meet and run short. */
const AREAS = ['312', '312', '773', '585', '716'] as const;
const MOST_REQUESTS = 5;

export async function submit(notes: Notes, first?: 'buy'): Promise<void> {
  if (notes.requests.length >= MOST_REQUESTS) return;
  const { choice } = notes;
  const kind = first ?? choice.one(['buy', 'buy', 'list', 'update', 'update', 'delete', 'delete'] as const);
  const asked =
    kind === 'buy'
      ? buyBody(notes)
      : kind === 'list'
        ? listBody(notes)
        : kind === 'update'
          ? await updateBody(notes)
          : await deleteBody(notes);
  const body = kind === 'delete' ? asked : { ...asked, ...holds(notes, kind, askedIn(asked)) };
  try {
    const { request } = await submitRequest(notes.world.deps, body);
    notes.requests.push(request.id);
    count(notes, `submit:${kind}`);
    tell(notes, `submit ${kind} r${notes.requests.length} ${JSON.stringify(body)}`);
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    count(notes, `refused at submit:${error.code}`);
    tell(notes, `submit ${kind} refused: ${error.code}`);
  }
}

/** What holds back some of the buys and updates. */
function holds({ choice, world }: Notes, kind: string, asked: number): object {
  const whole = kind !== 'update' && choice.chance(0.12);
  return {
    ...(choice.chance(0.1) && { start_at: new Date(world.now() + choice.int(1_000, 400_000)).toISOString() }),
    ...(choice.chance(0.1) && { stop_above: choice.int(0, 30) }),
    ...(whole ? { all_or_nothing: true } : choice.chance(0.2) && asked > 1 && { canary: choice.int(1, asked - 1) }),
  };
}

/** How many numbers a body asks for. */
function askedIn(body: object): number {
  const { lines = [], phone_numbers = [] } = body as { lines?: { quantity: number }[]; phone_numbers?: string[] };
  return phone_numbers.length + lines.reduce((sum, l) => sum + l.quantity, 0);
}

function budgets(notes: Notes, quantity: number): object {
  const { choice } = notes;
  if (choice.chance(0.5)) return {};
  return {
    max_upfront_cost: `${choice.int(Math.ceil(quantity / 2), quantity + 1)}.00`,
    ...(choice.chance(0.3) && { max_monthly_cost: `${quantity}.50` }),
  };
}

function assigned(notes: Notes): object {
  const { choice } = notes;
  if (choice.chance(0.08)) return { assign: { connection_id: SIMULATED_BAD_IDS.connectionId } };
  return choice.chance(0.4)
    ? { assign: { connection_id: SIMULATED_ACCOUNT.connectionIds[0], ...(choice.chance(0.6) && { tags: ['walked'] }) } }
    : {};
}

function buyBody(notes: Notes): object {
  const { choice } = notes;
  const lines = Array.from({ length: choice.int(1, 2) }, () => ({
    national_destination_code: choice.one(AREAS),
    quantity: choice.int(2, 8),
    ...(choice.chance(0.3) && { fallback: { national_destination_codes: [choice.one(AREAS)], best_effort: choice.chance(0.3) } }),
  }));
  const quantity = lines.reduce((sum, l) => sum + l.quantity, 0);
  return { kind: 'buy', lines, ...budgets(notes, quantity), ...assigned(notes), ...(choice.chance(0.15) && { reserve: true }) };
}

function listBody(notes: Notes): object {
  const numbers = notes.choice.some(onSale(notes), notes.choice.int(2, 7));
  return { kind: 'buy', phone_numbers: numbers, ...budgets(notes, numbers.length), ...assigned(notes) };
}

/** Numbers that the buys of this history try to get too. A number that is sold meanwhile stays in the list. */
function onSale(notes: Notes): string[] {
  return notes.world.onSale.filter((n) => AREAS.some((area) => n.startsWith(`+1${area}`)));
}

async function ourNumbers(notes: Notes, most: number): Promise<string[]> {
  const rows = await notes.world.sql<{ phone_number: string }[]>`
    select phone_number from phone_numbers where state = 'owned' order by bought_by is null, phone_number limit 24`;
  return notes.choice.some(
    rows.map((r) => r.phone_number),
    most,
  );
}

async function updateBody(notes: Notes): Promise<object> {
  const { choice } = notes;
  const phone_numbers = await ourNumbers(notes, choice.int(2, 10));
  if (choice.chance(0.1)) phone_numbers.push('+13125550188');
  const set = choice.one<object>([
    { connection_id: choice.one<string>(SIMULATED_ACCOUNT.connectionIds) },
    { tags: choice.some(['solar', 'legacy', 'protected'], choice.int(0, 2)) },
    { add_tags: ['walked'], remove_tags: ['solar'] },
    { deletion_lock_enabled: choice.chance(0.7) },
    { messaging_profile_id: SIMULATED_ACCOUNT.messagingProfileIds[0], connection_id: SIMULATED_ACCOUNT.connectionIds[0] },
    { emergency_address_id: choice.chance(0.7) ? SIMULATED_ACCOUNT.emergencyAddressIds[0] : null },
    { customer_reference: 'walk', add_tags: ['both'] },
    { connection_id: SIMULATED_BAD_IDS.connectionId },
  ]);
  return { kind: 'update', phone_numbers, set };
}

async function deleteBody(notes: Notes): Promise<object> {
  const { choice } = notes;
  const phone_numbers = await ourNumbers(notes, choice.int(1, 8));
  if (choice.chance(0.05)) phone_numbers.push('+13125550188');
  return {
    kind: 'delete',
    phone_numbers,
    expected_count: phone_numbers.length + (choice.chance(0.06) ? 1 : 0),
    include_locked: choice.chance(0.4),
    include_emergency: choice.chance(0.4),
  };
}

export async function cancel(notes: Notes): Promise<void> {
  const id = notes.asleep !== null && notes.choice.chance(0.7) ? notes.asleep : notes.choice.maybe(notes.requests);
  if (id === undefined) return;
  await cancelRequest(notes.world.deps, id, 'walk');
  const [row] = await notes.world.sql<{ last: number; cancelled: boolean }[]>`
    select (select max(id)::int from events) as last, (select cancel_requested_at is not null from requests where id = ${id}) as cancelled`;
  if (row?.cancelled === true && !notes.cancelled.has(id)) notes.cancelled.set(id, row.last);
  tell(notes, `cancel r${notes.requests.indexOf(id) + 1}`);
}

export async function retry(notes: Notes): Promise<void> {
  const id = notes.choice.maybe(notes.requests);
  if (id === undefined || notes.requests.length >= MOST_REQUESTS) return;
  try {
    const { request, created } = await retryRequest(notes.world.deps, id, 'walk');
    if (created) notes.requests.push(request.id);
    tell(notes, `retry r${notes.requests.indexOf(id) + 1}: ${created ? 'filed' : 'known'}`);
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    tell(notes, `retry refused: ${error.code}`);
  }
}

/** Returns the id of the run that is under way now. */
export async function reconcile(notes: Notes): Promise<string> {
  const { id } = await startRun(notes.world.deps, 'manual', notes.choice.chance(0.2));
  tell(notes, 'reconcile');
  return id;
}

export async function reopenGate(notes: Notes): Promise<void> {
  const opened = await openGate(notes.world.deps.db.sql, { actor: 'walk', at: notes.world.deps.clock.now() });
  if (opened) count(notes, 'gate reopened');
  tell(notes, `gate: ${opened ? 'reopened' : 'was open'}`);
}

/** Closes the gate as another worker would, after a refusal for lack of credit. */
export async function shutGate(notes: Notes): Promise<void> {
  const { clock, db, timings } = notes.world.deps;
  const at = clock.now();
  const probeAt = new Date(at.getTime() + timings.fundsProbeMs);
  const shut = await closeGate(db.sql, { code: 'insufficient_funds', reason: 'another worker was refused', at, probeAt });
  tell(notes, `gate: ${shut ? 'closed' : 'was closed'}`);
}

/** A verified event: new, delivered twice, of an order that is not ours, or without an order. */
export async function webhook(notes: Notes): Promise<void> {
  const { choice, world } = notes;
  const known = choice.chance(0.3) ? choice.maybe(notes.webhooks) : undefined;
  const orderId =
    known?.orderId ?? (choice.chance(0.75) ? choice.maybe(world.simulator.ledger().orders)?.id : undefined) ?? randomUUID();
  const event = known ?? { id: randomUUID(), orderId };
  const said = await acceptWebhook(world.deps, {
    ...event,
    eventType: 'number_order.complete',
    customerReference: null,
    occurredAt: world.deps.clock.now(),
  });
  if (known !== undefined && said === 'new') throw new Violation('webhooks', 'a repeated event was taken as new', event);
  if (known === undefined) notes.webhooks.push(event);
  count(notes, `webhook:${said}`);
  tell(notes, `webhook ${said}`);
}

/** A person decides about a chunk whose evidence contradicts itself, not always wisely. */
export async function resolve(notes: Notes): Promise<boolean> {
  const { choice, world } = notes;
  const rows = await world.sql<
    {
      id: string;
      request_id: string;
      kind: string;
      telnyx_id: string | null;
      customer_reference: string;
      conclusion: string | null;
    }[]
  >`
    select id, request_id, kind, telnyx_id, customer_reference, evidence->'seen'->>'conclusion' as conclusion from chunks
    where state = 'needs_attention' order by created_at, id`;
  const chunk = choice.maybe(rows);
  if (chunk === undefined) return false;
  if (chunk.conclusion === null) throw new Violation('needs_attention', 'a chunk waits for a person without evidence', chunk);
  const order =
    world.simulator.ledger().orders.find((o) => o.customer_reference === chunk.customer_reference)?.id ?? chunk.telnyx_id;
  const resolution =
    order !== null && choice.chance(0.5)
      ? ({ kind: 'adopt', telnyxId: order } as const)
      : choice.one([{ kind: 'not_sent' }, { kind: 'give_up' }] as const);
  await resolveChunk(world.deps, chunk.request_id, chunk.id, resolution, 'walk');
  count(notes, `resolve:${resolution.kind}`);
  tell(notes, `resolve ${chunk.kind} (${chunk.conclusion}): ${resolution.kind}`);
  return true;
}
