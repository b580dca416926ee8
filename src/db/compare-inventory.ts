import type { SqlOrTx, Tx } from './client.ts';
import type { Because } from './events.ts';
import { noteChanges } from './numbers.ts';

/** Statuses that Telnyx lists although the number is not (or no longer) ours to use. */
export const NOT_OURS: readonly string[] = ['deleted', 'ported-out', 'purchase-failed', 'port-failed'];

/** Compared field by field: column, how drift calls it. */
const FIELDS = [
  'connection_id',
  'messaging_profile_id',
  'billing_group_id',
  'customer_reference',
  'tags',
  'deletion_lock_enabled',
  'emergency_enabled',
  'emergency_address_id',
  'status',
  'telnyx_id',
] as const;

/** The sightings of a run, once a number (the last page that showed it wins), without those that are not ours. */
const seen = (sql: SqlOrTx, runId: string) => sql`
  select distinct on (phone_number) * from sightings
  where run_id = ${runId} and status <> all(${NOT_OURS}::text[]) order by phone_number, seq desc`;

/** An open chunk works on the number: it is in motion and is not judged by this run. */
const inMotion = (sql: SqlOrTx, number: ReturnType<SqlOrTx>) =>
  sql`exists (select 1 from claims m where m.phone_number = ${number})`;

/** Tags that were shown and are not those of the inventory; their order means nothing. */
const tagsDiffer = (sql: SqlOrTx) => sql`s.tags is not null and not (p.tags @> s.tags and s.tags @> p.tags)`;

/**
 * Enters numbers that the account has and the inventory does not know as ours. One that an order of ours named but no item
 * holds is a surplus: Telnyx delivered it after it was given up. One that was released since `startedAt` is not taken back: the
 * walk may have seen it before.
 */
export async function adoptUnknown(tx: Tx, runId: string, startedAt: Date, because: Because): Promise<void> {
  await tx`
    with unknown as (
      select s.*, coalesce(s.tags, p.tags, '{}'::text[]) as known_tags, (
        select c.request_id from chunks c where c.kind = 'order' and c.numbers @> array[s.phone_number]
        order by c.created_at desc limit 1
      ) as ordered_by
      from (${seen(tx, runId)}) s left join phone_numbers p using (phone_number)
      where p.state is distinct from 'owned' and not ${inMotion(tx, tx`s.phone_number`)}
        and (p.phone_number is null or p.updated_at < ${startedAt})
    ), before as (
      select p.* from phone_numbers p join unknown u using (phone_number) order by p.phone_number for update
    ), changed as (
      insert into phone_numbers (phone_number, telnyx_id, state, status, phone_number_type, country_code, connection_id,
        messaging_profile_id, billing_group_id, customer_reference, tags, deletion_lock_enabled, emergency_enabled, emergency_status,
        emergency_address_id, external_pin, hd_voice_enabled, bought_by, surplus, purchased_at, last_seen_at, created_at, updated_at)
      select phone_number, telnyx_id, 'owned', status, phone_number_type, country_code, connection_id, messaging_profile_id,
        billing_group_id, customer_reference, known_tags, deletion_lock_enabled, emergency_enabled, emergency_status,
        emergency_address_id, external_pin, hd_voice_enabled, ordered_by, ordered_by is not null and not exists (
          select 1 from items i where i.phone_number = unknown.phone_number and i.bought_at is not null), purchased_at, ${because.at}, ${because.at}, ${because.at}
      from unknown order by phone_number
      on conflict (phone_number) do update set telnyx_id = excluded.telnyx_id, state = 'owned', status = excluded.status,
        connection_id = excluded.connection_id, messaging_profile_id = excluded.messaging_profile_id,
        billing_group_id = excluded.billing_group_id, customer_reference = excluded.customer_reference, tags = excluded.tags,
        deletion_lock_enabled = excluded.deletion_lock_enabled, emergency_enabled = excluded.emergency_enabled,
        emergency_status = excluded.emergency_status, emergency_address_id = excluded.emergency_address_id,
        bought_by = coalesce(excluded.bought_by, phone_numbers.bought_by), surplus = excluded.surplus,
        last_seen_at = excluded.last_seen_at, updated_at = excluded.updated_at
      where phone_numbers.state <> 'owned' and phone_numbers.updated_at < ${startedAt}
      returning *
    ), drifted as (
      insert into drift (run_id, kind, phone_number, request_id)
      select ${runId}, case when surplus then 'surplus' else 'adopted' end, phone_number, bought_by from changed
    )
    ${noteChanges(tx, because)}`;
}

/** A number of the walk that the inventory calls released or missing, and whether it has done so for long. */
export interface Reappeared {
  phoneNumber: string;
  longAgo: boolean;
}

/** Numbers of the walk that the inventory calls released or missing, since before `settledBefore` or only of late. */
export async function* reappeared(sql: SqlOrTx, runId: string, settledBefore: Date): AsyncGenerator<Reappeared[]> {
  const cursor = sql<Reappeared[]>`
    select s.phone_number, p.updated_at < ${settledBefore} as long_ago from (${seen(sql, runId)}) s join phone_numbers p using (phone_number)
    where p.state <> 'owned' order by s.phone_number`.cursor(1_000);
  for await (const rows of cursor) yield rows;
}

/** Takes numbers out of what the walk saw. */
export async function unsee(sql: SqlOrTx, runId: string, numbers: string[]): Promise<void> {
  await sql`delete from sightings where run_id = ${runId} and phone_number = any(${numbers}::text[])`;
}

/**
 * Ours by the inventory since before `startedAt`, not in the walk, and at rest: to be looked at a second time. What was bought
 * after `boughtBefore` is not judged: list and ownership both lag behind a purchase, so two looks are no proof.
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

/** Notes numbers as missing after both looks. */
export async function noteMissing(tx: Tx, runId: string, numbers: string[], because: Because): Promise<void> {
  await tx`
    with before as (
      select * from phone_numbers where phone_number = any(${numbers}::text[]) and state = 'owned' order by phone_number for update
    ), changed as (
      update phone_numbers p set state = 'missing', updated_at = ${because.at} from before b
      where p.phone_number = b.phone_number returning p.*
    ), drifted as (
      insert into drift (run_id, kind, phone_number, ours, request_id)
      select ${runId}, 'missing', phone_number, telnyx_id, bought_by from changed
    )
    ${noteChanges(tx, because)}`;
}

/**
 * Takes over what differs, field by field, and notes each difference. Fields that our inventory never knew (null before the
 * first sighting) are filled without being called drift; a messaging profile, tags or a type that were not shown are not compared.
 */
export async function takeOverChanges(tx: Tx, runId: string, startedAt: Date, because: Because): Promise<void> {
  await tx`create temp table compared on commit drop as
    select s.*, coalesce(s.phone_number_type, p.phone_number_type) as known_type, p.last_seen_at is null as first_sight
    from (${seen(tx, runId)}) s join phone_numbers p using (phone_number)
    where p.state = 'owned' and p.updated_at < ${startedAt} and not ${inMotion(tx, tx`p.phone_number`)}`;
  await tx`create index on compared (phone_number)`;
  await tx`analyze compared`;
  // Locked, and looked at once more behind the lock: an update that was settled meanwhile is newer than what the walk saw.
  await tx`create temp table differing on commit drop as
    select p.phone_number from phone_numbers p join compared s using (phone_number)
    where p.state = 'owned' and p.updated_at < ${startedAt} and (
      (p.connection_id, p.billing_group_id, p.customer_reference, p.deletion_lock_enabled, p.emergency_enabled, p.emergency_status,
        p.emergency_address_id, p.status, p.telnyx_id, p.phone_number_type, p.country_code, p.external_pin, p.hd_voice_enabled)
      is distinct from (s.connection_id, s.billing_group_id, s.customer_reference, s.deletion_lock_enabled, s.emergency_enabled,
        s.emergency_status, s.emergency_address_id, s.status, s.telnyx_id, s.known_type, s.country_code, s.external_pin, s.hd_voice_enabled)
      or (${tagsDiffer(tx)})
      or (s.messaging_shown and p.messaging_profile_id is distinct from s.messaging_profile_id))
    order by p.phone_number for update of p`;
  for (const field of FIELDS) {
    const theirs =
      field === 'messaging_profile_id'
        ? tx`case when s.messaging_shown then s.messaging_profile_id else p.messaging_profile_id end`
        : tx`s.${tx(field)}`;
    const differs = field === 'tags' ? tagsDiffer(tx) : tx`p.${tx(field)} is distinct from ${theirs}`;
    const unknownYet = field === 'tags' ? tx`p.tags = '{}'::text[]` : tx`p.${tx(field)} is null`;
    await tx`
      insert into drift (run_id, kind, phone_number, field, ours, theirs, request_id)
      select ${runId}, case when ${field === 'telnyx_id'} and p.telnyx_id is null then 'healed' else 'changed' end, p.phone_number,
        ${field}, p.${tx(field)}::text, (${theirs})::text, p.bought_by
      from differing join compared s using (phone_number) join phone_numbers p using (phone_number)
      where ${differs} and not (s.first_sight and ${unknownYet} and ${field !== 'telnyx_id'})`;
  }
  await tx`
    with before as (
      select p.* from phone_numbers p join differing using (phone_number)
    ), changed as (
      update phone_numbers p set connection_id = s.connection_id, billing_group_id = s.billing_group_id,
        customer_reference = s.customer_reference, deletion_lock_enabled = s.deletion_lock_enabled,
        emergency_enabled = s.emergency_enabled, emergency_status = s.emergency_status, emergency_address_id = s.emergency_address_id,
        status = s.status, telnyx_id = s.telnyx_id, phone_number_type = s.known_type, country_code = s.country_code,
        external_pin = s.external_pin, hd_voice_enabled = s.hd_voice_enabled, tags = coalesce(s.tags, p.tags),
        messaging_profile_id = case when s.messaging_shown then s.messaging_profile_id else p.messaging_profile_id end,
        updated_at = ${because.at}
      from compared s where p.phone_number = s.phone_number and p.phone_number in (select phone_number from differing)
      returning p.*
    )
    ${noteChanges(tx, because)}`;
  await tx`
    update phone_numbers p set last_seen_at = ${because.at} from compared s where p.phone_number = s.phone_number`;
}

export async function driftCounts(sql: SqlOrTx, runId: string): Promise<Record<string, number>> {
  const rows = await sql<{ kind: string; n: number }[]>`
    select kind, count(distinct phone_number)::int as n from drift where run_id = ${runId} group by kind`;
  return Object.fromEntries(rows.map((r) => [r.kind, r.n]));
}
