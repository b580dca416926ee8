import type { Chunk } from '../db/chunks.ts';
import type { Line } from '../db/lines.ts';
import { asError } from '../domain/errors.ts';
import { queueOfStep } from '../domain/step.ts';
import type { Log } from '../observability/log.ts';
import type { JobName, QueueName } from '../queues/catalogue.ts';
import type { AnyEnqueue, JobQueue } from '../queues/port.ts';
import { priorityOf } from '../queues/priority.ts';

const CHUNK_JOBS = {
  buy: 'order.run',
  'batch-jobs': 'batch.run',
  emergency: 'emergency.run',
  messaging: 'messaging.run',
} as const satisfies Partial<Record<QueueName, JobName>>;

/**
 * The queue job that advances a chunk until it is final. Its id contains the number of requeues, so adding it twice is harmless,
 * and a queue job that was lost or finished too early can be added again. Work that follows a call at Telnyx goes before chunks
 * that are not sent yet.
 */
export function chunkJob(
  chunk: Pick<Chunk, 'id' | 'requestId' | 'kind' | 'requeues' | 'position' | 'state'>,
  delayMs = 0,
): AnyEnqueue {
  return {
    name: CHUNK_JOBS[queueOfStep(chunk.kind)],
    payload: { chunkId: chunk.id, requestId: chunk.requestId },
    id: `${chunk.id}-${chunk.requeues}`,
    delayMs,
    priority: chunk.state === 'planned' ? priorityOf(chunk.position) : 1,
  };
}

/** The queue job that fills a buy line. Its id contains the number of requeues. */
export function lineJob(line: Pick<Line, 'id' | 'requestId' | 'requeues' | 'position'>, delayMs = 0): AnyEnqueue {
  return {
    name: 'line.fill',
    payload: { lineId: line.id, requestId: line.requestId },
    id: `${line.id}-${line.requeues}`,
    delayMs,
    priority: priorityOf(line.position),
  };
}

/**
 * Adds queue jobs for committed rows. It never fails when the queue is away, because the rows are the truth, and the sweep adds
 * overdue work within a minute.
 */
export async function enqueue(deps: { queue: JobQueue; log: Log }, jobs: AnyEnqueue[]): Promise<void> {
  if (jobs.length === 0) return;
  try {
    await deps.queue.add(jobs);
  } catch (error) {
    deps.log.warn({ err: asError(error), jobs: jobs.length }, 'the queue did not take the queue jobs; the sweep will add them');
  }
}
