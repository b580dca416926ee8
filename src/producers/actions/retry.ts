import { insertEvent } from '../../db/events.ts';
import { failedWithSteps } from '../../db/incoming-rows.ts';
import { linesOfRequest } from '../../db/lines.ts';
import { type FailedItem, failedItems, getRequest, type Request, requestByIdempotencyKey } from '../../db/requests.ts';
import { notFound, refused } from '../../domain/errors.ts';
import { hasEnded, searchOf } from '../../domain/request.ts';
import { withoutControls } from '../../domain/text.ts';
import type { ProducerDeps } from '../deps.ts';
import type { UpdateSet } from '../intake/request-shapes.ts';
import { NO_REPEATS, type NumberRow } from '../intake/stage-numbers.ts';
import { type SubmitOptions, type Submitted, submitKnown, submitRequest } from '../intake/submit.ts';

/**
 * Files a new request for the failed numbers of an ended one. The old request keeps its result, and the new one names it. A
 * second retry of the same request returns the same new request. It is asked for by `actor`, and counts on that budget. Errors: `not_found`, `not_ended`, `nothing_failed`.
 */
export async function retryRequest(deps: ProducerDeps, id: string, actor: string): Promise<Submitted> {
  const request = await getRequest(deps.db.sql, id);
  if (request === null) throw notFound(`there is no request ${id}`);
  if (!hasEnded(request.status))
    throw refused('not_ended', `request ${id} is ${request.status}; it can be retried when it has ended`);
  const key = { keySpace: 'internal' as const, idempotencyKey: `retry-${id}` };
  // This comes before all checks: a retry that was filed earlier stands, also when the rules for bodies have changed since.
  const before = await requestByIdempotencyKey(deps.db.sql, key.keySpace, key.idempotencyKey);
  if (before !== null) return { request: before, created: false, repeats: NO_REPEATS };
  const failed = await failedItems(deps.db.sql, id);
  if (failed.length === 0)
    throw refused(
      'nothing_failed',
      `request ${id} has no failed number that can be tried again (a bought number is finished by an update)`,
    );
  const numbers = failed.flatMap((f) => f.phoneNumber ?? []);
  const options: SubmitOptions = {
    filedBy: id,
    actor,
    ...key,
    together: async (tx, retryId) => {
      const event = { subject: 'request', subjectId: id, requestId: id, from: request.status, cause: 'retried' } as const;
      await insertEvent(tx, { ...event, at: deps.clock.now(), actor, detail: { retry: retryId, numbers: failed.length } });
    },
  };
  const { phone_numbers: _count, where: _where, rows, columns, ...body } = bodyForRetry(request.body);
  if (request.kind === 'delete')
    return submitRequest(deps, { ...body, expected_count: numbers.length }, { ...options, numbers: listed(numbers) });
  // The cast is sound, because the row holds a body that was checked. The values of a repair come from Telnyx and not from a
  // user.
  if (request.kind === 'update') {
    const update = { ...body, kind: 'update' as const, set: body['set'] as UpdateSet };
    return rows === undefined
      ? submitKnown(deps, update, { ...options, numbers: listed(numbers) })
      : submitKnown(deps, update, { ...options, ...named(columns), numbers: withSteps(await failedWithSteps(deps.db.sql, id)) });
  }
  return submitRequest(deps, ...(await buyAgain(deps, request, failed, options)));
}

/**
 * The body with a label that is allowed today, because older versions accepted any characters. A retry starts at once and without a
 * canary, which may be larger than what is left to do.
 */
function bodyForRetry(before: Request['body']): Request['body'] {
  const { start_at: _start, canary: _canary, ...body } = before;
  const { label } = body;
  return typeof label === 'string' ? { ...body, label: withoutControls(label) } : body;
}

/**
 * The body of a buy for the failed numbers, buy line by buy line. A search line searches again under its own conditions, also for
 * a number that it had and lost. Only numbers that the user listed are asked for by number. The budgets of the body count anew,
 * because a retry is a request of its own.
 */
async function buyAgain(
  deps: ProducerDeps,
  request: Request,
  failed: FailedItem[],
  options: SubmitOptions,
): Promise<[body: Record<string, unknown>, options: SubmitOptions]> {
  const asked = await linesOfRequest(deps.db.sql, request.id);
  const searching = new Set(asked.filter((l) => searchOf(l) !== null).map((l) => l.id));
  const byLine = new Map<string, number>();
  for (const { lineId } of failed)
    if (lineId !== null && searching.has(lineId)) byLine.set(lineId, (byLine.get(lineId) ?? 0) + 1);
  const bodyLines = Array.isArray(request.body['lines']) ? (request.body['lines'] as Record<string, unknown>[]) : [];
  const lines = asked.flatMap((l) => {
    const quantity = byLine.get(l.id);
    return quantity === undefined || bodyLines[l.position] === undefined ? [] : [{ ...bodyLines[l.position], quantity }];
  });
  const numbers = failed.flatMap((f) => (f.lineId !== null && searching.has(f.lineId) ? [] : (f.phoneNumber ?? [])));
  const { phone_numbers: _listed, ...body } = bodyForRetry(request.body);
  const again = { ...body, lines };
  return [again, numbers.length > 0 ? { ...options, numbers: listed(numbers) } : options];
}

async function* listed(numbers: string[]): AsyncGenerator<NumberRow> {
  for (const number of numbers) yield { number, at: 'retry' };
}

/** The numbers of a request with values row by row, each with what is still to be done for it. */
async function* withSteps(failed: { phoneNumber: string; steps: string }[]): AsyncGenerator<NumberRow> {
  for (const { phoneNumber, steps } of failed) yield { number: phoneNumber, at: 'retry', steps };
}

const named = (columns: unknown) => (Array.isArray(columns) ? { columns: columns.map(String) } : {});
