import type { CannotPutBack, DriftSelector, OpenKind } from '../domain/reconciliation.ts';
import { OPEN_ITEM_STATUSES } from '../domain/request.ts';
import type { SqlOrTx, Tx } from './client.ts';
import type { Because } from './events.ts';
import { noteChanges } from './numbers.ts';

/** True when a run found the row `d`, for the first time or again. */
export const ofRun = (sql: SqlOrTx, runId: string) =>
  sql`d.id in (select id from drift where run_id = ${runId} union all select drift_id from drift_again where run_id = ${runId})`;

/** True while a request works on the number of the row `d`. */
const busy = (sql: SqlOrTx) =>
  sql`exists (select 1 from items i where i.phone_number = d.phone_number and i.status = any(${OPEN_ITEM_STATUSES}::text[]))`;

/** Selects the open rows of a run for an action. */
export interface Choice {
  only?: readonly DriftSelector[] | undefined;
  /** When true, only numbers in the temporary table `named` are chosen. */
  named: boolean;
}

/** Creates the temporary table `named` for the numbers that an action names. */
export async function createNamed(tx: Tx): Promise<void> {
  await tx`create temp table named (phone_number text primary key) on commit drop`;
}

/** Adds numbers to `named`. A repeated number counts once. */
export async function addNamed(tx: Tx, numbers: string[]): Promise<void> {
  await tx`insert into named select unnest(${numbers}::text[]) on conflict do nothing`;
}

/** Fills the temporary table `chosen` with the open rows of the action. Returns how many named numbers have no open row. */
export async function chooseDrift(tx: Tx, runId: string, choice: Choice): Promise<number> {
  const only = choice.only === undefined || choice.only.length === 0 ? null : [...choice.only];
  await tx`create temp table chosen on commit drop as
    select d.*, ${busy(tx)} as busy from drift d
    where ${ofRun(tx, runId)} and d.state = 'open' and (${only}::text[] is null or coalesce(d.field, d.kind) = any(${only}::text[]))
      and ${choice.named ? tx`d.phone_number in (select phone_number from named)` : tx`true`}`;
  await tx`create index on chosen (phone_number)`;
  if (!choice.named) return 0;
  const [row] = await tx<{ n: number }[]>`
    select count(*)::int as n from named where phone_number not in (select phone_number from chosen)`;
  return row?.n ?? 0;
}

export interface AcceptedDrift {
  accepted: Record<OpenKind, number>;
  /** Rows that stay open because a request works on their numbers. */
  busy: number;
}

/**
 * Accepts the account's side for the chosen rows. The baseline of a changed field becomes what the account shows, a surplus
 * becomes an ordinary number, and a missing number is given up. Each number gets an event.
 */
export async function acceptChosen(tx: Tx, runId: string, because: Because): Promise<AcceptedDrift> {
  await tx`
    select 1 from phone_numbers where phone_number in (select phone_number from chosen where not busy)
    order by phone_number for update`;
  const rows = await tx<{ kind: OpenKind; n: number }[]>`
    with taken as (
      update drift d set state = 'accepted', state_at = ${because.at}, state_by = ${because.actor ?? null}
      from chosen c where d.id = c.id and not c.busy and d.state = 'open' returning d.phone_number, d.kind, d.field
    ), before as (
      select p.* from phone_numbers p where phone_number in (select phone_number from taken)
    ), changed as (
      update phone_numbers p set surplus = p.surplus and not t.surplus, updated_at = ${because.at},
        baseline = case when t.missing then null else nullif(p.baseline - t.fields, '{}'::jsonb) end
      from (
        select phone_number, coalesce(array_agg(field) filter (where kind = 'changed'), '{}') as fields,
          bool_or(kind = 'surplus') as surplus, bool_or(kind = 'missing') as missing
        from taken group by 1
      ) t where p.phone_number = t.phone_number returning p.*
    ), noted as (
      ${noteChanges(tx, because)}
    ), let_go as (
      insert into events (at, subject, subject_id, from_state, to_state, cause, run_id, actor)
      select ${because.at}, 'number', c.phone_number, c.state, c.state, ${because.cause}, ${runId}, ${because.actor ?? null}
      from changed c join before b using (phone_number) where b.baseline is not distinct from c.baseline and b.surplus = c.surplus
    )
    select kind, count(*)::int as n from taken group by kind`;
  const [left] = await tx<{ n: number }[]>`select count(*)::int as n from chosen where busy`;
  const accepted = { changed: 0, missing: 0, surplus: 0, ...Object.fromEntries(rows.map((r) => [r.kind, r.n])) };
  return { accepted, busy: left?.n ?? 0 };
}

/** The values of an update that undoes differences: the fields of `DRIFT_FIELDS` that an update can set. */
export interface RepairTarget {
  connection_id?: string;
  messaging_profile_id?: string;
  billing_group_id?: string;
  customer_reference?: string;
  tags?: string[];
  deletion_lock_enabled?: boolean;
  emergency_address_id?: string;
  external_pin?: string;
  hd_voice_enabled?: boolean;
}

/** One set of values that undoes differences, and the numbers that need it. */
export interface OwedRepair {
  target: RepairTarget;
  numbers: string[];
  /** Identifies these differences in their present state. The same mark means the same repair. */
  mark: string;
}

/** Chosen differences that no update can undo, by field (or kind) and reason. */
export interface LeftOpen {
  field: string;
  why: CannotPutBack;
  count: number;
  /** A few of the numbers. */
  sample: string[];
}

export interface RepairPlan {
  owed: OwedRepair[];
  cannot: LeftOpen[];
  /** Rows of numbers that an open request works on, for example an earlier repair. */
  busy: number;
}

/**
 * Groups the chosen rows into the updates that undo them, one for each set of values. Rows that no update can undo are counted
 * separately.
 */
export async function planRepairs(tx: Tx): Promise<RepairPlan> {
  await tx`create temp table judged on commit drop as
    select d.id, d.phone_number, coalesce(d.field, d.kind) as field, d.busy, case
      when d.kind <> 'changed' then d.kind
      when d.field in ('status', 'telnyx_id') then 'not_settable'
      when d.field = 'emergency_enabled' and not exists (
        select 1 from chosen a where a.phone_number = d.phone_number and a.field = 'emergency_address_id' and a.ours <> ''
          and d.ours = 'true') then 'emergency_alone'
      when d.field = 'emergency_address_id' and d.ours <> '' and coalesce(case when p.baseline ? 'emergency_enabled'
        then p.baseline->>'emergency_enabled' else p.emergency_enabled::text end, 'false') <> 'true' then 'emergency_off'
      when coalesce(d.ours, '') = '' and d.field not in ('tags', 'messaging_profile_id') then 'empty' end as why,
      case d.field when 'tags' then to_jsonb(d.ours::text[]) when 'messaging_profile_id' then to_jsonb(coalesce(d.ours, ''))
        when 'deletion_lock_enabled' then to_jsonb(d.ours::boolean) when 'hd_voice_enabled' then to_jsonb(d.ours::boolean)
        else to_jsonb(d.ours) end as value
    from chosen d join phone_numbers p using (phone_number)`;
  // Setting the address also switches emergency calling on, so the update carries only the address.
  const sets = await tx<{ target: RepairTarget; numbers: string[] }[]>`
    with sets as (
      select phone_number, jsonb_object_agg(field, value) as target from judged
      where why is null and not busy and field <> 'emergency_enabled' group by phone_number
    )
    select target, array_agg(phone_number order by phone_number) as numbers from sets group by target order by min(phone_number)`;
  const owed: OwedRepair[] = [];
  for (const { target, numbers } of sets) owed.push({ target, numbers, mark: await repairMark(tx, target, numbers) });
  const cannot = await tx<LeftOpen[]>`
    select field, why, count(*)::int as count, (array_agg(phone_number order by phone_number))[1:3] as sample from judged
    where why is not null group by field, why order by field, why`;
  const [row] = await tx<{ n: number }[]>`select count(*)::int as n from judged where busy and why is null`;
  return { owed, cannot, busy: row?.n ?? 0 };
}

/** Returns the fields that a repair with these values settles. */
const endedBy = (target: RepairTarget): string[] => [
  ...Object.keys(target),
  ...(target.emergency_address_id === undefined ? [] : ['emergency_enabled']),
];

async function repairMark(tx: Tx, target: RepairTarget, numbers: string[]): Promise<string> {
  const [row] = await tx<{ mark: string | null }[]>`
    select md5(string_agg(id || ' ' || coalesce(repair_request_id, ''), ',' order by id)) as mark from drift
    where state = 'open' and kind = 'changed' and phone_number = any(${numbers}::text[]) and field = any(${endedBy(target)}::text[])`;
  return row?.mark ?? '';
}

/**
 * Records on the rows which request repairs them, in the transaction that stores the request. Returns `false` when the rows have
 * changed since the repair was planned: then the caller must not commit.
 */
export async function markRepairing(tx: Tx, repair: OwedRepair, requestId: string, because: Because): Promise<boolean> {
  await tx`select 1 from phone_numbers where phone_number = any(${repair.numbers}::text[]) order by phone_number for update`;
  if ((await repairMark(tx, repair.target, repair.numbers)) !== repair.mark) return false;
  await tx`
    update drift set repair_request_id = ${requestId}, state_at = ${because.at}, state_by = ${because.actor ?? because.runId ?? null}
    where state = 'open' and kind = 'changed' and phone_number = any(${repair.numbers}::text[])
      and field = any(${endedBy(repair.target)}::text[])`;
  return true;
}
