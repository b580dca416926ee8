import { z } from 'zod';
import { DRIFT_KINDS, DRIFT_STATES } from '../domain/reconciliation.ts';
import { ITEM_STATUSES, REQUEST_STATUSES } from '../domain/request.ts';

/** The shapes of answers, as the API documents them. An answer is cut to its shape: a field that is not listed is not sent. */

export const errorBody = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      details: z.array(z.object({ path: z.string(), message: z.string() })),
    }),
  })
  .meta({ id: 'Error', description: 'A refusal or a failure; `code` is stable, `details` lists every problem of the input' });

export const codeAndText = z.object({ code: z.string(), message: z.string() });
export const moment = z.string().meta({ format: 'date-time', description: 'ISO 8601, UTC' });
export const money = z.string().describe('A decimal amount, such as "2.00"');
export const count = z.int().min(0);
export const phoneNumber = z.string().describe('E.164, such as +13125550100');

export const REQUEST_KINDS = ['buy', 'update', 'delete'] as const;

export const requestAnswer = z
  .object({
    id: z.string(),
    kind: z.enum(REQUEST_KINDS),
    status: z.enum(REQUEST_STATUSES),
    label: z.string().nullable(),
    created_at: moment,
    finished_at: moment.nullable(),
    counts: z.object({
      asked: count,
      pending: count,
      in_flight: count,
      succeeded: count,
      failed: count,
      cancelled: count,
      skipped: count,
    }),
    chunks: z.object({ total: count, settled: count }),
    cost: z.object({ upfront: money, monthly: money, currency: z.string() }),
    error: codeAndText.nullable(),
    body: z.record(z.string(), z.unknown()).describe('What was asked; phone_numbers is a count'),
    submitted_by: z.string().nullable().describe('Who asked: an API key by name, an OS user (cli:…), a caller of the library'),
    idempotency_key: z.string().nullable(),
    filed_by: z
      .string()
      .nullable()
      .describe('The plan that it was, the request that it retries or undoes, or the reconciliation that it repairs'),
    cancel_requested_at: moment.nullable(),
    start_at: moment.nullable().describe('Nothing is sent before; the numbers, guards and prices are checked then'),
    paused_at: moment.nullable().describe('Since when no new call leaves; `error` tells why'),
  })
  .meta({ id: 'Request', description: 'A request as it stands' });

export const actAnswer = z
  .object({
    at: moment,
    by: z.string().nullable().describe('Who did it; null for the end of the work, and in rows of older versions'),
    action: z.enum([
      'submitted',
      'approved',
      'cancelled',
      'paused',
      'resumed',
      'canary_passed',
      'decided',
      'retried',
      'undone',
      'ended',
    ]),
    decision: z.string().nullable().describe('What was decided about a chunk: adopt, declare_not_sent or give_up'),
    from: z.string().nullable(),
    to: z.string().nullable(),
    chunk_id: z.string().nullable(),
    detail: z.unknown(),
  })
  .meta({ id: 'Act', description: 'One act on a request: what was done, by whom, when' });

export const itemAnswer = z
  .object({
    phone_number: phoneNumber.nullable().describe('E.164; null while a buy has not found a number'),
    status: z.enum(ITEM_STATUSES),
    /** An open text, because Telnyx has codes of its own, and rows of older versions may hold other codes. */
    reason_code: z.string().nullable(),
    reason: z.string().nullable(),
    line: count.nullable().describe('The position of its buy line, from 0'),
    chunk_id: z.string().nullable(),
    telnyx_id: z.string().nullable(),
    bought_at: moment.nullable().describe('When its order delivered it: from then on it is paid for'),
    upfront_cost: money.nullable(),
    monthly_cost: money.nullable(),
    currency: z.string().nullable(),
    updated_at: moment,
  })
  .meta({ id: 'Item', description: 'A number that is owed to a request' });

export const chunkAnswer = z
  .object({
    id: z.string(),
    kind: z.string(),
    state: z.string(),
    numbers: count.describe('How many numbers the chunk carries'),
    telnyx_id: z.string().nullable(),
    customer_reference: z.string(),
    attempt: count,
    waiting: z.boolean().describe('Telnyx waits for paperwork'),
    deadline: moment.nullable(),
    evidence: z.unknown().describe('What was seen when the outcome of the call was unknown'),
    error: codeAndText.nullable(),
  })
  .meta({ id: 'Chunk', description: 'A call to Telnyx that carries numbers of a request' });

const numberFields = {
  phone_number: phoneNumber,
  telnyx_id: z.string().nullable(),
  state: z.enum(['owned', 'released', 'missing']),
  status: z.string().nullable(),
  phone_number_type: z.string().nullable(),
  country_code: z.string().nullable(),
  connection_id: z.string().nullable(),
  messaging_profile_id: z.string().nullable(),
  billing_group_id: z.string().nullable(),
  customer_reference: z.string().nullable(),
  tags: z.array(z.string()),
  deletion_lock_enabled: z.boolean().nullable(),
  emergency_enabled: z.boolean().nullable(),
  emergency_status: z.string().nullable(),
  emergency_address_id: z.string().nullable(),
  upfront_cost: money.nullable(),
  monthly_cost: money.nullable(),
  currency: z.string().nullable(),
  bought_by: z.string().nullable(),
  surplus: z.boolean(),
  purchased_at: moment.nullable(),
  updated_at: moment,
};

export const numberAnswer = z.object(numberFields).meta({ id: 'Number', description: 'A number of the inventory' });

const historyEntry = z.object({
  at: moment,
  from: z.string().nullable(),
  to: z.string().nullable(),
  cause: z.string(),
  request_id: z.string().nullable(),
  chunk_id: z.string().nullable(),
  run_id: z.string().nullable(),
  by: z.string().nullable().describe('Who decided it, or who asked for the request that caused it; null for a change elsewhere'),
  changes: z.array(z.object({ field: z.string(), before: z.unknown(), after: z.unknown() })),
  detail: z.unknown(),
});

/** A number that requests named but that was never ours has a history and no fields. */
export const numberWithHistory = z
  .object({
    ...z.object(numberFields).partial().shape,
    phone_number: phoneNumber,
    state: numberFields.state.nullable(),
    history: z.array(historyEntry),
  })
  .meta({ id: 'NumberWithHistory', description: 'A number with everything that happened to it' });

const RUN_COUNTS = ['seen', 'matched', 'adopted', 'missing', 'changed', 'healed', 'surplus', 'too_fresh', 'undecided'] as const;

const openDrift = z
  .object({ changed: count.describe('Fields'), missing: count, surplus: count })
  .describe('The drift of the run that is still open, found for the first time or again');

export const runAnswer = z
  .object({
    id: z.string(),
    status: z.enum(['queued', 'running', 'completed', 'incomplete', 'failed']),
    trigger: z.enum(['nightly', 'manual']),
    repair: z.boolean(),
    started_by: z.string().nullable().describe('Who asked for it; null for the nightly run'),
    counts: z
      .partialRecord(z.enum(RUN_COUNTS), count)
      .nullable()
      .describe('Each owned number once: too_fresh ones were bought too recently to judge, undecided ones were not judged'),
    open: openDrift,
    error: z.string().nullable().describe('Why the run failed or is incomplete, and which repairs could not be filed'),
    repair_requests: z.array(z.string()).describe('The update requests that repair changed fields, also those filed later'),
    created_at: moment,
    started_at: moment.nullable(),
    finished_at: moment.nullable(),
  })
  .meta({ id: 'Reconciliation', description: 'A comparison of the whole account with the inventory' });

export const driftAnswer = z
  .object({
    kind: z.enum(DRIFT_KINDS),
    phone_number: phoneNumber,
    field: z.string().nullable(),
    ours: z.string().nullable().describe('Our value: what we last asked for, or else first saw or accepted'),
    theirs: z.string().nullable().describe('The value that the account showed'),
    request_id: z.string().nullable().describe('The request that bought the number'),
    state: z.enum(DRIFT_STATES),
    at: moment.nullable().describe('When it was accepted or ended, or its repair was filed'),
    by: z.string().nullable().describe('Who did that'),
    repair_request_id: z.string().nullable(),
    found_by: z.string().describe('The run that found it first'),
  })
  .meta({ id: 'Drift', description: 'A difference between the account and the inventory' });

export const repairAnswer = z
  .object({
    run_id: z.string(),
    requests: z
      .array(z.object({ id: z.string(), numbers: count, set: z.record(z.string(), z.unknown()) }))
      .describe('The update requests that restore our values, one for each set of values'),
    under_way: count.describe('Differences of numbers that an open request works on: that request settles them'),
    cannot_be_put_back: z.array(
      z.object({ field: z.string(), count, reason: z.string(), numbers: z.array(z.string()).describe('Some of them') }),
    ),
    not_found: count.describe('Named numbers without an open difference in the run'),
    failures: z.array(z.string()).describe('Which repairs could not be filed, and why'),
    open: openDrift,
  })
  .meta({ id: 'Repair', description: 'What a repair filed, and what it left' });

export const acceptAnswer = z
  .object({
    run_id: z.string(),
    accepted: z.object({ changed: count.describe('Fields'), missing: count, surplus: count }),
    under_way: count.describe('Differences of numbers that an open request works on: left open'),
    not_found: count.describe('Named numbers without an open difference in the run'),
    open: openDrift,
  })
  .meta({ id: 'Acceptance', description: 'What was accepted, and what was left' });

export const accountAnswer = z
  .object({
    gate: z.object({
      open: z.boolean(),
      code: z.string().nullable(),
      reason: z.string().nullable(),
      advice: z.string().nullable().describe('What to do about a closed gate'),
      closed_at: moment.nullable(),
      next_probe_at: moment.nullable(),
      reopened: z.object({ at: moment, by: z.string().nullable() }).nullable().describe('Who opened it last by hand, and when'),
    }),
    balance: z
      .object({ amount: money, available_credit: money.nullable(), currency: z.string().nullable(), as_of: moment.nullable() })
      .nullable(),
    slots_in_use: count.describe('Batch jobs that are open at Telnyx'),
    slots: count.describe('Batch jobs that may be open at once'),
    limits: z
      .array(
        z.object({
          family: z.string(),
          per_second: z.number().nullable().describe('Requests a second that we allow ourselves at present'),
          announced: z.string().nullable().describe('The last limit that Telnyx announced, verbatim'),
          paused_until: moment.nullable(),
        }),
      )
      .describe('The learned request rates, by endpoint family'),
    limits_as_of: moment.nullable(),
  })
  .meta({ id: 'Account', description: 'The account, its gate and what was learned of it' });

export const pageOf = <T extends z.ZodType>(item: T) =>
  z
    .object({ data: z.array(item), next_cursor: z.string().nullable().describe('Null on the last page') })
    .describe('A page of a list');

/** Answers of a route: its own, and the error shape for everything else. */
export const answers = <T extends Record<number, z.ZodType>>(own: T) => ({ ...own, '4xx': errorBody, '5xx': errorBody });

export const idParams = z.object({ id: z.string().min(1).max(100).describe('The id, such as req_… or run_…') });

/** The answers of a route that streams CSV. */
export const csvAnswer = {
  200: { description: 'CSV with a header', content: { 'text/csv': { schema: z.unknown().meta({ type: 'string' }) } } },
  '4xx': errorBody,
  '5xx': errorBody,
};
