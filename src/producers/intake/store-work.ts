import type { Tx } from '../../db/client.ts';
import { chunksFromIncoming, itemsFromIncoming, skipGone } from '../../db/incoming.ts';
import { chunksFromRows } from '../../db/incoming-rows.ts';
import { insertSlots } from '../../db/items.ts';
import { insertLine } from '../../db/lines.ts';
import type { Request } from '../../db/requests.ts';
import type { LineCriteria } from '../../domain/request.ts';
import type { AnyEnqueue } from '../../queues/port.ts';
import type { ProducerDeps } from '../deps.ts';
import { chunkJob, lineJob } from '../enqueue.ts';
import { lineCriteria } from './plan.ts';
import { type PlannedRequest, storePlannedBuy } from './planned.ts';
import type { BuyBody, RequestBody } from './request-shapes.ts';
import type { StagedBody } from './stage-body.ts';

/**
 * Stores what a request has to do: the buy lines of a buy, the chunks of an update or a delete, and the items of both. Returns the
 * queue jobs that do it.
 */
export async function storeWork(
  deps: ProducerDeps,
  tx: Tx,
  request: Request,
  body: RequestBody,
  staged: StagedBody,
  planned: PlannedRequest | undefined,
): Promise<AnyEnqueue[]> {
  if (body.kind !== 'buy') return storeTargets(deps, tx, request, body, staged);
  return planned === undefined
    ? storeBuy(deps, tx, request.id, body, staged)
    : storePlannedBuy(deps, tx, request.id, body, planned.planId);
}

/** Stores the buy lines of a buy with their items. Returns the queue jobs that fill them. */
async function storeBuy(deps: ProducerDeps, tx: Tx, requestId: string, body: BuyBody, staged: StagedBody): Promise<AnyEnqueue[]> {
  const at = deps.clock.now();
  const { maxNumberCost } = deps.limits;
  const jobs: AnyEnqueue[] = [];
  const open = async (position: number, quantity: number, criteria: LineCriteria): Promise<string> => {
    const id = await insertLine(tx, { requestId, position, quantity, criteria, at, open: true });
    jobs.push(lineJob({ id, requestId, requeues: 0, position }));
    return id;
  };
  let from = 0;
  for (const [position, line] of body.lines.entries()) {
    const lineId = await open(position, line.quantity, lineCriteria(line, body, maxNumberCost));
    await insertSlots(tx, { requestId, lineId, from, quantity: line.quantity, at });
    from += line.quantity;
  }
  if (!staged.listed) return jobs;
  const lineId = await open(body.lines.length, staged.count, {
    kind: 'list',
    max_number_cost: body.max_number_cost ?? maxNumberCost,
    ...(body.requirement_group_id !== undefined && { requirement_group_id: body.requirement_group_id }),
  });
  await itemsFromIncoming(tx, { requestId, lineId, from, at });
  return jobs;
}

/** Stores the chunks of an update or a delete with their items. Returns the queue jobs of the chunks. */
async function storeTargets(
  deps: ProducerDeps,
  tx: Tx,
  request: Request,
  body: Exclude<RequestBody, BuyBody>,
  staged: StagedBody,
): Promise<AnyEnqueue[]> {
  const at = deps.clock.now();
  const { id: requestId } = request;
  const skipped = body.kind === 'delete' && body.skip_gone === true ? await skipGone(tx, requestId, at) : 0;
  const count = staged.count - skipped;
  const [step, ...nextSteps] = request.steps;
  if (count > 0 && staged.byRow) {
    const made = await chunksFromRows(tx, { requestId, size: deps.limits.batchSize, canary: request.canary ?? 0, at });
    return made.map((c) => chunkJob({ ...c, requestId, requeues: 0, state: 'planned' }));
  }
  if (count === 0 || step === undefined) return [];
  const chunks = await chunksFromIncoming(tx, {
    requestId,
    count,
    size: deps.limits.batchSize,
    canary: request.canary ?? 0,
    step,
    nextSteps,
    at,
  });
  return chunks.map((c) => chunkJob({ ...c, requestId, kind: step.kind, requeues: 0, state: 'planned' }));
}
