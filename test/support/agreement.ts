import type postgres from 'postgres';
import type { Ledger } from '../../src/simulator/index.ts';

/** The state of affairs at Telnyx, as the simulator shows it. */
export interface Truth {
  ledger: Ledger;
  /** All numbers that the account owns now. */
  owned: readonly string[];
}

export interface Expected {
  /** True when a reconciliation run has read the whole account. Then our inventory must be complete. */
  wholeInventory?: boolean;
  /** True when every number must have succeeded. */
  allSucceed?: boolean;
  /** What the test itself asked for, whatever the database says. */
  asked?: Asked;
}

export interface Asked {
  requests: number;
  /** How many numbers should have been bought. */
  bought: number;
  /** Exactly the numbers that should have been released. */
  released: readonly string[];
}

/**
 * Returns every difference between database, ledger and request, one line each. An empty list means that they agree. Call it when
 * all requests should have ended.
 */
export async function disagreements(sql: postgres.Sql, truth: Truth, expected: Expected = {}): Promise<string[]> {
  return [
    ...(await unfinished(sql)),
    ...(await miscounted(sql)),
    ...(await purchases(sql, truth)),
    ...(await releases(sql, truth)),
    ...(await changes(sql, truth)),
    ...(await inventory(sql, truth, expected.wholeInventory ?? false)),
    ...(expected.allSucceed === true ? await failures(sql) : []),
    ...(expected.asked === undefined ? [] : await unasked(sql, truth, expected.asked)),
  ];
}

async function failures(sql: postgres.Sql): Promise<string[]> {
  const requests = await sql<{ id: string; kind: string; status: string }[]>`
    select id, kind, status from requests where status <> 'succeeded' order by seq`;
  const items = await sql<{ kind: string; status: string; code: string | null; reason: string | null; n: number }[]>`
    select r.kind, i.status, i.reason_code as code, min(i.reason) as reason, count(*)::int as n
    from items i join requests r on r.id = i.request_id where i.status <> 'succeeded' group by 1, 2, 3 order by n desc`;
  return [
    ...requests.map((r) => `${r.kind} ${r.id} ended as ${r.status}`),
    ...items.map((i) => `${i.n} numbers of ${i.kind} requests ended as ${i.status}: ${i.code} (${i.reason})`),
  ];
}

/** Compares the ledger with the test's own notes. If a whole request were lost, database and ledger would still agree. */
async function unasked(sql: postgres.Sql, { ledger }: Truth, asked: Asked): Promise<string[]> {
  const [stored] = await sql<{ n: number }[]>`select count(*)::int as n from requests`;
  const named = new Set(asked.released);
  const released = new Set(ledger.released.map((r) => r.phone_number));
  const wrongly = [...released].filter((n) => !named.has(n));
  const kept = [...named].filter((n) => !released.has(n));
  return [
    ...(stored?.n === asked.requests ? [] : [`${asked.requests} requests were filed, ${stored?.n} are stored`]),
    ...(ledger.bought.length === asked.bought
      ? []
      : [`${asked.bought} numbers were asked for, ${ledger.bought.length} were bought`]),
    ...(wrongly.length === 0 ? [] : [`${wrongly.length} numbers were released that nobody named, such as ${wrongly[0]}`]),
    ...(kept.length === 0 ? [] : [`${kept.length} numbers were to be released and were not, such as ${kept[0]}`]),
  ];
}

async function unfinished(sql: postgres.Sql): Promise<string[]> {
  const hanging = await sql<{ id: string; status: string }[]>`select id, status from requests where finished_at is null`;
  const open = await sql<{ id: string; state: string }[]>`
    select id, state from chunks where state not in ('settled', 'cancelled')`;
  const [claims] = await sql<{ n: number }[]>`select count(*)::int as n from claims`;
  return [
    ...hanging.map((r) => `request ${r.id} hangs: ${r.status}`),
    ...open.map((c) => `chunk ${c.id} is still ${c.state}`),
    ...(claims?.n === 0 ? [] : [`${claims?.n} claims are left`]),
  ];
}

async function miscounted(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql<{ id: string; asked: number; items: number; open: number }[]>`
    select r.id, r.asked, count(i.id)::int as items,
      count(*) filter (where i.status in ('pending', 'in_flight'))::int as open
    from requests r left join items i on i.request_id = r.id group by r.id
    having r.asked <> count(i.id) or count(*) filter (where i.status in ('pending', 'in_flight')) > 0`;
  return rows.map((r) => `request ${r.id}: asked ${r.asked}, items ${r.items}, of which ${r.open} are open`);
}

async function purchases(sql: postgres.Sql, { ledger }: Truth): Promise<string[]> {
  const rows = await sql<{ phoneNumber: string; upfront: string | null; monthly: string | null }[]>`
    select i.phone_number as "phoneNumber", i.upfront_cost::text as upfront, i.monthly_cost::text as monthly
    from items i join requests r on r.id = i.request_id where r.kind = 'buy' and i.status = 'succeeded'`;
  const ours = rows.map((r) => r.phoneNumber);
  const seen = new Set<string>();
  const twice = ours.filter((n) => seen.size === seen.add(n).size);
  const sum = (column: 'upfront' | 'monthly'): number => rows.reduce((total, r) => total + cents(r[column]), 0);
  const orders = new Map<string, number>();
  const bought = new Set(ledger.bought.map((b) => b.phone_number));
  for (const order of ledger.orders.filter((o) => ledger.bought.some((b) => b.order_id === o.id)))
    orders.set(order.customer_reference ?? order.id, (orders.get(order.customer_reference ?? order.id) ?? 0) + 1);
  return [
    ...(twice.length === 0 ? [] : [`${twice.length} numbers are written down as bought twice, such as ${twice[0]}`]),
    ...difference('bought', new Set(ours), bought),
    ...[...orders].filter(([, n]) => n > 1).map(([reference, n]) => `${n} orders of ${reference} took effect`),
    ...(['upfront', 'monthly'] as const).flatMap((column) =>
      sum(column) === cents(ledger.charged[column])
        ? []
        : [`${column}: our books say ${sum(column) / 100}, charged were ${ledger.charged[column]}`],
    ),
  ];
}

async function releases(sql: postgres.Sql, { ledger }: Truth): Promise<string[]> {
  const rows = await sql<{ phoneNumber: string }[]>`
    select i.phone_number as "phoneNumber" from items i join requests r on r.id = i.request_id
    where r.kind = 'delete' and i.status = 'succeeded'`;
  const twice = ledger.released.length - new Set(ledger.released.map((r) => r.phone_number)).size;
  return [
    ...(twice === 0 ? [] : [`${twice} numbers were released twice`]),
    ...difference('released', new Set(rows.map((r) => r.phoneNumber)), new Set(ledger.released.map((r) => r.phone_number))),
  ];
}

/** Compares the last connection that was asked for with our inventory and with Telnyx. */
async function changes(sql: postgres.Sql, { ledger }: Truth): Promise<string[]> {
  const rows = await sql<{ phoneNumber: string; asked: string; shown: string | null }[]>`
    select distinct on (i.phone_number) i.phone_number as "phoneNumber", r.body->'set'->>'connection_id' as asked,
      n.connection_id as shown
    from items i join requests r on r.id = i.request_id left join phone_numbers n on n.phone_number = i.phone_number
    where r.kind = 'update' and i.status = 'succeeded' and r.body->'set' ? 'connection_id'
    order by i.phone_number, r.seq desc`;
  const told = new Map<string, unknown>();
  for (const change of ledger.changed)
    if ('connection_id' in change.fields) told.set(change.phone_number, change.fields['connection_id']);
  const wrong = rows.filter((r) => r.asked !== r.shown || r.asked !== told.get(r.phoneNumber));
  return wrong.length === 0
    ? []
    : [
        `${wrong.length} numbers have another connection than asked, such as ${wrong[0]?.phoneNumber}: asked ${wrong[0]?.asked}, ours ${wrong[0]?.shown}, Telnyx ${String(told.get(wrong[0]?.phoneNumber ?? ''))}`,
      ];
}

async function inventory(sql: postgres.Sql, { ledger, owned }: Truth, whole: boolean): Promise<string[]> {
  const rows = await sql<{ phoneNumber: string; surplus: boolean }[]>`
    select phone_number as "phoneNumber", surplus from phone_numbers where state = 'owned'`;
  const ours = new Set(rows.map((r) => r.phoneNumber));
  const surplus = rows.filter((r) => r.surplus).length;
  const theirs = new Set(owned);
  if (whole) return [...difference('owned', ours, theirs), ...(surplus === 0 ? [] : [`${surplus} numbers are surplus`])];
  const bought = ledger.bought.map((b) => b.phone_number).filter((n) => theirs.has(n));
  return difference('owned of those bought', new Set([...ours].filter((n) => bought.includes(n))), new Set(bought));
}

function difference(what: string, database: ReadonlySet<string>, ledger: ReadonlySet<string>): string[] {
  const lost = [...ledger].filter((n) => !database.has(n));
  const invented = [...database].filter((n) => !ledger.has(n));
  return [
    ...(lost.length === 0 ? [] : [`${what}: ${lost.length} at Telnyx only, such as ${lost[0]}`]),
    ...(invented.length === 0 ? [] : [`${what}: ${invented.length} in the database only, such as ${invented[0]}`]),
  ];
}

const cents = (amount: string | null): number => Math.round(Number(amount ?? 0) * 100);
