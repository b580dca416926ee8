import { OPEN_RUN_STATUSES } from '../domain/reconciliation.ts';
import type { SqlOrTx, Tx } from './client.ts';
import { NOT_OURS } from './compare-inventory.ts';
import { copyField, sendCopy } from './copy-field.ts';
import type { sightings } from './schema/index.ts';

export type Sighting = typeof sightings.$inferSelect;

const COLUMNS = [
  'seq',
  'run_id',
  'phone_number',
  'telnyx_id',
  'status',
  'phone_number_type',
  'country_code',
  'connection_id',
  'messaging_profile_id',
  'messaging_shown',
  'billing_group_id',
  'customer_reference',
  'tags',
  'deletion_lock_enabled',
  'emergency_enabled',
  'emergency_status',
  'emergency_address_id',
  'external_pin',
  'hd_voice_enabled',
  'purchased_at',
] as const;

/** Stages rows by COPY, the fastest way to insert them. `seq` says which answer is newer when several show a number. */
export async function copySightings(tx: Tx, rows: readonly Sighting[]): Promise<void> {
  if (rows.length === 0) return;
  let text = '';
  for (const row of rows) text += copyLine(row);
  await sendCopy(tx`copy sightings (${tx(COLUMNS)}) from stdin`, text);
}

/** One row in COPY's text format. It is written without a list of fields, because this runs for every number of the account. */
function copyLine(r: Sighting): string {
  const f = copyField;
  return (
    `${r.seq}\t${f(r.runId)}\t${f(r.phoneNumber)}\t${f(r.telnyxId)}\t${f(r.status)}\t${f(r.phoneNumberType)}` +
    `\t${f(r.countryCode)}\t${f(r.connectionId)}\t${f(r.messagingProfileId)}\t${r.messagingShown}` +
    `\t${f(r.billingGroupId)}\t${f(r.customerReference)}\t${f(r.tags === null ? null : textArray(r.tags))}` +
    `\t${f(r.deletionLockEnabled)}\t${f(r.emergencyEnabled)}\t${f(r.emergencyStatus)}\t${f(r.emergencyAddressId)}` +
    `\t${f(r.externalPin)}\t${f(r.hdVoiceEnabled)}\t${f(r.purchasedAt?.toISOString() ?? null)}\n`
  );
}

const textArray = (items: string[]): string => `{${items.map((t) => `"${t.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;

/**
 * Keeps one row for each number of the run: the newest answer, but a row of an earlier life (`NOT_OURS`) never hides the present
 * one. Returns how many different numbers the run has seen so far. Few numbers stand on two pages, so the pass reads the index only.
 */
export async function keepNewest(tx: Tx, runId: string): Promise<number> {
  await tx`
    with doubled as materialized (
      select phone_number from sightings where run_id = ${runId} group by phone_number having count(*) > 1
    ), ranked as (
      select s.ctid as place, row_number() over (
        partition by phone_number order by s.status <> all(${NOT_OURS}::text[]) desc, s.seq desc) as rank
      from doubled join sightings s using (phone_number) where s.run_id = ${runId}
    )
    delete from sightings where ctid in (select place from ranked where rank > 1)`;
  const [row] = await tx<{ n: number }[]>`select count(*)::int as n from sightings where run_id = ${runId}`;
  return row?.n ?? 0;
}

/** Returns how many different numbers this run has seen so far. */
export async function countSightings(sql: SqlOrTx, runId: string): Promise<number> {
  const [row] = await sql<{ n: number }[]>`select count(distinct phone_number)::int as n from sightings where run_id = ${runId}`;
  return row?.n ?? 0;
}

/**
 * Removes the staged rows of a run. When no other run has rows, the table is truncated, which costs nothing and leaves no dead
 * rows behind. The lock is taken before the second check, so that no row of another run is lost.
 */
export async function dropSightings(tx: Tx, runId: string): Promise<void> {
  const alone = async (): Promise<boolean> => {
    const [row] = await tx<{ alone: boolean }[]>`
      select has_table_privilege('sightings', 'TRUNCATE') and not exists (select 1 from sightings where run_id <> ${runId}) as alone`;
    return row?.alone === true;
  };
  const [any] = await tx`select 1 from sightings where run_id = ${runId} limit 1`;
  if (any === undefined) return;
  if (await alone()) {
    await tx`lock table sightings in access exclusive mode`;
    if (await alone()) {
      await tx`truncate sightings`;
      return;
    }
  }
  await tx`delete from sightings where run_id = ${runId}`;
}

/** Removes staged rows of runs that have ended. */
export async function dropEndedSightings(sql: SqlOrTx): Promise<void> {
  await sql`
    delete from sightings s where not exists (
      select 1 from reconciliation_runs r where r.id = s.run_id and r.status = any(${OPEN_RUN_STATUSES}::text[]))`;
}

/** Updates the planner's statistics. Without it, a comparison soon after the first walk joins row by row. */
export async function analyzeForComparison(sql: SqlOrTx): Promise<void> {
  await sql`analyze sightings, phone_numbers`;
}
