import { DRIFT_FIELDS } from '../domain/reconciliation.ts';
import type { NumberSettings } from '../domain/step.ts';
import type { SqlOrTx } from './client.ts';
import { closeDrift } from './drift-ends.ts';
import type { Because } from './events.ts';
import { type InventoryFilter, placedNumbers } from './queries/inventory.ts';
import type { phoneNumbers } from './schema/index.ts';

export type PhoneNumber = typeof phoneNumbers.$inferSelect;

/**
 * Appends one event for each row of `changed` (a CTE with all columns) for which `details`, a select of one row, gives a detail.
 * `details` sees the row as `c`, and as `b` what `before` (the same rows, locked earlier) had of it. The old row is turned to JSON
 * once (`was`, materialized), and not again for each field.
 */
export const noteEvents = (sql: SqlOrTx, because: Because, details: ReturnType<SqlOrTx>) => sql`
  insert into events (at, subject, subject_id, from_state, to_state, cause, request_id, chunk_id, run_id, actor, detail)
  select ${because.at}, 'number', c.phone_number, b.state, c.state, ${because.cause}, ${because.requestId ?? null},
    ${because.chunkId ?? null}, ${because.runId ?? null}, ${because.actor ?? null}, d.detail
  from changed c left join (
    with old as materialized (select phone_number, state, to_jsonb(before) as was from before) select * from old
  ) b using (phone_number)
  cross join lateral (${details}) d
  where d.detail is not null`;

/** Selects the old and new value of every changed field of `c` and `b`; null when none changed. */
export const changesOf = (sql: SqlOrTx): ReturnType<SqlOrTx> => sql`
  select jsonb_object_agg(n.key, jsonb_build_array(b.was -> n.key, n.value)) as detail
  from jsonb_each(to_jsonb(c)) n
  where n.value is distinct from b.was -> n.key and n.value is distinct from case when b.phone_number is null then 'null'::jsonb end
    and n.key not in ('updated_at', 'last_seen_at', 'created_at')`;

/**
 * Appends one event for each row in which `changed` (a CTE with all columns) differs from `before` (the same rows, locked
 * earlier). The event has the old and new value of every changed field. So no inventory row changes without a trace.
 */
export const noteChanges = (sql: SqlOrTx, because: Because) => noteEvents(sql, because, changesOf(sql));

export interface BoughtNumber {
  phoneNumber: string;
  telnyxId: string | null;
  status: string;
  /** The fields that the buy knows. The next reconciliation fills those that are null. */
  countryCode: string | null;
  phoneNumberType: string | null;
}

/**
 * Adds bought numbers to the inventory, with the price from the search and the settings of the order. A purchase ends their
 * drift: they are neither missing nor surplus any more.
 */
export async function enterBought(
  sql: SqlOrTx,
  chunk: { id: string; requestId: string },
  numbers: BoughtNumber[],
  attached: { connectionId?: string; messagingProfileId?: string; billingGroupId?: string },
  because: Because,
): Promise<void> {
  if (numbers.length === 0) return;
  const asked = fieldsOf(attached);
  // Settings from an earlier ownership do not apply to this purchase. They stay unknown until they are seen.
  const known = (column: string) => sql`case when phone_numbers.state = 'owned' then phone_numbers.${sql(column)} end`;
  await sql`
    with bought as (
      select n.*, i.upfront_cost, i.monthly_cost, i.currency
      from unnest(${numbers.map((n) => n.phoneNumber)}::text[], ${numbers.map((n) => n.telnyxId)}::text[],
        ${numbers.map((n) => n.status)}::text[], ${numbers.map((n) => n.countryCode)}::text[],
        ${numbers.map((n) => n.phoneNumberType)}::text[]) as n(number, telnyx_id, status, country, type)
      left join items i on i.chunk_id = ${chunk.id} and i.phone_number = n.number
    ), before as (
      select * from phone_numbers where phone_number in (select number from bought) order by phone_number for update
    ), changed as (
      insert into phone_numbers (phone_number, telnyx_id, state, status, country_code, phone_number_type, connection_id,
        messaging_profile_id, billing_group_id, upfront_cost, monthly_cost, currency, bought_by, purchased_at, created_at, updated_at)
      select number, telnyx_id, 'owned', status, country, type, ${attached.connectionId ?? null}, ${attached.messagingProfileId ?? null},
        ${attached.billingGroupId ?? null}, upfront_cost, monthly_cost, currency, ${chunk.requestId}, ${because.at},
        ${because.at}, ${because.at}
      from bought order by number
      on conflict (phone_number) do update set telnyx_id = coalesce(excluded.telnyx_id, ${known('telnyx_id')}), state = 'owned',
        status = excluded.status, country_code = coalesce(excluded.country_code, phone_numbers.country_code),
        phone_number_type = coalesce(excluded.phone_number_type, phone_numbers.phone_number_type),
        connection_id = coalesce(excluded.connection_id, ${known('connection_id')}),
        messaging_profile_id = coalesce(excluded.messaging_profile_id, ${known('messaging_profile_id')}),
        billing_group_id = coalesce(excluded.billing_group_id, ${known('billing_group_id')}),
        customer_reference = ${known('customer_reference')}, deletion_lock_enabled = ${known('deletion_lock_enabled')},
        emergency_enabled = ${known('emergency_enabled')}, emergency_status = ${known('emergency_status')},
        emergency_address_id = ${known('emergency_address_id')}, external_pin = ${known('external_pin')},
        hd_voice_enabled = ${known('hd_voice_enabled')}, last_seen_at = ${known('last_seen_at')},
        baseline = ${settled(sql, sql`${known('baseline')}`, asked)}, surplus = false,
        upfront_cost = coalesce(excluded.upfront_cost, phone_numbers.upfront_cost),
        monthly_cost = coalesce(excluded.monthly_cost, phone_numbers.monthly_cost),
        currency = coalesce(excluded.currency, phone_numbers.currency), bought_by = excluded.bought_by,
        tags = case when phone_numbers.state = 'owned' then phone_numbers.tags else '{}'::text[] end,
        purchased_at = excluded.purchased_at, updated_at = excluded.updated_at
      returning *
    ), ${closeDrift(sql, because, asked, ['missing', 'surplus'])}
    ${noteChanges(sql, because)}`;
}

/** Records that Telnyx applied these settings to these numbers. */
export async function noteSettings(sql: SqlOrTx, numbers: string[], settings: NumberSettings, because: Because): Promise<void> {
  const set = {
    ...(settings.tags !== undefined && { tags: settings.tags }),
    ...(settings.connection_id !== undefined && { connectionId: settings.connection_id }),
    ...(settings.billing_group_id !== undefined && { billingGroupId: settings.billing_group_id }),
    ...(settings.customer_reference !== undefined && { customerReference: settings.customer_reference }),
    ...(settings.external_pin !== undefined && { externalPin: settings.external_pin }),
    ...(settings.hd_voice_enabled !== undefined && { hdVoiceEnabled: settings.hd_voice_enabled }),
    ...(settings.deletion_lock_enabled !== undefined && { deletionLockEnabled: settings.deletion_lock_enabled }),
  };
  await changeNumbers(sql, numbers, set, because);
}

type Changeable = Partial<Omit<PhoneNumber, 'phoneNumber' | 'baseline' | 'createdAt' | 'updatedAt'>>;

/**
 * Changes the same fields of many inventory rows, with an event for each. The new values are what we last asked for, so the
 * baseline of these fields becomes equal to them and their open drift ends. When a number is released, all its drift ends.
 */
export async function changeNumbers(sql: SqlOrTx, numbers: string[], set: Changeable, because: Because): Promise<void> {
  if (numbers.length === 0) return;
  const fields = fieldsOf(set);
  const baseline = set.state === 'released' ? sql`null` : settled(sql, sql`p.baseline`, fields);
  // A missing number has no field that could differ. Its baseline stays for the case that it shows again.
  const ended = { released: ['changed', 'missing', 'surplus'], missing: ['changed', 'surplus'], owned: [] } as const;
  // This is a separate fragment, because the driver's helper guesses its form from the first keyword before it.
  const changed = sql`
    update phone_numbers p set ${sql({ ...set, updatedAt: because.at })}, baseline = ${baseline}
    from before b where p.phone_number = b.phone_number
    returning p.*`;
  await sql`
    with before as (
      select * from phone_numbers where phone_number = any(${numbers}::text[]) order by phone_number for update
    ), changed as (${changed}), ${closeDrift(sql, because, fields, ended[set.state ?? 'owned'])}
    insert into events (at, subject, subject_id, from_state, to_state, cause, request_id, chunk_id, run_id, actor, detail)
    select ${because.at}, 'number', phone_number, was, is_now, ${because.cause}, ${because.requestId ?? null},
      ${because.chunkId ?? null}, ${because.runId ?? null}, ${because.actor ?? null}, detail
    from (
      select c.phone_number, b.state as was, c.state as is_now, ${differences(sql, [...columnsOf(set), 'baseline'])} as detail
      from changed c join before b using (phone_number)
    ) d
    where detail <> '{}'::jsonb`;
}

/**
 * The old and new value of each of these columns that differs between `before b` and `changed c`, as `noteChanges` writes them. It
 * names the columns that a statement sets, because turning whole rows into JSON took half of the time of an update of 1,000 numbers.
 */
const differences = (sql: SqlOrTx, columns: readonly string[]) =>
  columns
    .map((column) => {
      const [was, is] = [sql`b.${sql(column)}`, sql`c.${sql(column)}`];
      return sql`case when ${was} is distinct from ${is}
        then jsonb_build_object(${column}::text, jsonb_build_array(${was}, ${is})) else '{}'::jsonb end`;
    })
    .reduce((all, one) => sql`${all} || ${one}`);

/** The columns that an object in the driver's spelling sets. */
const columnsOf = (set: object): string[] => Object.keys(set).map((key) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`));

/** Returns the compared fields that an object in the driver's spelling sets. */
function fieldsOf(set: object): string[] {
  const columns = new Set(columnsOf(set));
  return DRIFT_FIELDS.filter((field) => columns.has(field));
}

/** The baseline without these fields, because the account now shows what we asked for. */
const settled = (sql: SqlOrTx, baseline: ReturnType<SqlOrTx>, fields: string[]) =>
  sql`nullif(${baseline} - ${fields}::text[], '{}'::jsonb)`;

/** Marks numbers as released. Numbers that the inventory never knew are left alone. */
export async function markReleased(sql: SqlOrTx, numbers: string[], because: Because): Promise<void> {
  await changeNumbers(sql, numbers, { state: 'released', status: 'deleted' }, because);
}

/** Returns the inventory row of a number, or `null`. */
export async function getNumber(sql: SqlOrTx, phoneNumber: string): Promise<PhoneNumber | null> {
  const [row] = await sql<PhoneNumber[]>`select * from phone_numbers where phone_number = ${phoneNumber}`;
  return row ?? null;
}

/** Returns the inventory rows of those numbers that have one, by number. */
export async function getNumbers(sql: SqlOrTx, numbers: string[]): Promise<Map<string, PhoneNumber>> {
  const rows = await sql<PhoneNumber[]>`select * from phone_numbers where phone_number = any(${numbers}::text[])`;
  return new Map(rows.map((r) => [r.phoneNumber, r]));
}

/** Returns those of the numbers that carry the tag in our inventory. */
export async function taggedAmong(sql: SqlOrTx, numbers: string[], tag: string): Promise<Set<string>> {
  const rows = await sql<{ phoneNumber: string }[]>`
    select phone_number from phone_numbers where phone_number = any(${numbers}::text[]) and tags @> array[${tag}]::text[]`;
  return new Set(rows.map((r) => r.phoneNumber));
}

/**
 * Returns those of the numbers that Telnyx has shown as ours since their purchase: ownership gave their id when the order
 * settled, or a reconciliation saw them. When such a number no longer shows anywhere, it is gone and not just late.
 */
export async function shownSincePurchase(sql: SqlOrTx, numbers: string[]): Promise<Set<string>> {
  const rows = await sql<{ phoneNumber: string }[]>`
    select p.phone_number from phone_numbers p
    where p.phone_number = any(${numbers}::text[]) and (p.last_seen_at > p.purchased_at or exists (
      select 1 from items i where i.request_id = p.bought_by and i.phone_number = p.phone_number
        and i.bought_at is not null and i.telnyx_id is not null))`;
  return new Set(rows.map((r) => r.phoneNumber));
}

/** Stages the matching numbers on the caller's transaction. A second connection could wait for the pool for ever. */
export async function stageInventory(sql: SqlOrTx, filter: InventoryFilter): Promise<number> {
  const placed = placedNumbers(filter);
  const { count } = await sql.unsafe(
    `insert into incoming (phone_number, position, place) select n.*, 'where' from (${placed.text}) n`,
    placed.params,
  );
  return count;
}

/** Returns those of `numbers` that another request has bought. */
export async function boughtByOthers(sql: SqlOrTx, requestId: string, numbers: string[]): Promise<string[]> {
  const rows = await sql<{ phoneNumber: string }[]>`
    select phone_number from phone_numbers
    where phone_number = any(${numbers}::text[]) and state = 'owned' and bought_by is distinct from ${requestId} and bought_by is not null`;
  return rows.map((r) => r.phoneNumber);
}

/** Returns how many numbers the inventory calls owned. */
export async function countOwned(sql: SqlOrTx): Promise<number> {
  const [row] = await sql<{ n: number }[]>`select count(*)::int as n from phone_numbers where state = 'owned'`;
  return row?.n ?? 0;
}

/** Returns how many owned numbers share each prefix of `length` characters, for the prefixes of `numbers`. */
export async function countByPrefix(sql: SqlOrTx, numbers: string[], length: number): Promise<Map<string, number>> {
  const prefixes = [...new Set(numbers.map((n) => n.slice(0, length)))];
  const rows = await sql<{ prefix: string; n: number }[]>`
    select w.prefix, count(*)::int as n from unnest(${prefixes}::text[]) as w(prefix)
    join phone_numbers p on left(p.phone_number, ${length}) = w.prefix where p.state = 'owned' group by 1`;
  const known = new Map(rows.map((r) => [r.prefix, r.n]));
  return new Map(prefixes.map((p) => [p, known.get(p) ?? 1]));
}
