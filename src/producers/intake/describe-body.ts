import type { ErrorDetail } from '../../domain/errors.ts';
import type { Step } from '../../domain/step.ts';
import { buySteps, deleteSteps, updateSteps } from './plan.ts';
import type { RequestBody } from './request-shapes.ts';
import type { StagedBody } from './stage-body.ts';

/** The steps that a body asks for. */
export function stepsOf(body: RequestBody): Step[] {
  if (body.kind === 'buy') return buySteps(body, body.requirement_group_id);
  return body.kind === 'update' ? updateSteps(body.set) : deleteSteps(body);
}

/** The problem of a body that names or matches no number. */
export function matchesNothing(body: RequestBody): ErrorDetail {
  if (body.kind === 'buy') return { path: 'lines', message: 'names no number' };
  return body.where === undefined
    ? { path: 'phone_numbers', message: 'names no number' }
    : { path: 'where', message: 'matches no number' };
}

/**
 * The body as it is stored: with the count of the numbers that it lists instead of the numbers, which are items. `rows` says that
 * each had values of its own, which are in the chunks.
 */
export function describe(body: RequestBody, staged: StagedBody, columns: readonly string[] | undefined): Record<string, unknown> {
  const { phone_numbers, ...rest } = body;
  const selects = body.kind !== 'buy' && body.where !== undefined;
  const listed = staged.listed && staged.count > 0 && !staged.byRow && !selects ? { phone_numbers: staged.count } : {};
  return { ...rest, ...listed, ...(staged.byRow && { rows: staged.count }), ...(columns !== undefined && { columns }) };
}
