import { linesOfRequest } from '../db/lines.ts';
import { getRequest } from '../db/requests.ts';
import { ProvisioningError, refused } from '../domain/errors.ts';
import { hasEnded } from '../domain/request.ts';
import type { ProducerDeps } from './deps.ts';
import type { NumberRow } from './numbers-in.ts';
import { type Submitted, submitRequest } from './submit.ts';

/**
 * Files a new request for what an ended one failed to do. Ends are never changed: the old request keeps its result, the new
 * one names it. A repeat of the same retry gives the same new request. Errors: `not_found`, `not_ended`, `nothing_failed`.
 */
export async function retryRequest(deps: ProducerDeps, id: string): Promise<Submitted> {
  const request = await getRequest(deps.db.sql, id);
  if (request === null) throw new ProvisioningError('not_found', 'rejected', `there is no request ${id}`);
  if (!hasEnded(request.status))
    throw refused('not_ended', `request ${id} is ${request.status}; it can be retried when it has ended`);
  const failed = await deps.db.sql<{ phoneNumber: string | null; lineId: string | null }[]>`
    select phone_number, line_id from items where request_id = ${id} and status = 'failed' and bought_at is null order by position`;
  if (failed.length === 0)
    throw refused(
      'nothing_failed',
      `request ${id} has no failed number that can be tried again (a bought number is finished by an update)`,
    );
  const numbers = failed.flatMap((f) => f.phoneNumber ?? []);
  const options = { filedBy: id, idempotencyKey: `retry-${id}` };
  if (request.kind !== 'buy') {
    const { phone_numbers: _count, where: _where, ...body } = request.body;
    const again = request.kind === 'delete' ? { ...body, expected_count: numbers.length } : body;
    return submitRequest(deps, again, { ...options, numbers: listed(numbers) });
  }
  const byLine = new Map<string, number>();
  for (const f of failed) if (f.phoneNumber === null && f.lineId !== null) byLine.set(f.lineId, (byLine.get(f.lineId) ?? 0) + 1);
  const bodyLines = Array.isArray(request.body['lines']) ? (request.body['lines'] as Record<string, unknown>[]) : [];
  const lines = (await linesOfRequest(deps.db.sql, id)).flatMap((l) => {
    const quantity = byLine.get(l.id);
    return quantity === undefined || bodyLines[l.position] === undefined ? [] : [{ ...bodyLines[l.position], quantity }];
  });
  const { phone_numbers: _listed, ...body } = request.body;
  return submitRequest(deps, { ...body, lines }, numbers.length > 0 ? { ...options, numbers: listed(numbers) } : options);
}

async function* listed(numbers: string[]): AsyncGenerator<NumberRow> {
  for (const number of numbers) yield { number, at: 'retry' };
}
