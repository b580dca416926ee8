import type { WorkDeps } from '../../account/deps.ts';
import { nextPosition } from '../../db/chunk-facts.ts';
import { type Chunk, insertChunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import { type Line, lockLeased } from '../../db/lines.ts';
import { lockRequest, type Request } from '../../db/requests.ts';
import { assignChunk, othersSearch, type UnorderedNumber, unorderedNumbers } from '../../db/shared-orders.ts';
import { after } from '../../domain/clock.ts';
import { inSlices } from '../../domain/phone-number.ts';
import type { SearchCriteriaLine } from '../../domain/request.ts';
import { chunkJob, enqueue } from '../../producers/enqueue.ts';
import { kindOf } from './search-listed.ts';

/** A claimed number with the buy line that pays for it. */
type Claimed = Pick<UnorderedNumber, 'phoneNumber' | 'lineId'>;

/**
 * Cuts claimed numbers of a request into planned order chunks, each for one country and one type. In a mixed order, one number that
 * needs paperwork would delay all the others. All numbers must have the settings of `line`.
 */
async function cutOrders(tx: Tx, request: Request, line: Line, slices: Claimed[][], at: Date): Promise<Chunk[]> {
  const [order, ...nextSteps] = request.steps;
  if (order === undefined || order.kind !== 'order') return [];
  const group = line.criteria.requirement_group_id;
  const step = { ...order, settings: { ...order.settings, ...(group !== undefined && { requirement_group_id: group }) } };
  const from = await nextPosition(tx, request.id);
  const made: Chunk[] = [];
  for (const [i, slice] of slices.entries()) {
    const numbers = slice.map((n) => n.phoneNumber);
    const lineIds = [...new Set(slice.map((n) => n.lineId))];
    const chunk = await insertChunk(tx, {
      requestId: request.id,
      // Any of its buy lines: they have the same settings, and each item knows its own.
      lineId: lineIds[0] ?? line.id,
      position: from + i,
      numbers,
      step,
      nextSteps,
      at,
      cause: 'planned',
    });
    await assignChunk(tx, lineIds, chunk.id, numbers, at);
    made.push(chunk);
  }
  return made;
}

/** Cuts the numbers of an explicit list. */
export function cutList(tx: Tx, deps: WorkDeps, request: Request, line: Line, numbers: string[], at: Date): Promise<Chunk[]> {
  const claimed = numbers.map((phoneNumber) => ({ phoneNumber, lineId: line.id }));
  return cutOrders(
    tx,
    request,
    line,
    byKind(claimed).flatMap((kind) => inSlices(kind, deps.limits.orderSize)),
    at,
  );
}

/**
 * Cuts the claimed numbers of all searches of a request with the settings of this one, so that numbers of different area codes share
 * orders. A last order that is not full waits while another buy line may still add to it, unless `all` is set.
 */
export async function cutShared(
  tx: Tx,
  deps: WorkDeps,
  { request, line, criteria, all }: { request: Request; line: Line; criteria: SearchCriteriaLine; all: boolean },
  at: Date,
): Promise<Chunk[]> {
  const claimed = await unorderedNumbers(tx, request.id, criteria);
  if (claimed.length === 0) return [];
  const mayWait = !all && (await othersSearch(tx, line, criteria, { now: at, soon: after(at, deps.timings.shareOrderMs) }));
  const slices = byKind(claimed).flatMap((kind) => inSlices(kind, deps.limits.orderSize));
  const isFull = (slice: Claimed[]): boolean => slice.length === deps.limits.orderSize;
  return cutOrders(tx, request, line, mayWait ? slices.filter(isFull) : slices, at);
}

/** True when the buy line has claimed numbers that no order carries yet. */
export async function hasUnordered(deps: WorkDeps, line: Line, criteria: SearchCriteriaLine): Promise<boolean> {
  return (await unorderedNumbers(deps.db.sql, line.requestId, criteria)).some((n) => n.lineId === line.id);
}

/**
 * Cuts what waits for other buy lines and has waited long enough (`shareOrderMs`), or all of it when this buy line has nothing to
 * search any more.
 */
export async function cutWaiting(deps: WorkDeps, line: Line, criteria: SearchCriteriaLine, isFilled: boolean): Promise<void> {
  const at = deps.clock.now();
  const chunks = await deps.db.sql.begin(async (tx) => {
    const request = await lockRequest(tx, line.requestId);
    const mayCut = request !== null && request.cancelRequestedAt === null && request.finishedAt === null;
    if (!mayCut || !(await lockLeased(tx, line))) return [];
    const mine = (await unorderedNumbers(tx, request.id, criteria)).filter((n) => n.lineId === line.id);
    const isOverdue = mine.some((n) => n.searchedAt.getTime() <= at.getTime() - deps.timings.shareOrderMs);
    return isFilled || isOverdue ? cutShared(tx, deps, { request, line, criteria, all: true }, at) : [];
  });
  await enqueue(
    deps,
    chunks.map((c) => chunkJob(c)),
  );
}

/** Groups numbers by country and type. Groups and numbers keep their order. */
function byKind(claimed: Claimed[]): Claimed[][] {
  const groups = new Map<string, Claimed[]>();
  for (const number of claimed) {
    const { countryCode, phoneNumberType } = kindOf(number.phoneNumber);
    const key = `${countryCode}/${phoneNumberType}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [number]);
    else group.push(number);
  }
  return [...groups.values()];
}
