import type { Tx } from '../../db/client.ts';
import { createIncoming } from '../../db/incoming.ts';
import { insertLine } from '../../db/lines.ts';
import { itemsFromPlan, linesOfPlan, stagePlanNumbers } from '../../db/plan-numbers.ts';
import type { ListLine } from '../../domain/request.ts';
import type { AnyEnqueue } from '../../queues/port.ts';
import type { ProducerDeps } from '../deps.ts';
import { lineJob } from '../enqueue.ts';
import { hashOfBody } from './body-hash.ts';
import type { BuyBody, RequestBody } from './request-shapes.ts';
import type { StagedBody } from './stage-body.ts';
import { NO_REPEATS } from './stage-numbers.ts';

/** A plan that becomes a request. Its numbers are read from its rows. */
export interface PlannedRequest {
  planId: string;
  /** Who asked for the plan. They are an asker of the request too. */
  plannedBy: string;
  /** The body as the request shows it. */
  body: Record<string, unknown>;
  /** Of a buy: what its numbers cost. It is the cap of the request, and decides whether the request waits for approval. */
  cost: { upfront: string; monthly: string } | null;
  /** True when each number has steps of its own. */
  byRow: boolean;
}

/** Stages the numbers of a plan where those of a list would stand. */
export async function stagePlanned(tx: Tx, body: RequestBody, { planId, byRow }: PlannedRequest): Promise<StagedBody> {
  await createIncoming(tx);
  const count = await stagePlanNumbers(tx, planId);
  return { count, repeats: NO_REPEATS, byRow, bodyHash: hashOfBody(body).digest('hex'), listed: true };
}

/**
 * Stores a planned buy: one list of numbers for each buy line of the body, so that each keeps its price cap and its requirement group.
 * The price of each number in the plan is a cap of its own. Returns the queue jobs that fill the lists.
 */
export async function storePlannedBuy(
  deps: ProducerDeps,
  tx: Tx,
  requestId: string,
  body: BuyBody,
  planId: string,
): Promise<AnyEnqueue[]> {
  const at = deps.clock.now();
  const jobs: AnyEnqueue[] = [];
  let from = 0;
  for (const [position, { line, count }] of (await linesOfPlan(tx, planId)).entries()) {
    const criteria = listOf(deps, body, line, planId);
    const lineId = await insertLine(tx, { requestId, position, quantity: count, criteria, at, open: true });
    await itemsFromPlan(tx, { planId, line }, { requestId, lineId, from, at });
    jobs.push(lineJob({ id: lineId, requestId, requeues: 0, position }));
    from += count;
  }
  return jobs;
}

function listOf(deps: ProducerDeps, body: BuyBody, line: number | null, planId: string): ListLine {
  const asked = line === null ? undefined : body.lines[line];
  const group = asked?.requirement_group_id ?? body.requirement_group_id;
  return {
    kind: 'list',
    plan_id: planId,
    max_number_cost: asked?.max_number_cost ?? body.max_number_cost ?? deps.limits.maxNumberCost,
    ...(group !== undefined && { requirement_group_id: group }),
  };
}
