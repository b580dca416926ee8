import type { Hash } from 'node:crypto';
import type { Tx } from '../../db/client.ts';
import { insertEvent } from '../../db/events.ts';
import { newRequestId } from '../../db/ids.ts';
import { chunksFromIncoming, createIncoming, itemsFromIncoming, skipGone } from '../../db/incoming.ts';
import { insertSlots } from '../../db/items.ts';
import { getLine, insertLine, type Line } from '../../db/lines.ts';
import { countOwned, stageInventory } from '../../db/numbers.ts';
import { getRequest, insertRequest, type Request, refreshRequest, requestByIdempotencyKey } from '../../db/requests.ts';
import type { BuyBody, RequestBody, UpdateBody, Where } from '../../domain/bodies.ts';
import type { TroubleCode } from '../../domain/codes.ts';
import { type ErrorDetail, invalid, ProvisioningError } from '../../domain/errors.ts';
import type { KeySpace } from '../../domain/key-space.ts';
import { parseMoney } from '../../domain/money.ts';
import { keyProblem } from '../../domain/text.ts';
import type { AnyEnqueue } from '../../queues/port.ts';
import type { ProducerDeps } from '../deps.ts';
import { chunkJob, enqueue, lineJob } from '../enqueue.ts';
import { hashOfBody, withNumbers } from './body-hash.ts';
import { guardDelete } from './guard-delete.ts';
import { buySteps, deleteSteps, lineCriteria, updateSteps, worstCaseCost } from './plan.ts';
import { MAX_ASKED } from './size-limits.ts';
import { type NumberRow, type OnRepeat, type Repeats, rowsOf, type Staged, stageList } from './stage-numbers.ts';
import { askedProblem, parseRequest } from './validate.ts';
import { wideNote } from './wide-filter.ts';

export interface SubmitOptions {
  idempotencyKey?: string;
  /** Whose the idempotency key is; without it the library's. */
  keySpace?: KeySpace;
  /** Numbers that come beside the body, such as the rows of a CSV file; read once, never held. */
  numbers?: AsyncIterable<NumberRow>;
  /** What a repeated number of the list is: `refuse` (the default) calls it a mistake, `once` counts it once. */
  repeats?: OnRepeat;
  /** The request or run that files this one. */
  filedBy?: string;
  /** What is to be stored together with the request, or not at all: when it rejects, the request is not taken on either. */
  together?: (tx: Tx, requestId: string) => Promise<void>;
}

export interface Submitted {
  request: Request;
  /** False when the idempotency key had been used for the same body before. */
  created: boolean;
  /** What was counted once although the list names it more often. */
  repeats: Repeats;
}

export const NO_REPEATS: Repeats = { count: 0, sample: [] };

/**
 * Takes a request on: checks everything, stores request, lines, items and chunks in one transaction, then enqueues. Errors:
 * `validation_failed` with every problem, `idempotency_conflict`, or a guard such as `expected_count_mismatch`; then nothing
 * is stored and nothing will be sent.
 */
export async function submitRequest(deps: ProducerDeps, input: unknown, options: SubmitOptions = {}): Promise<Submitted> {
  const wrongKey = options.idempotencyKey === undefined ? null : keyProblem(options.idempotencyKey);
  if (wrongKey !== null) throw invalid([{ path: 'idempotency_key', message: wrongKey }]);
  return takeOn(deps, parseRequest(input, { streamed: options.numbers !== undefined }), { ...options, known: false });
}

/**
 * The same for an update that we made from what Telnyx itself has shown: its numbers and values stand, also where a user could
 * not write them (a tag with a blank).
 */
export async function submitKnown(deps: ProducerDeps, body: UpdateBody, options: SubmitOptions = {}): Promise<Submitted> {
  return takeOn(deps, body, { ...options, known: true });
}

interface TakeOptions extends SubmitOptions {
  /** The numbers come from Telnyx, not from a user. */
  known: boolean;
}

async function takeOn(deps: ProducerDeps, body: RequestBody, options: TakeOptions): Promise<Submitted> {
  const hash = hashOfBody(body);
  if (options.idempotencyKey !== undefined) {
    const known = await requestByIdempotencyKey(deps.db.sql, spaceOf(options), options.idempotencyKey);
    if (known !== null)
      return sameOrConflict(known, await withNumbers(hash, options.numbers ?? rowsOf(body.phone_numbers ?? [])));
  }
  const jobs: AnyEnqueue[] = [];
  const stored = await deps.db.sql.begin(async (tx) => store(deps, tx, body, hash, options, jobs));
  if (stored === null) return takeOn(deps, body, options);
  const { request, repeats } = stored;
  await enqueue(deps, jobs);
  deps.log.info({ requestId: request.id, kind: request.kind, asked: request.asked }, 'request accepted');
  return { request, created: true, repeats };
}

const spaceOf = (options: SubmitOptions): KeySpace => options.keySpace ?? 'library';

async function store(
  deps: ProducerDeps,
  tx: Tx,
  body: RequestBody,
  hash: Hash,
  options: TakeOptions,
  jobs: AnyEnqueue[],
): Promise<{ request: Request; repeats: Repeats } | null> {
  const at = deps.clock.now();
  const id = newRequestId();
  const steps =
    body.kind === 'buy'
      ? buySteps(body, body.requirement_group_id)
      : body.kind === 'update'
        ? updateSteps(body)
        : deleteSteps(body);
  const inserted = await insertRequest(tx, {
    id,
    kind: body.kind,
    status: 'queued',
    label: body.label ?? null,
    body: describe(body),
    steps,
    asked: 0,
    maxUpfrontCost: body.kind === 'buy' ? (body.max_upfront_cost ?? null) : null,
    maxMonthlyCost: body.kind === 'buy' ? (body.max_monthly_cost ?? null) : null,
    idempotencyKey: options.idempotencyKey ?? null,
    keySpace: options.idempotencyKey === undefined ? null : spaceOf(options),
    bodyHash: '',
    filedBy: options.filedBy ?? null,
    createdAt: at,
  });
  if (inserted === null) return null;
  const { count: asked, repeats } =
    body.kind === 'buy'
      ? await storeBuy(deps, tx, id, body, options, hash, jobs)
      : await storeTargets(deps, tx, inserted, body, options, hash, jobs);
  if (body.kind === 'delete') await guardDelete(tx, id, { count: asked, repeats }, body.expected_count);
  if (asked === 0) throw invalid([matchesNothing(body)]);
  const approval = body.kind === 'buy' && needsApproval(deps, body, asked);
  if (approval) jobs.length = 0;
  await tx`
    update requests set asked = ${asked}, body_hash = ${hash.digest('hex')}, status = ${approval ? 'awaiting_approval' : 'queued'},
      error_code = ${approval ? ('awaiting_approval' satisfies TroubleCode) : null}, error = ${approval ? approvalText(deps) : null}
    where id = ${id}`;
  await insertEvent(tx, {
    subject: 'request',
    subjectId: id,
    requestId: id,
    to: 'queued',
    cause: 'submitted',
    at,
    detail: { asked },
  });
  await options.together?.(tx, id);
  // A release whose numbers have all left before has nothing to wait for.
  if (body.kind === 'delete' && jobs.length === 0) await refreshRequest(tx, id, at);
  if (body.kind !== 'buy' && body.where !== undefined) await noteWide(deps, tx, id, asked);
  const request = await getRequest(tx, id);
  return request === null ? null : { request, repeats };
}

async function storeBuy(
  deps: ProducerDeps,
  tx: Tx,
  requestId: string,
  body: BuyBody,
  options: TakeOptions,
  hash: Hash,
  jobs: AnyEnqueue[],
): Promise<Staged> {
  const at = deps.clock.now();
  let asked = 0;
  let repeats = NO_REPEATS;
  const opened: string[] = [];
  for (const [position, line] of body.lines.entries()) {
    const criteria = lineCriteria(line, body, deps.limits.maxNumberCost);
    const lineId = await insertLine(tx, { requestId, position, quantity: line.quantity, criteria, at, open: true });
    await insertSlots(tx, { requestId, lineId, from: asked, quantity: line.quantity, at });
    asked += line.quantity;
    opened.push(lineId);
  }
  if (body.phone_numbers.length > 0 || options.numbers !== undefined) {
    const criteria = {
      kind: 'list' as const,
      max_number_cost: body.max_number_cost ?? deps.limits.maxNumberCost,
      ...(body.requirement_group_id !== undefined && { requirement_group_id: body.requirement_group_id }),
    };
    const lineId = await insertLine(tx, { requestId, position: body.lines.length, quantity: 0, criteria, at, open: true });
    const rows = upTo(MAX_ASKED - asked, options.numbers ?? rowsOf(body.phone_numbers));
    const onRepeat = options.repeats ?? 'refuse';
    const listed = await stageList(tx, rows, { onNumber: (n) => hash.update(n), known: false, repeats: onRepeat });
    await itemsFromIncoming(tx, { requestId, lineId, from: asked, at });
    await tx`update lines set quantity = ${listed.count} where id = ${lineId}`;
    asked += listed.count;
    repeats = listed.repeats;
    opened.push(lineId);
  }
  for (const id of opened) {
    const line: Line | null = await getLine(tx, id);
    if (line !== null) jobs.push(lineJob(line));
  }
  return { count: asked, repeats };
}

/** The rows of a list; more than `most` of them are refused without reading on. */
async function* upTo(most: number, rows: AsyncIterable<NumberRow> | Iterable<NumberRow>): AsyncGenerator<NumberRow> {
  let n = 0;
  for await (const row of rows) {
    n += 1;
    const tooMany = n > most ? askedProblem(MAX_ASKED + 1) : null;
    if (tooMany !== null) throw invalid([tooMany]);
    yield row;
  }
}

async function storeTargets(
  deps: ProducerDeps,
  tx: Tx,
  request: Request,
  body: Exclude<RequestBody, BuyBody>,
  options: TakeOptions,
  hash: Hash,
  jobs: AnyEnqueue[],
): Promise<Staged> {
  const at = deps.clock.now();
  const rows = options.numbers ?? (body.where === undefined ? rowsOf(body.phone_numbers ?? []) : null);
  // The same `where` is the same body, whatever it matches by now.
  const noted = body.where === undefined ? (n: string) => void hash.update(n) : () => undefined;
  const { count: asked, repeats } =
    rows === null
      ? await stageWhere(tx, body.where ?? {})
      : await stageList(tx, rows, { onNumber: noted, known: options.known === true, repeats: options.repeats ?? 'refuse' });
  const skipped = body.kind === 'delete' && body.skip_gone === true ? await skipGone(tx, request.id, at) : 0;
  const count = asked - skipped;
  const [step, ...nextSteps] = request.steps;
  if (count === 0 || step === undefined) return { count: asked, repeats };
  const chunks = await chunksFromIncoming(tx, { requestId: request.id, count, size: deps.limits.batchSize, step, nextSteps, at });
  jobs.push(...chunks.map((c) => chunkJob({ ...c, requestId: request.id, kind: step.kind, requeues: 0, state: 'planned' })));
  return { count: asked, repeats };
}

/** Says in the log when a filter matched so much that it may be a mistake. */
async function noteWide(deps: ProducerDeps, tx: Tx, requestId: string, matched: number): Promise<void> {
  const note = wideNote({ matched, of: await countOwned(tx) });
  if (note !== null) deps.log.warn({ requestId, asked: matched }, note);
}

async function stageWhere(tx: Tx, where: Where): Promise<Staged> {
  await createIncoming(tx);
  return { count: await stageInventory(tx, where), repeats: NO_REPEATS };
}

function matchesNothing(body: RequestBody): ErrorDetail {
  if (body.kind === 'buy') return { path: 'lines', message: 'names no number' };
  return body.where === undefined
    ? { path: 'phone_numbers', message: 'names no number' }
    : { path: 'where', message: 'matches no number' };
}

function needsApproval(deps: ProducerDeps, body: BuyBody, asked: number): boolean {
  if (deps.limits.approvalAbove === null) return false;
  const listed = asked - body.lines.reduce((sum, l) => sum + l.quantity, 0);
  const worst = parseMoney(worstCaseCost(body, listed, deps.limits.maxNumberCost)) ?? 0n;
  return worst > (parseMoney(deps.limits.approvalAbove) ?? 0n);
}

function approvalText(deps: ProducerDeps): string {
  return `may cost more than ${deps.limits.approvalAbove} upfront plus first month, and waits for approval`;
}

/** The stored body names no thousands of numbers: those are items. */
function describe(body: RequestBody): Record<string, unknown> {
  const { phone_numbers, ...rest } = body;
  return phone_numbers === undefined || phone_numbers.length === 0
    ? { ...rest }
    : { ...rest, phone_numbers: phone_numbers.length };
}

function sameOrConflict(known: Request, hash: Hash): Submitted {
  if (known.bodyHash === hash.digest('hex')) return { request: known, created: false, repeats: NO_REPEATS };
  throw new ProvisioningError(
    'idempotency_conflict',
    'rejected',
    `the idempotency key was used for another body (request ${known.id})`,
  );
}
