import { randomUUID } from 'node:crypto';
import type Telnyx from 'telnyx';
import { numberChanges } from '../changes.ts';
import { seededRandom, share } from '../random.ts';
import type { EmergencyFate, Job, JobType } from '../types.ts';
import { finder, type World } from '../world.ts';
import { type Context, ok, pagedArray, type Reply, struckBy } from './context.ts';
import { emergencyFates } from './emergency.ts';
import { inventoryTest } from './numbers.ts';
import { bool, E164, invalid, iso, notFound, Refusal, strings } from './wire.ts';

type WireJob = Telnyx.PhoneNumbers.PhoneNumbersJob;

/** True for an entry that has ended but that no list shows. This is a fault. */
function hidden(job: Job, index: number): boolean {
  return job.lost.has(index) || (job.leftovers.has(index) && !job.listLeftovers);
}

/** Returns the job as the API shows it. Operations move from pending to a result as the clock runs. */
export function jobView(job: Job): WireJob {
  const ended = !['pending', 'in_progress'].includes(job.status);
  const pending: NonNullable<WireJob['pending_operations']> = [];
  const successful: NonNullable<WireJob['successful_operations']> = [];
  const failed: NonNullable<WireJob['failed_operations']> = [];
  job.numbers.forEach(({ id, e164 }, index) => {
    const operation = { id, phone_number: e164 };
    const failure = job.failed.get(index);
    if (index >= job.done || (job.leftovers.has(index) && !ended)) pending.push(operation);
    else if (hidden(job, index)) return;
    else if (job.leftovers.has(index)) pending.push(operation);
    else if (failure) failed.push({ ...operation, errors: [failure] });
    else successful.push(...(job.duplicates.has(index) ? [operation, operation] : [operation]));
  });
  return {
    id: job.id,
    record_type: 'phone_numbers_job',
    type: job.type,
    status: job.status,
    created_at: iso(job.createdAt),
    updated_at: iso(job.updatedAt),
    etc: iso(Number.isFinite(job.startsAt) ? job.startsAt + job.numbers.length * job.perNumberMs : job.createdAt + 60_000),
    phone_numbers: job.numbers.map(({ id, e164 }) => (job.byId ? { id } : { phone_number: e164 })),
    pending_operations: pending,
    successful_operations: successful,
    failed_operations: failed,
  };
}

/** Counts the job slots in use. `ours` leaves out the jobs of other people. */
function openSlots(world: World, emergency: boolean, ours = false): number {
  let open = 0;
  for (const job of world.openJobs) {
    if ((job.type === 'update_emergency_settings') === emergency && !(ours && job.foreign)) open += 1;
  }
  return open;
}

function assertSlot(world: World, type: JobType): void {
  const emergency = type === 'update_emergency_settings';
  const cap = emergency ? world.behaviour.emergencyJobSlots : world.behaviour.jobSlots;
  if (openSlots(world, emergency) < cap) return;
  throw invalid('/base', `You can have at most ${cap} pending or in progress jobs`);
}

/** Returns the numbers of a batch. It refuses unless there are 1 to 1,000 of one form, all owned. */
function batchOf({ world, body }: Context): { byId: boolean; numbers: Job['numbers'] } {
  const asked = [...new Set(strings(body, 'phone_numbers') ?? [])];
  if (asked.length === 0) throw invalid('/phone_numbers', 'must be present, at least 1 phone number');
  if (asked.length > 1000) throw invalid('/phone_numbers', '1000 phone numbers is the maximum');
  const forms = asked.filter((entry) => E164.test(entry)).length;
  const ids = asked.filter((entry) => /^\d+$/.test(entry)).length;
  if (forms !== asked.length && ids !== asked.length) throw invalid('/phone_numbers', 'must be all e164 or all ids');
  const find = finder(world, 'ownership');
  const numbers = asked.map((entry) => {
    const number = find(entry);
    if (!number || number.deletedAt !== undefined || number.status === 'ported-out') {
      throw invalid('/phone_numbers', 'You must own every phone number');
    }
    return { id: number.id, e164: number.e164 };
  });
  return { byId: ids === asked.length, numbers };
}

/**
 * An update job's query filter selects numbers by itself, up to 1,000.
 * How it combines with explicit numbers is undocumented. The simulator uses the dangerous reading: both.
 */
function withFiltered(context: Context): { byId: boolean; numbers: Job['numbers'] } {
  const { world, query, body } = context;
  if (!query.hasFilter()) return batchOf(context);
  const named = strings(body, 'phone_numbers')?.length ? batchOf(context) : { byId: true, numbers: [] };
  const active = inventoryTest(world, query);
  const { rows } = world.inventory.page('created', (n) => n.deletedAt === undefined && (active?.(n) ?? true), 0, 1000);
  const known = new Set(named.numbers.map(({ e164 }) => e164));
  const added = rows.filter(({ e164 }) => !known.has(e164)).map(({ id, e164 }) => ({ id, e164 }));
  return { byId: named.byId, numbers: [...named.numbers, ...added].slice(0, 1000) };
}

interface Plan {
  endsAs: Job['endsAs'];
  leftovers: ReadonlySet<number>;
  listLeftovers: boolean;
  fails: Set<number>;
  lost: ReadonlySet<number>;
  duplicates: ReadonlySet<number>;
  skipped: ReadonlySet<number>;
  emergency: ReadonlyMap<number, EmergencyFate>;
}

/** Decides how the job will go when it is created. */
function planOf(context: Context, count: number, changes: Job['changes']): Plan {
  const failed = struckBy(context, 'job_failed');
  const expired = failed ? undefined : struckBy(context, 'job_expired');
  const ended = failed ?? expired;
  const partial = struckBy(context, 'job_partial');
  const lost = struckBy(context, 'job_lost_entry');
  const doubled = struckBy(context, 'job_duplicates');
  // Leftovers are the last numbers, because a job that dies stops somewhere.
  const rest = ended ? Math.min(count, ended.count ?? Math.round(count * (ended.fraction ?? 0.5))) : 0;
  const tail = new Set(Array.from({ length: rest }, (_, n) => count - rest + n));
  const lostEntries = lost ? share(count, { count: lost.count ?? 1 }) : new Set<number>();
  const fails = partial ? share(count, { count: partial.count, fraction: partial.fraction ?? 0.5 }) : new Set<number>();
  const { partialFailure, seed } = context.world.settings;
  const random = seededRandom(seed + context.world.jobs.size);
  if (partialFailure > 0) for (let n = 0; n < count; n += 1) if (random() < partialFailure) fails.add(n);
  const done = ended?.effect === true;
  const { fates, unlisted } = emergencyFates(context, count, changes['emergency_enabled'] === true);
  return {
    endsAs: failed ? 'failed' : expired ? 'expired' : 'completed',
    leftovers: done ? new Set() : tail,
    listLeftovers: ended?.list_leftovers ?? false,
    fails,
    lost: new Set([...lostEntries, ...unlisted, ...(done ? tail : [])]),
    duplicates: doubled ? share(count, { count: doubled.count ?? 1 }) : new Set(),
    skipped: lost?.effect === false ? lostEntries : new Set(),
    emergency: fates,
  };
}

/** Opens jobs that belong to somebody else on the account; only `closeForeign` ends them. */
export function openForeign(world: World, count: number): void {
  for (let n = 0; n < count; n += 1) {
    const job = makeJob(world, 'update_phone_numbers', { byId: true, numbers: [] }, {}, undefined, Number.POSITIVE_INFINITY);
    job.status = 'in_progress';
  }
}

export function closeForeign(world: World): void {
  for (const job of world.openJobs) {
    if (!job.foreign) continue;
    job.status = 'completed';
    job.updatedAt = world.now();
    world.openJobs.delete(job);
  }
}

function makeJob(
  world: World,
  type: JobType,
  batch: { byId: boolean; numbers: Job['numbers'] },
  changes: Job['changes'],
  plan: Plan | undefined,
  startsAt: number,
): Job {
  const now = world.now();
  const job: Job = {
    id: randomUUID(),
    type,
    ...batch,
    changes,
    createdAt: now,
    startsAt,
    perNumberMs: world.settings.jobPerNumberMs,
    endsAs: plan?.endsAs ?? 'completed',
    // A lost entry that was never processed is a leftover that no list shows.
    leftovers: new Set([...(plan?.leftovers ?? []), ...(plan?.skipped ?? [])]),
    listLeftovers: plan?.listLeftovers ?? false,
    fails: plan?.fails ?? new Set(),
    lost: plan?.lost ?? new Set(),
    duplicates: plan?.duplicates ?? new Set(),
    emergency: plan?.emergency ?? new Map(),
    foreign: plan === undefined,
    status: 'pending',
    updatedAt: now,
    done: 0,
    failed: new Map(),
  };
  world.jobs.set(job.id, job);
  world.openJobs.add(job);
  const emergency = type === 'update_emergency_settings';
  world.book.openJobs(emergency, openSlots(world, emergency, true));
  return job;
}

function create(context: Context, type: JobType, changes: Job['changes']): Reply {
  const { world } = context;
  const foreign = struckBy(context, 'foreign_jobs');
  if (foreign) openForeign(world, foreign.count ?? world.behaviour.jobSlots);
  const batch = type === 'update_phone_numbers' ? withFiltered(context) : batchOf(context);
  assertSlot(world, type);
  const hang = struckBy(context, 'job_hang');
  const wait = hang ? (hang.ms ?? Number.POSITIVE_INFINITY) : world.settings.jobPendingMs;
  const job = makeJob(world, type, batch, changes, planOf(context, batch.numbers.length, changes), world.now() + wait);
  return ok({ data: jobView(job) } satisfies Telnyx.PhoneNumbers.JobUpdateBatchResponse, 202);
}

/** POST /phone_numbers/jobs/update_phone_numbers */
export function createUpdateJob(context: Context): Reply {
  const changes = numberChanges(context.body, true);
  if (Object.keys(changes).length === 0) throw invalid('/updateable_fields', 'at least 1 updateable field must be given');
  return create(context, 'update_phone_numbers', changes);
}

/** POST /phone_numbers/jobs/delete_phone_numbers */
export function createDeleteJob(context: Context): Reply {
  return create(context, 'delete_phone_numbers', {});
}

/** POST /phone_numbers/jobs/update_emergency_settings: an address exactly when enabling. */
export function createEmergencyJob(context: Context): Reply {
  const enabled = bool(context.body, 'emergency_enabled');
  const address = context.body['emergency_address_id'] ?? null;
  if (enabled === undefined) throw invalid('/emergency_enabled', 'must be present');
  if (enabled !== (typeof address === 'string')) throw invalid('/emergency_address_id', 'must be given exactly when enabling');
  return create(context, 'update_emergency_settings', { emergency_enabled: enabled, emergency_address_id: address });
}

/** GET /phone_numbers/jobs/{id} */
export function retrieveJob({ world, id }: Context): Reply {
  const job = world.jobs.get(id);
  if (!job) throw notFound();
  return ok({ data: jobView(job) } satisfies Telnyx.PhoneNumbers.JobRetrieveResponse);
}

/** GET /phone_numbers/jobs: newest first; several statuses only as repeated bracket values. */
export function listJobs(context: Context): Reply {
  const { world, query } = context;
  if (query.one('filter[status]') !== undefined || query.bracketed('filter[status]').some((value) => value.includes(','))) {
    throw new Refusal(400, { code: '10031', title: 'Invalid filter', source: { parameter: 'filter[status]' } });
  }
  const type = query.one('filter[type]');
  const statuses = query.bracketed('filter[status]');
  const rows = [...world.jobs.values()].filter(
    (job) => (type ?? job.type) === job.type && (statuses.length === 0 || statuses.includes(job.status)),
  );
  if (query.one('sort') !== 'created_at') rows.reverse();
  return ok(pagedArray(context, rows, jobView));
}
