import type { FieldChange } from '../domain/plan.ts';
import type { Step } from '../domain/step.ts';
import type { Tx } from './client.ts';

/** How many numbers an update would change, and how. */
export interface PlannedChanges {
  changed: number;
  unchanged: number;
  notInInventory: number;
  fields: FieldChange[];
}

/** How many different changes of a field, and how many numbers of each, are shown. */
const VALUES = 5;
const SAMPLE = 3;

/**
 * Compares what an update asks for with the inventory, number by number, in the database: the numbers never come to this process. What
 * the inventory does not hold (voice settings, numbers that it does not call ours) counts as not known. The PIN is never shown.
 */
export async function plannedChanges(tx: Tx, planId: string, steps: readonly Step[]): Promise<PlannedChanges> {
  await compare(tx, planId, steps);
  const [totals] = await tx<{ changed: number; unchanged: number; unknown: number }[]>`
    select count(*) filter (where sign <> 'same')::int as changed, count(*) filter (where sign = 'same')::int as unchanged,
      count(*) filter (where not is_ours)::int as unknown
    from (
      select phone_number, bool_and(is_ours) as is_ours,
        case when bool_and(sign = 'same') then 'same' else 'other' end as sign
      from plan_changes group by phone_number
    ) numbers`;
  const fields = await tx<Omit<FieldChange, 'values'>[]>`
    select field, count(*) filter (where sign = 'add')::int as add, count(*) filter (where sign = 'change')::int as change,
      count(*) filter (where sign = 'remove')::int as remove, count(*) filter (where sign = 'same')::int as same,
      count(*) filter (where sign = 'unknown')::int as unknown
    from plan_changes group by field order by min(place), field`;
  const values = await tx<({ field: string } & FieldChange['values'][number])[]>`
    select field, sign, before, after, count, sample from (
      select field, sign, before, after, count(*)::int as count,
        (array_agg(phone_number order by phone_number collate "C"))[1:${SAMPLE}] as sample,
        row_number() over (partition by field order by count(*) desc, sign, before, after) as nth
      from (
        select field, sign, phone_number, case when field = 'external_pin' and before is not null then '(hidden)' else before end as before,
          case when field = 'external_pin' and after is not null then '(hidden)' else after end as after
        from plan_changes where sign <> 'same'
      ) shown
      group by field, sign, before, after
    ) ranked
    where nth <= ${VALUES} order by field, nth`;
  return {
    changed: totals?.changed ?? 0,
    unchanged: totals?.unchanged ?? 0,
    notInInventory: totals?.unknown ?? 0,
    fields: fields.map((f) => ({
      ...f,
      values: values.filter((v) => v.field === f.field).map(({ field: _field, ...value }) => value),
    })),
  };
}

/** One row for each number and each field that is asked for. */
async function compare(tx: Tx, planId: string, steps: readonly Step[]): Promise<void> {
  await tx`
    create temp table plan_changes on commit drop as
    with asked as (
      select phone_number, coalesce(steps::jsonb, ${JSON.stringify(steps)}::text::jsonb) as steps
      from plan_numbers where plan_id = ${planId}
    ), parts as (
      select phone_number, jsonb_path_query_first(steps, '$[*] ? (@.kind == "update")') as u,
        jsonb_path_query_first(steps, '$[*] ? (@.kind == "messaging")') as m,
        jsonb_path_query_first(steps, '$[*] ? (@.kind == "emergency")') as e
      from asked
    ), facing as (
      select p.phone_number as number, p.m, p.e, p.u -> 'settings' as s, p.u -> 'tags' as merge, n.*, n.phone_number is not null as is_ours
      from parts p left join phone_numbers n on n.phone_number = p.phone_number and n.state = 'owned'
    ), flat as (
      select w.number, w.is_ours, f.place, f.field, f.before, f.after, w.is_ours as is_known
      from facing w cross join lateral (values
        (1, 'connection_id', w.connection_id, w.s ->> 'connection_id', w.s ? 'connection_id'),
        (2, 'billing_group_id', w.billing_group_id, w.s ->> 'billing_group_id', w.s ? 'billing_group_id'),
        (3, 'customer_reference', w.customer_reference, w.s ->> 'customer_reference', w.s ? 'customer_reference'),
        (4, 'tags', (select string_agg(t, ', ' order by t) from unnest(w.tags) t),
          case when w.merge is null then (select string_agg(t, ', ' order by t) from jsonb_array_elements_text(w.s -> 'tags') t)
          else (select string_agg(t, ', ' order by t) from (
            (select unnest(w.tags) as t except select jsonb_array_elements_text(w.merge -> 'remove'))
            union select jsonb_array_elements_text(w.merge -> 'add')) merged) end,
          w.s ? 'tags' or w.merge is not null),
        (5, 'deletion_lock_enabled', w.deletion_lock_enabled::text, w.s ->> 'deletion_lock_enabled', w.s ? 'deletion_lock_enabled'),
        (6, 'hd_voice_enabled', w.hd_voice_enabled::text, w.s ->> 'hd_voice_enabled', w.s ? 'hd_voice_enabled'),
        (7, 'external_pin', w.external_pin, w.s ->> 'external_pin', w.s ? 'external_pin'),
        (8, 'messaging_profile_id', w.messaging_profile_id, nullif(w.m ->> 'messaging_profile_id', ''), w.m is not null),
        (9, 'emergency_address_id', case when w.emergency_enabled then w.emergency_address_id end, w.e ->> 'emergency_address_id',
          w.e is not null)
      ) as f (place, field, before, after, is_asked)
      where f.is_asked
      union all
      select w.number, w.is_ours, 10, 'voice.' || v.key, null, v.value, false
      from facing w cross join lateral jsonb_each_text(w.s -> 'voice') v
    )
    select number as phone_number, is_ours, place, field, before, after,
      case when not is_known then 'unknown' when before is not distinct from after then 'same' when before is null then 'add'
        when after is null then 'remove' else 'change' end as sign
    from flat`;
}
