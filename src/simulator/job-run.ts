import { setEmergencyService } from './api/emergency.ts';
import { text } from './api/wire.ts';
import { applyChanges } from './changes.ts';
import type { Job } from './types.ts';
import { dismiss, emergencyOf, type World } from './world.ts';

const PARTIAL = { code: '10007', title: 'Unexpected error', detail: 'The operation failed for this number' };
const LOCKED = { code: '10035', title: 'Resource locked', detail: 'Deletion lock is enabled' };
const NOT_ACTIVE = { code: '10027', title: 'Unprocessable', detail: 'The number is not active' };
const MISSING = { code: '10005', title: 'Resource not found', detail: 'The number is no longer on this account' };

type Failure = typeof PARTIAL;

/** Does the operation on one number; says why not. */
function operate(world: World, job: Job, index: number, e164: string, at: number): Failure | undefined {
  const number = world.owned.get(e164);
  if (!number) return MISSING;
  if (job.type === 'update_phone_numbers') {
    applyChanges(number, job.changes, at);
    world.book.change(e164, at, job.id, job.changes);
    return undefined;
  }
  if (number.status !== 'active') return NOT_ACTIVE;
  if (job.type === 'update_emergency_settings') {
    const addressId = text(job.changes, 'emergency_address_id') ?? null;
    setEmergencyService(world, number, { addressId, fate: job.emergency.get(index), jobId: job.id, at });
    return undefined;
  }
  if (number.locked) return LOCKED;
  const was_emergency = emergencyOf(world, number) !== 'disabled';
  dismiss(world, number, at);
  world.book.release({ phone_number: e164, job_id: job.id, at, was_locked: false, was_emergency });
  return undefined;
}

/** Takes one job to where it is at `now`. */
function advance(world: World, job: Job, now: number): void {
  if (job.foreign || now < job.startsAt) return;
  job.status = 'in_progress';
  job.updatedAt = job.startsAt;
  const due = job.perNumberMs === 0 ? job.numbers.length : Math.floor((now - job.startsAt) / job.perNumberMs);
  while (job.done < Math.min(due, job.numbers.length)) {
    const index = job.done;
    job.done += 1;
    const entry = job.numbers[index];
    if (!entry || job.leftovers.has(index)) continue;
    job.updatedAt = job.startsAt + job.done * job.perNumberMs;
    const failure = job.fails.has(index) ? PARTIAL : operate(world, job, index, entry.e164, job.updatedAt);
    if (failure) job.failed.set(index, failure);
  }
  if (job.done < job.numbers.length) return;
  job.status = job.endsAs;
  world.openJobs.delete(job);
}

/** Brings every open job to where it is by now. */
export function settleJobs(world: World, now: number): void {
  for (const job of world.openJobs) advance(world, job, now);
}
