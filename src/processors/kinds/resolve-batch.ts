import type { WorkDeps } from '../../account/deps.ts';
import { idsFollowedByOthers } from '../../db/chunk-facts.ts';
import { type Chunk, touchChunk } from '../../db/chunks.ts';
import { after } from '../../domain/clock.ts';
import { hold, type Outcome, snooze } from '../../domain/outcome.ts';
import { decideJob, type Evidence } from '../../domain/submission.ts';
import type { Job, JobType } from '../../telnyx/gateway.ts';
import { adopt, park, sendAgain } from '../chunk/look-up.ts';

const JOB_TYPES: Partial<Record<Chunk['kind'], JobType>> = {
  update: 'update_phone_numbers',
  delete: 'delete_phone_numbers',
  emergency: 'update_emergency_settings',
};

/** Finds out what became of a batch whose reply was lost: a job of its type over exactly its numbers, created since. */
export async function resolveBatch(deps: WorkDeps, chunk: Chunk): Promise<Outcome> {
  const before = chunk.evidence ?? { because: 'unknown', looks: [] };
  const type = JOB_TYPES[chunk.kind];
  // Messaging updates have no list and set values: sending them again after a while has the same end.
  const found = type === undefined ? [] : await matchingJobs(deps, chunk, type);
  const now = deps.clock.now();
  const evidence: Evidence = { ...before, looks: [...before.looks, { at: now.toISOString(), found, owned: 0 }] };
  const decision = decideJob(evidence, chunk.ambiguousAt ?? chunk.updatedAt, now, deps.timings);
  switch (decision.kind) {
    case 'adopt': {
      const outcome = await adopt(deps, chunk, decision.telnyxId, evidence);
      return outcome.kind === 'snooze' ? hold(0, outcome.reason) : outcome;
    }
    case 'not_sent':
      return sendAgain(deps, chunk, evidence);
    case 'contradiction':
      return park(deps, chunk, { ...evidence, conclusion: decision.why });
    case 'look_again':
      await touchChunk(deps.db.sql, chunk, now, { evidence, nextRunAt: after(now, decision.delayMs) });
      return hold(decision.delayMs, 'looking up what became of it');
    default:
      return snooze(deps.timings.backoffMs, decision.kind);
  }
}

/** Jobs over exactly these numbers that no other chunk follows, newest first. */
async function matchingJobs(deps: WorkDeps, chunk: Chunk, type: JobType): Promise<string[]> {
  const since = chunk.submittingAt ?? chunk.createdAt;
  const jobs = await deps.telnyx.listJobs(type, since);
  const candidates = jobs.filter((j) => sameNumbers(j, chunk.numbers)).map((j) => j.id);
  if (candidates.length === 0) return [];
  const others = await idsFollowedByOthers(deps.db.sql, chunk.id, candidates);
  return candidates.filter((id) => !others.has(id));
}

function sameNumbers(job: Job, numbers: string[]): boolean {
  const theirs = new Set(job.phoneNumbers);
  return theirs.size === numbers.length && numbers.every((n) => theirs.has(n));
}
