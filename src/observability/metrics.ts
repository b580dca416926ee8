import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

const JOB_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600];
const CALL_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * Every metric of the product; no other file names one. Labels are closed sets, never ids. Each composition has its own registry,
 * so that two compositions in one process (in tests) stay apart.
 */
export function createMetrics(options: { processMetrics?: boolean } = {}) {
  const registry = new Registry();
  const registers = [registry];
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry });
  return {
    registry,
    jobsProcessed: new Counter({
      name: 'provisioner_jobs_processed_total',
      help: 'Runs of a queue job by name and outcome (done, snooze, hold, skipped, failed, error).',
      labelNames: ['job', 'outcome'] as const,
      registers,
    }),
    jobSeconds: new Histogram({
      name: 'provisioner_job_seconds',
      help: 'Seconds that one run of a queue job took, including holds.',
      labelNames: ['job'] as const,
      buckets: JOB_SECONDS,
      registers,
    }),
    telnyxCalls: new Counter({
      name: 'provisioner_telnyx_calls_total',
      help: 'Calls to Telnyx by endpoint family, operation and HTTP status ("none" when no answer came).',
      labelNames: ['family', 'operation', 'status'] as const,
      registers,
    }),
    telnyxCallSeconds: new Histogram({
      name: 'provisioner_telnyx_call_seconds',
      help: 'Seconds of a call to Telnyx, without the wait for its turn.',
      labelNames: ['family'] as const,
      buckets: CALL_SECONDS,
      registers,
    }),
    itemsByStatus: new Gauge({
      name: 'provisioner_open_items',
      help: 'Numbers that open requests still owe, by kind of request and status.',
      labelNames: ['kind', 'status'] as const,
      registers,
    }),
    queueDepth: new Gauge({
      name: 'provisioner_queue_depth',
      help: 'Queue jobs by queue and state (waiting, active, delayed, failed).',
      labelNames: ['queue', 'state'] as const,
      registers,
    }),
    queuePaused: new Gauge({
      name: 'provisioner_queue_paused',
      help: '1 while the queue is paused by hand and gives out no work.',
      labelNames: ['queue'] as const,
      registers,
    }),
    queueStuck: new Gauge({
      name: 'provisioner_queue_stuck',
      help: '1 when work waits in the queue and nothing has consumed it for 45 seconds.',
      labelNames: ['queue'] as const,
      registers,
    }),
    workStuck: new Gauge({
      name: 'provisioner_work_stuck',
      help: '1 when work is overdue in the database and nothing has moved for 45 seconds, for lack of a worker or a queue.',
      registers,
    }),
    poolWaitSeconds: new Gauge({
      name: 'provisioner_database_pool_wait_seconds',
      help: 'How long the last probe waited for a connection of the pool (work, reads) and its answer; it rises while none comes.',
      labelNames: ['pool'] as const,
      registers,
    }),
    poolStuck: new Gauge({
      name: 'provisioner_database_pool_stuck',
      help: '1 while a pool of connections (work, reads) has given out no connection for 5 seconds.',
      labelNames: ['pool'] as const,
      registers,
    }),
    clockAhead: new Gauge({
      name: 'provisioner_clock_ahead_seconds',
      help: 'How far the clock of this machine is ahead of the database; work goes by the database.',
      registers,
    }),
    gateOpen: new Gauge({
      name: 'provisioner_account_gate_open',
      help: '1 when spending is allowed, 0 when the account gate is closed.',
      registers,
    }),
    chunksNeedingAttention: new Gauge({
      name: 'provisioner_chunks_needing_attention',
      help: 'Chunks that wait for the decision of a person.',
      registers,
    }),
    sweepHealed: new Counter({
      name: 'provisioner_sweep_healed_total',
      help: 'Problems that the sweep repaired, by kind (orphan, lease, request).',
      labelNames: ['kind'] as const,
      registers,
    }),
    telnyxRate: new Gauge({
      name: 'provisioner_telnyx_rate',
      help: 'Requests a second that a family may send at present.',
      labelNames: ['family'] as const,
      registers,
    }),
  };
}
