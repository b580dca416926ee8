import { DRIFT_FIELDS, type DriftField } from '../domain/reconciliation.ts';
import type { SqlOrTx, Tx } from './client.ts';
import { closeDrift, sameValue } from './drift-ends.ts';
import type { Because } from './events.ts';
import { noteChanges } from './numbers.ts';

/** Statuses of numbers that Telnyx still lists although the account cannot use them. */
export const NOT_OURS: readonly string[] = ['deleted', 'ported-out', 'purchase-failed', 'port-failed'];

/** The `seq` of a number that the run saw and did not judge. That of every other sighting is larger. */
export const NOT_JUDGED = 0;

/** Fields that an answer may leave out. A missing field says nothing about the number. */
const MAY_BE_HIDDEN: ReadonlySet<DriftField> = new Set([
  'tags',
  'deletion_lock_enabled',
  'emergency_enabled',
  'hd_voice_enabled',
]);

/** What the run saw, without the numbers of `NOT_OURS`. `keepNewest` has left one row for each number. */
export const seen = (sql: SqlOrTx, runId: string) => sql`
  select * from sightings where run_id = ${runId} and status <> all(${NOT_OURS}::text[])`;

/** True while a request holds a claim on the number. This run does not judge such a number. */
export const inMotion = (sql: SqlOrTx, number: ReturnType<SqlOrTx>) =>
  sql`exists (select 1 from claims m where m.phone_number = ${number})`;

/** The request whose order named this number last. */
export const orderedBy = (sql: SqlOrTx, number: ReturnType<SqlOrTx>) => sql`(
  select c.request_id from chunks c where c.kind = 'order' and c.numbers @> array[${number}] order by c.created_at desc limit 1)`;

/** True when no request has an item that bought the number. */
export const unbought = (sql: SqlOrTx, number: ReturnType<SqlOrTx>) =>
  sql`not exists (select 1 from items i where i.phone_number = ${number} and i.bought_at is not null)`;

/** A number of the walk that the inventory calls released or missing. `longAgo`: its row last changed before `settledBefore`. */
export interface Reappeared {
  phoneNumber: string;
  longAgo: boolean;
}

/** Yields numbers of the walk that the inventory calls released or missing, page by page. */
export async function* reappeared(sql: SqlOrTx, runId: string, settledBefore: Date): AsyncGenerator<Reappeared[]> {
  const cursor = sql<Reappeared[]>`
    select s.phone_number, p.updated_at < ${settledBefore} as long_ago from (${seen(sql, runId)}) s join phone_numbers p using (phone_number)
    where p.state <> 'owned' order by s.phone_number`.cursor(1_000);
  for await (const rows of cursor) yield rows;
}

/** Removes numbers from the sightings of a run. */
export async function unsee(sql: SqlOrTx, runId: string, numbers: string[]): Promise<void> {
  await sql`delete from sightings where run_id = ${runId} and phone_number = any(${numbers}::text[])`;
}

/**
 * Yields numbers that the inventory has held since before `startedAt`, that the walk did not show, and that no request works on.
 * The caller asks ownership about them. Numbers bought after `boughtBefore` are left out, because list and ownership both lag
 * behind a purchase, so two checks prove nothing about them.
 */
export async function* missingCandidates(
  sql: SqlOrTx,
  runId: string,
  startedAt: Date,
  boughtBefore: Date,
): AsyncGenerator<string[]> {
  const cursor = sql<{ phoneNumber: string }[]>`
    select p.phone_number from phone_numbers p
    where p.state = 'owned' and p.updated_at < ${startedAt}
      and (p.purchased_at is null or p.purchased_at < ${boughtBefore})
      and not exists (select 1 from (${seen(sql, runId)}) s where s.phone_number = p.phone_number)
      and not ${inMotion(sql, sql`p.phone_number`)}
    order by p.phone_number`.cursor(1_000);
  for await (const rows of cursor) yield rows.map((r) => r.phoneNumber);
}

/** Marks numbers as missing after both checks. Their open differences end; their baseline stays. */
export async function noteMissing(tx: Tx, runId: string, numbers: string[], because: Because): Promise<void> {
  await tx`
    with before as (
      select * from phone_numbers where phone_number = any(${numbers}::text[]) and state = 'owned' order by phone_number for update
    ), changed as (
      update phone_numbers p set state = 'missing', updated_at = ${because.at} from before b
      where p.phone_number = b.phone_number returning p.*
    ), ${closeDrift(tx, because, [], ['changed', 'surplus'])}, drifted as (
      insert into drift (run_id, kind, phone_number, ours, request_id)
      select ${runId}, 'missing', phone_number, telnyx_id, bought_by from changed
    )
    ${noteChanges(tx, because)}`;
}

/** Records that a complete walk still did not show numbers that an earlier run called missing. */
export async function noteStillMissing(tx: Tx, runId: string): Promise<void> {
  await tx`
    insert into drift_again (run_id, drift_id)
    select ${runId}, o.id from drift o join phone_numbers p using (phone_number)
    where o.state = 'open' and o.kind = 'missing' and o.run_id <> ${runId} and p.state = 'missing'
      and not exists (select 1 from (${seen(tx, runId)}) s where s.phone_number = p.phone_number)
    on conflict do nothing`;
}

/** One row of VALUES for a field: its name, our value, the account's value, and whether the account showed it. */
function standing(tx: Tx, field: DriftField) {
  const ours = tx`case when p.baseline ? ${field}::text then p.baseline->>${field}::text else p.${tx(field)}::text end`;
  const shown =
    field === 'messaging_profile_id'
      ? tx`s.messaging_shown`
      : MAY_BE_HIDDEN.has(field)
        ? tx`s.${tx(field)} is not null`
        : tx`true`;
  return tx`(${field}::text, ${ours}, s.${tx(field)}::text, ${shown})`;
}

/** True when the row `p` is not what the run saw as `s`, or when it has a difference already. `type` is the type to compare with. */
const differs = (sql: SqlOrTx, type: ReturnType<SqlOrTx>) => sql`(
  (p.connection_id, p.billing_group_id, p.customer_reference, p.deletion_lock_enabled, p.emergency_enabled, p.emergency_status,
    p.emergency_address_id, p.status, p.telnyx_id, p.phone_number_type, p.country_code, p.external_pin, p.hd_voice_enabled)
  is distinct from (s.connection_id, s.billing_group_id, s.customer_reference,
    coalesce(s.deletion_lock_enabled, p.deletion_lock_enabled), coalesce(s.emergency_enabled, p.emergency_enabled),
    s.emergency_status, s.emergency_address_id, s.status, s.telnyx_id, ${type}, s.country_code, s.external_pin,
    coalesce(s.hd_voice_enabled, p.hd_voice_enabled))
  or (s.tags is not null and p.tags <> s.tags and not (p.tags @> s.tags and s.tags @> p.tags))
  or (s.messaging_shown and p.messaging_profile_id is distinct from s.messaging_profile_id)
  or p.baseline is not null or p.state = 'missing')`;

/**
 * Copies what the account shows into the inventory, field by field. What differs from the baseline is recorded as drift, and the
 * baseline stays. A field that the inventory never knew (null before the first sighting) is filled without drift. A field that
 * was not shown is not compared. An open difference that is found again is linked to this run. One that has gone or changed ends.
 * A missing number that shows again becomes owned and is compared. One pass finds the numbers that differ, that are seen for the
 * first time since their purchase, or that must not be judged (marked `NOT_JUDGED`). All others, which are nearly all, are not
 * written.
 */
export async function takeOverChanges(tx: Tx, runId: string, startedAt: Date, because: Because): Promise<void> {
  await tx`create temp table compared on commit drop as
    select s.*, coalesce(s.phone_number_type, p.phone_number_type) as known_type, p.last_seen_at is null as first_sight,
      case when p.state = 'missing' then ${orderedBy(tx, tx`p.phone_number`)} end as ordered_by,
      p.updated_at < ${startedAt} and m.phone_number is null as judged
    from (${seen(tx, runId)}) s join phone_numbers p using (phone_number) left join claims m using (phone_number)
    where p.state in ('owned', 'missing') and (p.updated_at >= ${startedAt} or m.phone_number is not null
      or p.last_seen_at is null or p.last_seen_at <= p.purchased_at
      or ${differs(tx, tx`coalesce(s.phone_number_type, p.phone_number_type)`)})`;
  await tx`
    update sightings s set seq = ${NOT_JUDGED} from compared c
    where not c.judged and s.run_id = ${runId} and s.phone_number = c.phone_number`;
  await tx`delete from compared where not judged`;
  await tx`create index on compared (phone_number)`;
  await tx`analyze compared`;
  // Checked again while holding the row locks, because an update that was settled meanwhile is newer than what the walk saw.
  await tx`create temp table differing on commit drop as
    select p.phone_number from phone_numbers p join compared s using (phone_number)
    where p.state in ('owned', 'missing') and p.updated_at < ${startedAt} and ${differs(tx, tx`s.known_type`)}
    order by p.phone_number for update of p`;
  await findDifferences(tx);
  await recordDifferences(tx, runId, because);
  await tx`
    with before as (
      select p.* from phone_numbers p join differing using (phone_number)
    ), changed as (
      update phone_numbers p set state = 'owned', connection_id = s.connection_id, billing_group_id = s.billing_group_id,
        customer_reference = s.customer_reference, deletion_lock_enabled = coalesce(s.deletion_lock_enabled, p.deletion_lock_enabled),
        emergency_enabled = coalesce(s.emergency_enabled, p.emergency_enabled), emergency_status = s.emergency_status,
        emergency_address_id = s.emergency_address_id, status = s.status, telnyx_id = s.telnyx_id, phone_number_type = s.known_type,
        country_code = s.country_code, external_pin = s.external_pin,
        hd_voice_enabled = coalesce(s.hd_voice_enabled, p.hd_voice_enabled), tags = coalesce(s.tags, p.tags),
        messaging_profile_id = case when s.messaging_shown then s.messaging_profile_id else p.messaging_profile_id end,
        baseline = (select jsonb_object_agg(f.field, f.ours) from findings f
          where f.phone_number = p.phone_number and f.kind in ('changed', 'hidden')),
        bought_by = coalesce(s.ordered_by, p.bought_by), surplus = case when p.state = 'missing'
          then s.ordered_by is not null and ${unbought(tx, tx`p.phone_number`)} else p.surplus end,
        updated_at = ${because.at}
      from compared s where p.phone_number = s.phone_number and p.phone_number in (select phone_number from differing)
      returning p.*
    ), back as (
      insert into drift (run_id, kind, phone_number, request_id, state, state_at, state_by)
      select ${runId}, case when c.surplus then 'surplus' else 'adopted' end, c.phone_number, c.bought_by,
        case when c.surplus then 'open' else 'settled' end, case when not c.surplus then ${because.at}::timestamptz end,
        case when not c.surplus then ${runId} end
      from changed c join before b using (phone_number) where b.state = 'missing'
    ), ${closeDrift(tx, because, [], ['missing'])}
    ${noteChanges(tx, because)}`;
  await tx`
    insert into drift_again (run_id, drift_id)
    select ${runId}, o.id from drift o join (${seen(tx, runId)}) s using (phone_number) join phone_numbers p using (phone_number)
    where o.state = 'open' and o.kind = 'surplus' and o.run_id <> ${runId} and s.seq <> ${NOT_JUDGED} and p.state = 'owned'
    on conflict do nothing`;
  await tx`
    update phone_numbers p set last_seen_at = ${because.at} from compared s where p.phone_number = s.phone_number`;
}

/** Fills `findings`: the fields in which the differing numbers do not agree with us, and the fields that were hidden. */
async function findDifferences(tx: Tx): Promise<void> {
  const [first, ...more] = DRIFT_FIELDS.map((field) => standing(tx, field));
  const values = more.reduce((all, row) => tx`${all}, ${row}`, tx`${first ?? tx``}`);
  await tx`create temp table findings on commit drop as
    select p.phone_number, p.bought_by, v.field, v.ours, v.theirs,
      case when not v.shown then 'hidden' when v.field = 'telnyx_id' and v.ours is null then 'healed' else 'changed' end as kind
    from differing join compared s using (phone_number) join phone_numbers p using (phone_number)
    cross join lateral (values ${values}) as v(field, ours, theirs, shown)
    where case when not v.shown then p.baseline is not null and p.baseline ? v.field
      else not (${sameValue(tx, tx`v.field`, tx`v.ours`, tx`v.theirs`)})
        and not (v.ours is null and v.field = any(${[...MAY_BE_HIDDEN]}::text[]))
        and not (s.first_sight and v.field <> 'telnyx_id' and (v.ours is null or (v.field = 'tags' and v.ours = '{}'))) end`;
  await tx`create index on findings (phone_number, field)`;
  await tx`analyze findings`;
}

/** Ends open differences that were not found again, links those that were, and records the new ones. */
async function recordDifferences(tx: Tx, runId: string, because: Because): Promise<void> {
  const same = sameValue(tx, tx`o.field`, tx`o.theirs`, tx`f.theirs`);
  await tx`
    update drift d set state = e.end_state, state_at = ${because.at},
      state_by = case when e.end_state = 'repaired' then d.state_by else ${runId} end
    from (
      select o.id, case when f.field is null and o.repair_request_id is not null then 'repaired' else 'gone' end as end_state
      from differing join drift o using (phone_number)
      left join findings f on f.phone_number = o.phone_number and f.field = o.field
      where o.state = 'open' and o.kind = 'changed' and (f.field is null or (f.kind = 'changed' and not (${same})))
    ) e
    where d.id = e.id`;
  await tx`
    insert into drift_again (run_id, drift_id)
    select ${runId}, o.id from findings f join drift o using (phone_number, field)
    where f.kind = 'changed' and o.state = 'open' and o.kind = 'changed' and o.run_id <> ${runId} on conflict do nothing`;
  await tx`
    insert into drift (run_id, kind, phone_number, field, ours, theirs, request_id, state, state_at, state_by)
    select ${runId}, f.kind, f.phone_number, f.field, f.ours, f.theirs, f.bought_by, h.state, h.at, h.by
    from findings f cross join lateral (
      select case when f.kind = 'healed' then 'settled' else 'open' end as state,
        case when f.kind = 'healed' then ${because.at}::timestamptz end as at, case when f.kind = 'healed' then ${runId} end as by) h
    where f.kind in ('changed', 'healed') and not exists (
      select 1 from drift o
      where o.phone_number = f.phone_number and o.field = f.field and o.kind = 'changed' and o.state = 'open')
    order by f.phone_number, f.field`;
}
