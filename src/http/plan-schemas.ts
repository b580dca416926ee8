import { z } from 'zod';
import { PLAN_STATUSES } from '../domain/plan.ts';
import { codeAndText, count, errorBody, moment, money, phoneNumber } from './schemas.ts';

/** The shapes of plans and searches, as the API documents them. */

const cost = { upfront: money, monthly: money, currency: z.string() };
const sample = z.array(phoneNumber).describe('Some of them');
const stop = z.object({ code: z.string(), message: z.string(), numbers: count.describe('How many it stops') });
const stops = z.array(stop).describe('What a guard or a budget would refuse');
const notes = z.array(z.string());
const effort = {
  calls: z.array(z.object({ call: z.string(), count })).describe('Calls to Telnyx that applying needs, estimated'),
  seconds: count.describe('The estimated time'),
};

const plannedLine = z
  .object({
    line: count.nullable().describe('The position of the buy line, from 0; null for the list of numbers'),
    asked: count,
    found: count,
    short: count.describe('How many could not be found at up to the price cap'),
    on_sale: z.object({ count, exact: z.boolean().describe('False when there may be more') }).nullable(),
    rungs: z.array(z.object({ rung: z.string(), found: count })).describe('On which rung of the fallback they were found'),
    prices: z.array(z.object({ ...cost, count })),
    sample,
  })
  .meta({ id: 'PlannedLine', description: 'What was found for one buy line' });

export const buyPlan = z
  .object({
    kind: z.literal('buy'),
    lines: z.array(plannedLine),
    numbers: count.describe('How many the request would buy'),
    short: count,
    cost: z.object(cost),
    approval: z.object({ needed: z.boolean(), above: money.nullable() }),
    budgets: z.array(z.object({ name: z.string(), limit: money, used: money, after: money.describe('Used when it is applied') })),
    reservation: z
      .object({ held: count, refused: count, until: moment.nullable().describe('A reservation cannot be released: it lapses') })
      .nullable(),
    stops,
    notes,
    ...effort,
  })
  .meta({ id: 'BuyPlan', description: 'What a buy would do' });

const fieldChange = z
  .object({
    field: z.string(),
    add: count,
    change: count,
    remove: count,
    same: count,
    unknown: count.describe('Numbers whose present value the inventory does not hold'),
    values: z
      .array(
        z.object({
          sign: z.enum(['add', 'change', 'remove', 'unknown']),
          before: z.string().nullable(),
          after: z.string().nullable(),
          count,
          sample,
        }),
      )
      .describe('The most frequent changes'),
  })
  .meta({ id: 'FieldChange', description: 'How one field changes, and on how many numbers' });

export const updatePlan = z
  .object({
    kind: z.literal('update'),
    numbers: count,
    changed: count,
    unchanged: count,
    not_in_inventory: count,
    fields: z.array(fieldChange),
    charge: money.nullable().describe('What paid settings cost, once'),
    stops,
    notes,
    ...effort,
  })
  .meta({ id: 'UpdatePlan', description: 'What an update would change' });

export const deletePlan = z
  .object({
    kind: z.literal('delete'),
    numbers: count,
    release: count,
    unlock: count.describe('Numbers whose deletion lock is removed first'),
    disable_emergency: count.describe('Numbers whose emergency services are disabled first'),
    gone: count.describe('Numbers that left the account before'),
    kept: z.array(stop.extend({ sample })).describe('What each guard keeps back, and why'),
    monthly_ends: z.array(z.object({ monthly: money, currency: z.string() })),
    unpriced: count.describe('Numbers whose price is not known'),
    sample,
    stops,
    notes,
    ...effort,
  })
  .meta({ id: 'DeletePlan', description: 'What a release would release' });

const areaOnSale = z
  .object({
    area: z.string().describe('An area code, or the place where area codes are not told apart'),
    count,
    exact: z.boolean().describe('False when there may be more'),
    cheapest: z.object(cost).nullable(),
    dearest: z.object(cost).nullable().describe('The dearest that a search showed'),
    sample: z.array(z.object({ phone_number: phoneNumber, ...cost })),
  })
  .meta({ id: 'AreaOnSale', description: 'What one area has on sale' });

export const availableAnswer = z
  .object({ areas: z.array(areaOnSale), notes })
  .meta({ id: 'Available', description: 'What is on sale now' });

const searchPlan = availableAnswer
  .extend({ kind: z.literal('search') })
  .meta({ id: 'SearchPlan', description: 'A search, which buys nothing' });

const failure = codeAndText.extend({ details: errorBody.shape.error.shape.details });

export const planAnswer = z
  .object({
    id: z.string(),
    kind: z.enum(['buy', 'update', 'delete', 'search']),
    status: z.enum(PLAN_STATUSES),
    asked: count,
    asked_by: z.string(),
    body: z.record(z.string(), z.unknown()).describe('What was asked; phone_numbers is a count'),
    reserve: z.boolean(),
    result: z.discriminatedUnion('kind', [buyPlan, updatePlan, deletePlan, searchPlan]).nullable(),
    error: failure.nullable().describe('Why it could not be computed'),
    apply_error: failure.nullable().describe('Why it could not be applied the last time'),
    applied_by: z.string().nullable(),
    request_id: z.string().nullable().describe('The request that it became'),
    created_at: moment,
    planned_at: moment.nullable(),
    applied_at: moment.nullable(),
    expires_at: moment,
  })
  .meta({ id: 'Plan', description: 'What a request would do, before it is filed' });
