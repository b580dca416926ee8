import type { Costs } from '../db/items.ts';
import { figuresOf, NO_FIGURES } from '../db/queries/requests.ts';
import type { Request } from '../db/requests.ts';
import { formatMoney, moneyOf } from '../domain/money.ts';
import type { ProducerDeps } from './deps.ts';

type Deps = Pick<ProducerDeps, 'db' | 'log'>;

/** Logs that a worker has begun with a request. `before` is its row before the change. */
export function logBegin({ log }: Pick<Deps, 'log'>, before: Request, after: Request | null): void {
  if (before.status !== 'queued' || after?.status !== 'running') return;
  const { id: requestId, kind, asked, submittedBy } = after;
  log.info({ requestId, kind, asked, ...(submittedBy !== null && { actor: submittedBy }) }, 'request begun');
}

/** A cost as log lines show it. */
export function costInLog({ upfront, monthly, currency }: Costs) {
  return { upfront: formatMoney(moneyOf(upfront)), monthly: formatMoney(moneyOf(monthly)), currency: currency ?? 'USD' };
}

/** Logs the end of a request with its counts, cost and duration. Call it after the transaction with what changed the row. */
export async function logEnd({ db, log }: Deps, after: Request | null): Promise<void> {
  if (after?.finishedAt == null) return;
  const { id: requestId, kind, asked, status } = after;
  const { counts, cost } = (await figuresOf(db.reads, [requestId])).get(requestId) ?? NO_FIGURES;
  const said = Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0));
  log.info(
    {
      ...{ requestId, kind, status, asked, counts: said },
      ...(kind === 'buy' && { cost: costInLog(cost) }),
      durationMs: after.finishedAt.getTime() - after.createdAt.getTime(),
    },
    'request ended',
  );
}
