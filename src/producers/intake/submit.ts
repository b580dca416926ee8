import type { Tx } from '../../db/client.ts';
import { insertEvent } from '../../db/events.ts';
import { startLater } from '../../db/holds.ts';
import { newRequestId } from '../../db/ids.ts';
import { paidStepsIncoming } from '../../db/incoming-rows.ts';
import { countOwned } from '../../db/numbers.ts';
import { insertRequest, type Request, refreshRequest, requestByIdempotencyKey } from '../../db/requests.ts';
import { tellOfRequest } from '../../db/webhook-messages.ts';
import { chargesOf } from '../../domain/budget.ts';
import { invalid, ProvisioningError } from '../../domain/errors.ts';
import { type KeySpace, LIBRARY_ACTOR } from '../../domain/key-space.ts';
import { keyProblem, labelProblem } from '../../domain/text.ts';
import type { AnyEnqueue } from '../../queues/port.ts';
import type { ProducerDeps } from '../deps.ts';
import { enqueue } from '../enqueue.ts';
import { logEnd } from '../log-lines.ts';
import { hashOfBody, withNumbers } from './body-hash.ts';
import { describe, matchesNothing, stepsOf } from './describe-body.ts';
import { guardDelete } from './guard-delete.ts';
import { delayed, holdsOf } from './holds.ts';
import { approvalText, needsApproval } from './needs-approval.ts';
import { type PlannedRequest, stagePlanned } from './planned.ts';
import type { RequestBody, UpdateBody } from './request-shapes.ts';
import { requirePrices, reserveCharges } from './reserve-charges.ts';
import { searchedFor, stageBody } from './stage-body.ts';
import { NO_REPEATS, type NumberRow, type OnRepeat, type Repeats, rowsOfBody } from './stage-numbers.ts';
import { storeWork } from './store-work.ts';
import { parseRequest } from './validate.ts';
import { wideNote } from './wide-filter.ts';

/** How a request comes in. */
export interface SubmitOptions {
  idempotencyKey?: string;
  /** The owner of the idempotency key; `library` when it is left out. */
  keySpace?: KeySpace;
  /** Who asks, as the history shows it and as budgets know it; `library` when it is left out. */
  actor?: string;
  /** Numbers outside the body, such as the rows of a CSV file. The stream is read once and never held. */
  numbers?: AsyncIterable<NumberRow>;
  /** In place of `numbers`: reads them within the transaction that stores the request. When it rejects, nothing is stored. */
  numbersIn?: (tx: Tx) => AsyncIterable<NumberRow>;
  /** The settings whose values the rows of `numbers` bring. The stored body names them for people. */
  columns?: readonly string[];
  /** What to do with a repeated number of the list: `refuse` (the default) or count it `once`. */
  repeats?: OnRepeat;
  /** The request or reconciliation run that files this one. */
  filedBy?: string;
  /** The plan that becomes this request. Its numbers and prices are then in the rows of the plan. */
  planned?: PlannedRequest;
  /** Stores more rows in the same transaction. When it rejects, the request is not stored either. */
  together?: (tx: Tx, requestId: string, repeats: Repeats) => Promise<void>;
}

/** A stored request. */
export interface Submitted {
  request: Request;
  /** False when an earlier request with the same idempotency key and the same body was found. */
  created: boolean;
  /** Numbers that the list repeats and that count once. */
  repeats: Repeats;
}

/**
 * Takes a request on: checks everything, stores request, buy lines, items and chunks in one transaction, then enqueues the work.
 * Throws `validation_failed` with every problem, `idempotency_conflict`, or the error of a guard such as
 * `expected_count_mismatch`; then nothing is stored and nothing will be sent.
 */
export async function submitRequest(deps: ProducerDeps, input: unknown, options: SubmitOptions = {}): Promise<Submitted> {
  const wrongKey = options.idempotencyKey === undefined ? null : keyProblem(options.idempotencyKey);
  if (wrongKey !== null) throw invalid([{ path: 'idempotency_key', message: wrongKey }]);
  const wrongActor = options.actor === undefined ? null : actorProblem(options.actor);
  if (wrongActor !== null) throw invalid([{ path: 'actor', message: wrongActor }]);
  const { numbers, columns } = options;
  const body = parseRequest(input, { streamed: numbers !== undefined, byRow: columns !== undefined });
  return takeOn(deps, body, { ...options, known: false });
}

/** The body of an update that we made. `undoes` is the request that it undoes, as people read it in the stored body. */
export type KnownBody = UpdateBody & { undoes?: string };

/**
 * Does the same for an update that we made from values of Telnyx. Its numbers and values are not checked, because Telnyx also has
 * values that a user may not write (a tag with a blank).
 */
export async function submitKnown(deps: ProducerDeps, body: KnownBody, options: SubmitOptions = {}): Promise<Submitted> {
  return takeOn(deps, body, { ...options, known: true });
}

/** The request of a plan. The plan checked the body when it was made. */
export type PlannedSubmission = SubmitOptions & { body: RequestBody; planned: PlannedRequest };

/**
 * Files the request of a plan: exactly its numbers, with its prices as the caps. `prepare` begins the transaction that stores the
 * request; when it rejects, nothing of it is stored.
 */
export async function submitPlanned(deps: ProducerDeps, prepare: (tx: Tx) => Promise<PlannedSubmission>): Promise<Submitted> {
  const stored = await deps.db.sql.begin(async (tx) => {
    const { body, ...options } = await prepare(tx);
    return { ...(await store(deps, tx, body, { ...options, known: true })), actor: options.actor };
  });
  if (stored.stored === null) throw new Error('the request of a plan was not inserted although it has no idempotency key');
  return announced(deps, stored.stored, stored.actor);
}

interface TakeOptions extends SubmitOptions {
  /** True when the numbers come from Telnyx and not from a user. */
  known: boolean;
}

async function takeOn(deps: ProducerDeps, body: RequestBody, options: TakeOptions): Promise<Submitted> {
  const known = await sameKey(deps, options);
  if (known !== null) {
    const hash = await withNumbers(hashOfBody(body), options.numbers ?? rowsOfBody(body));
    return sameOrConflict(known, hash.digest('hex'));
  }
  const { stored, bodyHash } = await deps.db.sql.begin((tx) => store(deps, tx, body, options));
  if (stored === null) {
    // Another request with the same key was stored while this one was on its way.
    const other = await sameKey(deps, options);
    if (other === null) throw new Error('a request was not inserted although its idempotency key is free');
    return sameOrConflict(other, bodyHash);
  }
  return announced(deps, stored, options.actor);
}

/** Enqueues and logs a request that is committed. */
async function announced(
  deps: ProducerDeps,
  { request, repeats, jobs }: Stored,
  actor: string = LIBRARY_ACTOR,
): Promise<Submitted> {
  await enqueue(deps, jobs);
  const { id: requestId, kind, asked } = request;
  deps.log.info({ requestId, kind, asked, actor }, 'request accepted');
  await logEnd(deps, request);
  return { request, created: true, repeats };
}

const MOST_ACTOR = 200;

/** The problem of a name of an asker, or `null`. */
export function actorProblem(actor: string): string | null {
  if (actor.length === 0 || actor.length > MOST_ACTOR) return `must have 1 to ${MOST_ACTOR} characters`;
  return labelProblem(actor);
}

const spaceOf = (options: SubmitOptions): KeySpace => options.keySpace ?? 'library';

/** The stored request with this idempotency key, or `null`. */
async function sameKey(deps: ProducerDeps, options: SubmitOptions): Promise<Request | null> {
  const { idempotencyKey } = options;
  return idempotencyKey === undefined ? null : requestByIdempotencyKey(deps.db.sql, spaceOf(options), idempotencyKey);
}

interface Stored {
  request: Request;
  repeats: Repeats;
  /** Queue jobs to add when the transaction is committed. */
  jobs: AnyEnqueue[];
}

/**
 * Stores a request with its items. The numbers are staged first, so that the row of the request is inserted with its final
 * values. `stored` is `null` when the idempotency key is in use.
 */
async function store(
  deps: ProducerDeps,
  tx: Tx,
  body: RequestBody,
  options: TakeOptions,
): Promise<{ stored: Stored | null; bodyHash: string }> {
  const at = deps.clock.now();
  const { actor = LIBRARY_ACTOR, planned } = options;
  const filedBy = planned?.planId ?? options.filedBy ?? null;
  const steps = stepsOf(body);
  const staged = planned === undefined ? await stageBody(tx, body, options) : await stagePlanned(tx, body, planned);
  // Where each row has values of its own, a paid setting of one number is counted for all of them: rather too much than too little.
  const charges = chargesOf(staged.byRow ? await paidStepsIncoming(tx) : steps, deps.limits.prices);
  requirePrices(deps, actor, charges);
  const { bodyHash, repeats } = staged;
  const asked = planned === undefined ? searchedFor(body) + staged.count : staged.count;
  const approval = body.kind === 'buy' && needsApproval(deps, body, asked, planned?.cost ?? null);
  const holds = holdsOf(body, { asked, batchSize: deps.limits.batchSize, now: at });
  const request = await insertRequest(tx, {
    id: newRequestId(),
    kind: body.kind,
    status: approval ? 'awaiting_approval' : holds.startAt !== null ? 'scheduled' : 'queued',
    label: body.label ?? null,
    body: planned?.body ?? describe(body, staged, options.columns),
    steps,
    asked,
    maxUpfrontCost: body.kind === 'buy' ? (planned?.cost?.upfront ?? body.max_upfront_cost ?? null) : null,
    maxMonthlyCost: body.kind === 'buy' ? (planned?.cost?.monthly ?? body.max_monthly_cost ?? null) : null,
    idempotencyKey: options.idempotencyKey ?? null,
    keySpace: options.idempotencyKey === undefined ? null : spaceOf(options),
    bodyHash,
    errorCode: approval ? 'awaiting_approval' : null,
    error: approval ? approvalText(deps) : null,
    submittedBy: actor,
    filedBy,
    plannedBy: planned?.plannedBy ?? null,
    updateCharge: charges.update,
    emergencyCharge: charges.emergency,
    ...holds,
    createdAt: at,
  });
  if (request === null) return { stored: null, bodyHash };
  const { id } = request;
  const jobs = await storeWork(deps, tx, request, body, staged, planned);
  if (request.startAt !== null) await startLater(tx, id, request.startAt);
  if (body.kind === 'delete') await guardDelete(tx, id, staged, body.expected_count);
  if (asked === 0) throw invalid([matchesNothing(body)]);
  await insertEvent(tx, {
    subject: 'request',
    subjectId: id,
    requestId: id,
    to: request.status,
    cause: 'submitted',
    at,
    actor,
    detail: { asked, ...(filedBy !== null && { filed_by: filedBy }) },
  });
  await reserveCharges(deps, tx, request, at);
  await options.together?.(tx, id, repeats);
  await tellOfRequest(tx, request, at);
  // A release whose numbers had all left before ends at once.
  const ended = body.kind === 'delete' && jobs.length === 0 ? await refreshRequest(tx, id, at) : null;
  if (body.kind !== 'buy' && body.where !== undefined) await noteWide(deps, tx, id, asked);
  return { stored: { request: ended ?? request, repeats, jobs: approval ? [] : delayed(jobs, request.startAt, at) }, bodyHash };
}

/** Logs a warning when a filter matched so much that it may be an error. */
async function noteWide(deps: ProducerDeps, tx: Tx, requestId: string, matched: number): Promise<void> {
  const note = wideNote({ matched, of: await countOwned(tx) });
  if (note !== null) deps.log.warn({ requestId, asked: matched }, note);
}

function sameOrConflict(known: Request, bodyHash: string): Submitted {
  if (known.bodyHash === bodyHash) return { request: known, created: false, repeats: NO_REPEATS };
  throw new ProvisioningError(
    'idempotency_conflict',
    'rejected',
    `the idempotency key was used for another body (request ${known.id})`,
  );
}
