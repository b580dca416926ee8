import { OPEN_ITEM_STATUSES } from '../domain/request.ts';
import { type CannotUndo, UNDO_FIELDS, type UndoField } from '../domain/undo.ts';
import type { SqlOrTx, Tx } from './client.ts';
import type { Request } from './requests.ts';

/** The values that put one number back. */
export interface UndoTarget {
  connection_id?: string;
  messaging_profile_id?: string;
  billing_group_id?: string;
  customer_reference?: string;
  external_pin?: string;
  deletion_lock_enabled?: boolean;
  hd_voice_enabled?: boolean;
  emergency_address_id?: string | null;
  add_tags?: string[];
  remove_tags?: string[];
}

/**
 * Fills the temporary table `undoing`: one row for each number and field that a request changed, and one for each tag that it added
 * or removed. A row has the value now (`was`), the value to put back (`wanted`) and a verdict: `back`, `already`, `changed` (somebody
 * else changed the field since), `busy` (an open request works on the number), `gone` (the number is not ours any more) or why the
 * value cannot be put back. The table is dropped with the transaction. It is set-wise, so memory does not grow with the numbers.
 */
export async function judgeUndo(tx: Tx, { id, createdAt }: Pick<Request, 'id' | 'createdAt'>): Promise<void> {
  // What the request set, by its own events. Only a call that Telnyx took has changed anything: a number that had its tags already
  // has an event too, from the chunk that read them.
  await tx`
    create temp table changes on commit drop as
    select e.id, e.subject_id as phone_number, f.key as field, f.value -> 0 as before, f.value -> 1 as after, c.step -> 'tags' as tags
    from (select distinct phone_number from items where request_id = ${id} and phone_number is not null) i
    join events e on e.subject = 'number' and e.subject_id = i.phone_number and e.request_id = ${id} and e.at >= ${createdAt}
    join chunks c on c.id = e.chunk_id and c.submitted_at is not null
    cross join lateral jsonb_each(e.detail) f
    where f.key = any(${[...UNDO_FIELDS]}::text[])`;
  await tx`analyze changes`;
  await tx`
    create temp table undoing on commit drop as
    with numbers as (
      select phone_number, max(id) as last_id from changes group by phone_number
    ), current as (
      select n.phone_number, n.last_id, ${valuesNow(tx)} as row, p.state is distinct from 'owned' as gone, exists (
        select 1 from items i where i.phone_number = n.phone_number and i.status = any(${OPEN_ITEM_STATUSES}::text[])) as busy
      from numbers n left join phone_numbers p using (phone_number)
    ), fields as (
      select distinct on (phone_number, field) phone_number, field, before, last_value(after) over same as after
      from changes where field <> 'tags'
      window same as (partition by phone_number, field order by id rows between unbounded preceding and unbounded following)
      order by phone_number, field, id
    ), emergency as (
      select phone_number, bool_or(field = 'emergency_address_id') as address,
        max(before #>> '{}') filter (where field = 'emergency_enabled') as was_on
      from fields where field in ('emergency_address_id', 'emergency_enabled') group by phone_number
    ), single as (
      select phone_number, f.field, u.row -> f.field as was, f.before as wanted, f.after as set_to, ${verdictOf(tx)} as verdict
      from fields f join current u using (phone_number) left join emergency g using (phone_number)
    ), tagged as (
      ${tagChanges(tx)}
    ), each_tag as (
      select t.phone_number, 'tags' as field, case when added then to_jsonb(tag) else 'null' end as was,
        case when added then 'null' else to_jsonb(tag) end as wanted, null::jsonb as set_to,
        case when ((u.row -> 'tags') ? tag) = added then 'back' else 'already' end as verdict
      from tagged t join current u using (phone_number)
    )
    select phone_number, field, was, wanted, set_to, last_id,
      case when gone and verdict <> 'already' then 'gone' when busy and verdict = 'back' then 'busy' else verdict end as verdict
    from (select * from single union all select * from each_tag) r join current using (phone_number)
    where verdict <> 'with_address'`;
}

/** The present values of the fields that an undo can put back. */
const valuesNow = (tx: Tx) => tx`jsonb_build_object('tags', p.tags, 'connection_id', p.connection_id,
  'messaging_profile_id', p.messaging_profile_id, 'billing_group_id', p.billing_group_id,
  'customer_reference', p.customer_reference, 'external_pin', p.external_pin, 'deletion_lock_enabled', p.deletion_lock_enabled,
  'hd_voice_enabled', p.hd_voice_enabled, 'emergency_address_id', p.emergency_address_id, 'emergency_enabled', p.emergency_enabled)`;

/**
 * The verdict on the field `f` of a number. Setting the address also switches emergency calling on, and clearing it switches it off.
 * So a change of `emergency_enabled` goes back with the address that the same request changed, and cannot go back alone. Telnyx
 * switches it late, so its present value says nothing about other people.
 */
const verdictOf = (tx: Tx) => tx`case
  when f.field = 'emergency_enabled' and g.address then 'with_address'
  when u.row -> f.field = f.before then 'already'
  when f.field = 'emergency_enabled' then 'emergency_alone'
  when u.row -> f.field is distinct from f.after then 'changed'
  when f.field = 'emergency_address_id' and (coalesce(f.before #>> '{}', '') <> '') <> (${wasOn(tx)} = 'true')
    then case ${wasOn(tx)} when 'true' then 'emergency_alone' else 'emergency_off' end
  when f.field in ('emergency_address_id', 'messaging_profile_id') then 'back'
  when f.field like '%\\_enabled' and f.before = 'null' then 'not_known'
  when coalesce(f.before #>> '{}', '') = '' then 'empty'
  else 'back' end`;

/** Whether emergency calling was on before: as the request's own event says. Without one, it was on where an address is, if it is now. */
const wasOn = (tx: Tx) =>
  tx`coalesce(g.was_on, case when coalesce(f.before #>> '{}', '') = '' then 'false' else u.row ->> 'emergency_enabled' end, 'false')`;

/**
 * Selects each tag that the request added to or removed from a number. A step that adds or removes tags is answerable for its own
 * tags only, because the inventory may have learned of other tags with the same call.
 */
const tagChanges = (tx: Tx) => tx`
  select distinct c.phone_number, t.tag, t.added
  from changes c cross join lateral (
    select n.tag, true as added from jsonb_array_elements_text(c.after) n(tag)
    where not c.before ? n.tag and (c.tags is null or c.tags -> 'add' ? n.tag)
    union all
    select o.tag, false from jsonb_array_elements_text(c.before) o(tag)
    where not c.after ? o.tag and (c.tags is null or c.tags -> 'remove' ? o.tag)
  ) t
  where c.field = 'tags' and jsonb_typeof(c.before) = 'array' and jsonb_typeof(c.after) = 'array'`;

/** How many numbers go from one value of a field to another. For `tags`, one tag: `from` is removed, `to` is put back. */
export interface UndoChange {
  field: UndoField;
  from: unknown;
  to: unknown;
  count: number;
  /** A few of the numbers. */
  sample: string[];
}

/** A field of a number that somebody else changed since. */
export interface ChangedSince {
  phoneNumber: string;
  field: UndoField;
  /** What the request set, and what the field is now. */
  setTo: unknown;
  now: unknown;
  at: Date | null;
  by: string | null;
  requestId: string | null;
  runId: string | null;
}

/** Values that no update can put back, by field and reason. */
export interface CannotPutBackRow {
  field: string;
  why: CannotUndo;
  count: number;
  sample: string[];
}

/** What an undo does, with samples. */
export interface UndoPlan {
  /** How many numbers get a value back. */
  numbers: number;
  changes: UndoChange[];
  /** How many further pairs of values `changes` leaves out. */
  moreChanges: number;
  changedSince: { count: number; first: ChangedSince[] };
  cannot: CannotPutBackRow[];
  /** Numbers that an open request works on, and numbers that are not in the account any more. */
  busy: { count: number; sample: string[] };
  gone: { count: number; sample: string[] };
  /** Fields that have their value of before. */
  already: number;
  /** Identifies what is put back. The same mark means the same values for the same numbers. */
  mark: string;
}

/** How many pairs of values, and how many changes of others, a plan lists. */
const MOST_CHANGES = 50;
const MOST_CHANGED = 100;

/** Reads the plan from the table that `judgeUndo` filled. */
export async function readUndo(tx: Tx, request: Pick<Request, 'id'>): Promise<UndoPlan> {
  const changes = await tx<(UndoChange & { groups: number })[]>`
    select field, was as "from", wanted as "to", count(*)::int as count, (count(*) over ())::int as groups,
      (array_agg(phone_number order by phone_number collate "C"))[1:3] as sample
    from undoing where verdict = 'back' group by field, was, wanted order by count(*) desc, field, was, wanted limit ${MOST_CHANGES}`;
  const numbersOf = async (verdict: string) => {
    const [row] = await tx<{ count: number; sample: string[] }[]>`
      select count(*)::int as count, coalesce((array_agg(phone_number order by phone_number collate "C"))[1:3], '{}') as sample
      from (select distinct phone_number from undoing where verdict = ${verdict}) n`;
    return row ?? { count: 0, sample: [] };
  };
  const [sums] = await tx<{ numbers: number; already: number; mark: string }[]>`
    select (count(distinct phone_number) filter (where verdict = 'back'))::int as numbers,
      (count(*) filter (where verdict = 'already'))::int as already,
      count(*) filter (where verdict = 'back') || '-' || coalesce(sum(hashtextextended(
        concat_ws(' ', phone_number, field, was, wanted), 0)::numeric) filter (where verdict = 'back'), 0) as mark
    from undoing`;
  return {
    numbers: sums?.numbers ?? 0,
    changes: changes.map(({ groups: _groups, ...change }) => change),
    moreChanges: Math.max(0, (changes[0]?.groups ?? 0) - changes.length),
    changedSince: await changedSince(tx),
    cannot: [...(await cannotPutBack(tx)), ...(await voiceOf(tx, request.id))],
    busy: await numbersOf('busy'),
    gone: await numbersOf('gone'),
    already: sums?.already ?? 0,
    mark: sums?.mark ?? '',
  };
}

async function changedSince(tx: Tx): Promise<UndoPlan['changedSince']> {
  const rows = await tx<(ChangedSince & { count: number })[]>`
    with first as (
      select phone_number, field, set_to, was, last_id, (count(*) over ())::int as count from undoing where verdict = 'changed'
      order by phone_number, field limit ${MOST_CHANGED}
    )
    select f.phone_number, f.field, f.set_to, f.was as now, l.at, l.by, l.request_id, l.run_id, f.count
    from first f left join lateral (
      select e.at, coalesce(e.actor, r.submitted_by) as by, e.request_id, e.run_id
      from events e left join requests r on r.id = e.request_id
      where e.subject = 'number' and e.subject_id = f.phone_number and e.id > f.last_id and e.detail ? f.field
      order by e.id desc limit 1
    ) l on true
    order by f.phone_number, f.field`;
  return { count: rows[0]?.count ?? 0, first: rows.map(({ count: _count, ...row }) => row) };
}

const cannotPutBack = (tx: Tx): Promise<CannotPutBackRow[]> => tx<CannotPutBackRow[]>`
  select field, verdict as why, count(*)::int as count, (array_agg(phone_number order by phone_number collate "C"))[1:3] as sample
  from undoing where verdict not in ('back', 'already', 'changed', 'busy', 'gone') group by field, verdict order by field, verdict`;

/** The numbers whose voice settings a call of the request may have changed. A number that failed in such a call is left out. */
async function voiceOf(tx: Tx, requestId: string): Promise<CannotPutBackRow[]> {
  const [row] = await tx<{ count: number; sample: string[] | null }[]>`
    select count(*)::int as count, (array_agg(phone_number order by phone_number collate "C"))[1:3] as sample
    from (
      select distinct n as phone_number from chunks c cross join lateral unnest(c.numbers) n
      where c.request_id = ${requestId} and c.submitted_at is not null and c.step -> 'settings' ? 'voice'
      except
      select i.phone_number from items i join chunks c on c.id = i.chunk_id
      where i.request_id = ${requestId} and i.status <> 'succeeded' and c.step -> 'settings' ? 'voice'
    ) v`;
  return row === undefined || row.count === 0
    ? []
    : [{ field: 'voice', why: 'voice', count: row.count, sample: row.sample ?? [] }];
}

/** Numbers in one read. */
const SLICE = 5_000;

/** What each number of the plan gets back, by number. They are read slice by slice, so no list is ever held whole. */
export async function* undoTargets(tx: Tx): AsyncGenerator<{ phoneNumber: string; target: UndoTarget }> {
  await tx`
    create temp table targets on commit drop as
    select phone_number, coalesce(jsonb_object_agg(field, case when field = 'messaging_profile_id' and wanted = 'null' then '""' else wanted end)
        filter (where field <> 'tags'), '{}')
      || jsonb_strip_nulls(jsonb_build_object(
        'add_tags', jsonb_agg(wanted order by wanted) filter (where field = 'tags' and wanted <> 'null'),
        'remove_tags', jsonb_agg(was order by was) filter (where field = 'tags' and wanted = 'null'))) as target
    from undoing where verdict = 'back' group by phone_number`;
  await tx`create unique index on targets (phone_number)`;
  for (let after = ''; ; ) {
    const rows = await tx<{ phoneNumber: string; target: UndoTarget }[]>`
      select phone_number, target from targets where phone_number > ${after} order by phone_number limit ${SLICE}`;
    yield* rows;
    if (rows.length < SLICE) return;
    after = rows.at(-1)?.phoneNumber ?? after;
  }
}

/** The undo of a request that has not ended yet, or `null`. */
export async function openUndoOf(sql: SqlOrTx, requestId: string): Promise<Request | null> {
  const [row] = await sql<Request[]>`
    select * from requests where filed_by = ${requestId} and finished_at is null and body ->> 'undoes' = ${requestId}`;
  return row ?? null;
}
