import type { SqlOrTx, Tx } from './client.ts';
import { inMotion, orderedBy, seen, unbought } from './compare-inventory.ts';
import type { Because } from './events.ts';
import { changesOf, noteEvents } from './numbers.ts';

/** Numbers behind `after` (exclusive; `null` means from the first) up to `upTo` (inclusive). */
export interface Stretch {
  after: string | null;
  upTo: string;
}

/**
 * Cuts what the run saw and the inventory does not own into stretches of at most `size` numbers, in order. There is none when
 * nothing is new, so that a run over a known account reads both tables once, and not once for each stretch.
 */
export async function stretchesOf(sql: SqlOrTx, runId: string, size: number): Promise<Stretch[]> {
  const ends = await sql<{ phoneNumber: string }[]>`
    select phone_number from (
      select s.phone_number, row_number() over (order by s.phone_number) as n, count(*) over () as total
      from (${seen(sql, runId)}) s left join phone_numbers p using (phone_number)
      where p.phone_number is null or p.state = 'released') unknown
    where n % ${size} = 0 or n = total order by 1`;
  return ends.map(({ phoneNumber }, i) => ({ after: ends[i - 1]?.phoneNumber ?? null, upTo: phoneNumber }));
}

const within = (sql: SqlOrTx, number: ReturnType<SqlOrTx>, { after, upTo }: Stretch) => sql`
  ${after === null ? sql`true` : sql`${number} > ${after}`} and ${number} <= ${upTo}`;

/**
 * Adds numbers of a stretch that the account has and the inventory does not know, or calls released. What is seen now becomes
 * their baseline. A number that one of our orders named but no item holds is a surplus: Telnyx delivered it after we gave it up. A
 * number released after `startedAt` is left alone, because the walk may have seen it before its release.
 */
export async function adoptUnknown(tx: Tx, runId: string, startedAt: Date, because: Because, stretch: Stretch): Promise<void> {
  // The rows of a stretch are sorted and kept in memory, and not in files.
  await tx`set local work_mem = '64MB'`;
  // The order makes the planner merge both tables along their indexes, and each index of the inventory then grows at its end. Each
  // "offset 0" keeps a costly expression (the look-up of the order, the detail of the event) from being worked out in every place
  // that uses it. An account without orders of ours, as at the first reconciliation, looks up none.
  await tx`
    with before as (
      select p.* from phone_numbers p
      where p.state = 'released' and p.updated_at < ${startedAt} and ${within(tx, tx`p.phone_number`, stretch)}
        and exists (select 1 from (${seen(tx, runId)}) s where s.phone_number = p.phone_number)
      order by p.phone_number for update
    ), changed as (
      insert into phone_numbers (phone_number, telnyx_id, state, status, phone_number_type, country_code, connection_id,
        messaging_profile_id, billing_group_id, customer_reference, tags, deletion_lock_enabled, emergency_enabled, emergency_status,
        emergency_address_id, external_pin, hd_voice_enabled, bought_by, surplus, purchased_at, last_seen_at, created_at, updated_at)
      select phone_number, telnyx_id, 'owned', status, phone_number_type, country_code, connection_id, messaging_profile_id,
        billing_group_id, customer_reference, known_tags, deletion_lock_enabled, emergency_enabled, emergency_status,
        emergency_address_id, external_pin, hd_voice_enabled, ordered_by, ordered_by is not null and ${unbought(tx, tx`unknown.phone_number`)},
        purchased_at, ${because.at}, ${because.at}, ${because.at}
      from (
        select s.*, coalesce(s.tags, p.tags, '{}'::text[]) as known_tags,
          case when (select exists (select 1 from chunks where kind = 'order')) then ${orderedBy(tx, tx`s.phone_number`)} end as ordered_by
        from (${seen(tx, runId)}) s
        left join (select * from phone_numbers p where ${within(tx, tx`p.phone_number`, stretch)}) p using (phone_number)
        where ${within(tx, tx`s.phone_number`, stretch)}
          and (p.phone_number is null or (p.state = 'released' and p.updated_at < ${startedAt}))
          and not ${inMotion(tx, tx`s.phone_number`)}
        order by s.phone_number offset 0
      ) unknown order by phone_number
      on conflict (phone_number) do update set telnyx_id = excluded.telnyx_id, state = 'owned', status = excluded.status,
        connection_id = excluded.connection_id, messaging_profile_id = excluded.messaging_profile_id,
        billing_group_id = excluded.billing_group_id, customer_reference = excluded.customer_reference, tags = excluded.tags,
        deletion_lock_enabled = excluded.deletion_lock_enabled, emergency_enabled = excluded.emergency_enabled,
        emergency_status = excluded.emergency_status, emergency_address_id = excluded.emergency_address_id,
        external_pin = excluded.external_pin, hd_voice_enabled = excluded.hd_voice_enabled, baseline = null,
        bought_by = coalesce(excluded.bought_by, phone_numbers.bought_by), surplus = excluded.surplus,
        last_seen_at = excluded.last_seen_at, updated_at = excluded.updated_at
      where phone_numbers.state = 'released' and phone_numbers.updated_at < ${startedAt}
      returning *
    ), drifted as (
      insert into drift (run_id, kind, phone_number, request_id, state, state_at, state_by)
      select ${runId}, case when surplus then 'surplus' else 'adopted' end, phone_number, bought_by,
        case when surplus then 'open' else 'settled' end, case when not surplus then ${because.at}::timestamptz end,
        case when not surplus then ${runId} end
      from changed
    )
    ${noteEvents(tx, because, tx`select case when b.phone_number is null then ${firstValues(tx)} else (${changesOf(tx)}) end as detail offset 0`)}`;
}

/** The columns of an adopted number that can have a value. */
const SEEN_COLUMNS = [
  'phone_number',
  'telnyx_id',
  'state',
  'status',
  'phone_number_type',
  'country_code',
  'connection_id',
  'messaging_profile_id',
  'billing_group_id',
  'customer_reference',
  'tags',
  'deletion_lock_enabled',
  'emergency_enabled',
  'emergency_status',
  'emergency_address_id',
  'external_pin',
  'hd_voice_enabled',
  'bought_by',
  'surplus',
  'purchased_at',
] as const;

/**
 * What `changesOf` gives for a row that is new, for a quarter of its cost: the first reconciliation of an account writes an event for
 * every number.
 */
function firstValues(tx: Tx) {
  const pairs = SEEN_COLUMNS.map(
    (name) => tx`${name}::text, case when c.${tx(name)} is not null then jsonb_build_array(null, c.${tx(name)}) end`,
  );
  return tx`jsonb_strip_nulls(jsonb_build_object(${pairs.reduce((all, pair) => tx`${all}, ${pair}`)}))`;
}
