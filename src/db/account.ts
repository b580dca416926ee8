import type { ErrorCode } from '../domain/codes.ts';
import { OPEN_ITEM_STATUSES } from '../domain/request.ts';
import type { Sql, SqlOrTx, Tx } from './client.ts';
import { insertEvent } from './events.ts';
import type { account } from './schema/index.ts';
import { tellUsers } from './webhook-messages.ts';

export type Account = typeof account.$inferSelect;

/** Reads the account row. Throws when the migrations have not run. */
export async function getAccount(sql: SqlOrTx): Promise<Account> {
  return onlyRow(await sql<Account[]>`select * from account where id = 1`);
}

/** Returns the one row of the account. The migrations insert it. */
export function onlyRow([row]: readonly Account[]): Account {
  if (row === undefined) throw new Error('the account row is missing: run `provisioner migrate`');
  return row;
}

/**
 * Closes the gate, which stops all spending in every process, because each order reads this row before it leaves. Closing a
 * closed gate keeps the first reason, with one exception: when the first reason heals by itself (it has a probe) and the new one
 * does not, the new reason replaces it. Then only a person may open the gate.
 */
export async function closeGate(
  sql: Sql,
  why: { code: ErrorCode; reason: string; at: Date; probeAt: Date | null },
): Promise<boolean> {
  return sql.begin((tx) => closeIn(tx, why));
}

async function closeIn(sql: Tx, why: Parameters<typeof closeGate>[1]): Promise<boolean> {
  const rows = await sql<{ wasOpen: boolean }[]>`
    with before as (select gate_open, probe_at from account where id = 1 for update)
    update account set gate_open = false, reason_code = ${why.code}, reason = ${why.reason}, closed_at = ${why.at},
      probe_at = ${why.probeAt}
    from before b where id = 1 and (b.gate_open or (b.probe_at is not null and ${why.probeAt === null}))
    returning b.gate_open as was_open`;
  const [row] = rows;
  if (row === undefined) return false;
  await insertEvent(sql, {
    subject: 'account',
    subjectId: 'gate',
    from: row.wasOpen ? 'open' : 'closed',
    to: 'closed',
    cause: why.code,
    at: why.at,
    detail: { reason: why.reason },
  });
  await tellUsers(sql, 'gate.closed', { code: why.code, reason: why.reason, opens_by_itself: why.probeAt !== null }, why.at);
  return true;
}

/** Opens the gate. Returns `false` when it was open already. */
export async function openGate(sql: Sql, by: { actor: string; at: Date }): Promise<boolean> {
  return sql.begin((tx) => openIn(tx, by));
}

async function openIn(sql: Tx, by: { actor: string; at: Date }): Promise<boolean> {
  const rows = await sql`
    update account set gate_open = true, reason_code = null, reason = null, closed_at = null, probe_at = null
    where id = 1 and not gate_open returning id`;
  if (rows.length === 0) return false;
  await insertEvent(sql, {
    subject: 'account',
    subjectId: 'gate',
    from: 'closed',
    to: 'open',
    cause: 'reopen',
    at: by.at,
    actor: by.actor,
  });
  await tellUsers(sql, 'gate.opened', { by: by.actor }, by.at);
  return true;
}

/** Moves the next probe of a closed gate to `next`. Returns `false` when another process took this probe. */
export async function takeProbe(sql: SqlOrTx, now: Date, next: Date): Promise<boolean> {
  const rows = await sql`
    update account set probe_at = ${next} where id = 1 and not gate_open and probe_at <= ${now} returning id`;
  return rows.length > 0;
}

export async function noteBalance(
  sql: SqlOrTx,
  b: { balance: string; availableCredit: string; currency: string; at: Date },
): Promise<void> {
  await sql`
    update account set balance = ${b.balance}::text::numeric, available_credit = ${b.availableCredit}::text::numeric,
      currency = ${b.currency}, balance_at = ${b.at} where id = 1`;
}

export async function noteLimits(sql: SqlOrTx, limits: object[], at: Date): Promise<void> {
  await sql`update account set limits = ${JSON.stringify(limits)}::text::jsonb, limits_at = ${at} where id = 1`;
}

/**
 * Returns the cost (upfront and first month) of numbers that buys hold and that a balance read at `asOf` cannot show yet. A
 * decimal string.
 */
export async function unpaidClaims(sql: SqlOrTx, asOf: Date): Promise<string> {
  const [row] = await sql<{ total: string }[]>`
    select coalesce(sum(upfront_cost + monthly_cost), 0)::text as total from items
    where upfront_cost is not null
      and ((status = any(${OPEN_ITEM_STATUSES}::text[]) and bought_at is null) or bought_at > ${asOf})`;
  return row?.total ?? '0';
}
