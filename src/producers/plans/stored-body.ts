import type { Plan } from '../../db/plans.ts';
import type { BuyBody, DeleteBody, RequestBody, UpdateBody } from '../intake/request-shapes.ts';
import type { SearchBody } from './search-shape.ts';

/** The body of a plan without the numbers, which are in the rows of the plan. A count stands in their place in the stored body. */
export type PlannedBody = PlannedRequestBody | { kind: 'search'; body: SearchBody };
export interface PlannedRequestBody {
  kind: 'request';
  body: RequestBody;
  byRow: boolean;
  columns: readonly string[] | undefined;
}

/** Reads the stored body of a plan. The casts are sound, because the row holds a body that was checked when the plan was made. */
export function bodyOfPlan(plan: Pick<Plan, 'kind' | 'body'>): PlannedBody {
  if (plan.kind === 'search') return { kind: 'search', body: plan.body as unknown as SearchBody };
  const { phone_numbers: _count, where: _where, rows, columns, ...body } = plan.body;
  const more = { byRow: rows !== undefined, columns: Array.isArray(columns) ? columns.map(String) : undefined };
  if (plan.kind === 'buy') return { kind: 'request', body: { ...body, phone_numbers: [] } as unknown as BuyBody, ...more };
  return { kind: 'request', body: body as unknown as UpdateBody | DeleteBody, ...more };
}
