import type { Tx } from './client.ts';

/** What the inventory knows about the numbers that a request names. */
export interface Targets {
  /** How many numbers the request acts on. */
  named: number;
  /** The first of them. */
  sample: string[];
  /** How many different sets of values they get. */
  sets: number;
  /** How many of them the inventory does not hold as ours. */
  notOwned: number;
  tagged: number;
  withProfile: number;
  locked: number;
  withEmergency: number;
  /** How many carry this tag. */
  withTag: number;
  /** What those that are ours cost a month, as decimal text. */
  monthly: string;
  currency: string | null;
}

/** Reads what the inventory knows about the numbers that a request names. `tag` is the tag to count. */
export async function readTargets(tx: Tx, requestId: string, { sample, tag }: { sample: number; tag: string }): Promise<Targets> {
  const [row] = await tx<Omit<Targets, 'sample' | 'sets'>[]>`
    select count(*)::int as named,
      (count(*) filter (where p.state is distinct from 'owned'))::int as not_owned,
      (count(*) filter (where p.state = 'owned' and cardinality(p.tags) > 0))::int as tagged,
      (count(*) filter (where p.state = 'owned' and p.messaging_profile_id <> ''))::int as with_profile,
      (count(*) filter (where p.state = 'owned' and p.deletion_lock_enabled))::int as locked,
      (count(*) filter (where p.state = 'owned' and p.emergency_enabled))::int as with_emergency,
      (count(*) filter (where p.state = 'owned' and ${tag} = any(p.tags)))::int as with_tag,
      coalesce(sum(p.monthly_cost) filter (where p.state = 'owned'), 0)::text as monthly, max(p.currency) as currency
    from items i left join phone_numbers p on p.phone_number = i.phone_number
    where i.request_id = ${requestId} and i.phone_number is not null and i.status <> 'skipped'`;
  const first = await tx<{ phoneNumber: string }[]>`
    select phone_number from items
    where request_id = ${requestId} and phone_number is not null and status <> 'skipped'
    order by phone_number limit ${sample}`;
  const [sets] = await tx<{ n: number }[]>`
    select count(distinct (step, next_steps))::int as n from chunks where request_id = ${requestId}`;
  if (row === undefined || sets === undefined) throw new Error('an aggregate returned no row');
  return { ...row, sets: sets.n, sample: first.map((r) => r.phoneNumber) };
}
