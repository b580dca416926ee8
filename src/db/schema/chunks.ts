import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { type ChunkState, FINAL_STATES } from '../../domain/chunk.ts';
import type { TroubleCode } from '../../domain/codes.ts';
import type { Evidence } from '../../domain/evidence.ts';
import type { Payload, Step, StepKind } from '../../domain/step.ts';
import { literals, moment } from './columns.ts';
import { lines } from './lines.ts';
import { requests } from './requests.ts';

/** The numbers and settings of one mutating call to Telnyx, committed before the call leaves. */
export const chunks = pgTable(
  'chunks',
  {
    id: text('id').primaryKey(),
    requestId: text('request_id')
      .notNull()
      .references(() => requests.id),
    lineId: text('line_id').references(() => lines.id),
    position: integer('position').notNull(),
    kind: text('kind').$type<StepKind>().notNull(),
    state: text('state').$type<ChunkState>().notNull(),
    numbers: text('numbers').array().notNull(),
    /** What was asked for these numbers. */
    step: jsonb('step').$type<Step>().notNull(),
    /** What the last call carried beside its numbers; see `Payload`. */
    payload: jsonb('payload').$type<Payload>(),
    /** The steps that these numbers still need after this one. */
    nextSteps: jsonb('next_steps').$type<Step[]>().notNull(),
    customerReference: text('customer_reference').notNull(),
    /** The id at Telnyx of the number order, batch job or messaging bulk update. */
    telnyxId: text('telnyx_id'),
    /** How often a call left. Refusals that pass by themselves do not count. */
    attempt: integer('attempt').notNull().default(0),
    /** Rises with every move. The compare-and-set compares it. */
    generation: integer('generation').notNull().default(0),
    /** Rises when the queue lost or finished the job of an open chunk. It is part of the job id. */
    requeues: integer('requeues').notNull().default(0),
    /** Identifies the worker that may finish the call. Each claim writes a new token. */
    leaseToken: text('lease_token'),
    leaseUntil: moment('lease_until'),
    nextRunAt: moment('next_run_at'),
    submittingAt: moment('submitting_at'),
    submittedAt: moment('submitted_at'),
    ambiguousAt: moment('ambiguous_at'),
    settledAt: moment('settled_at'),
    polls: integer('polls').notNull().default(0),
    /** True while Telnyx waits for paperwork. The deadline is stored beside it. */
    waiting: boolean('waiting').notNull().default(false),
    deadline: moment('deadline'),
    /** The results of the checks in the present phase, and the history of earlier calls. */
    evidence: jsonb('evidence').$type<Evidence>(),
    /** Rows of older versions may hold codes that are no longer in the list. They are shown unchanged. */
    errorCode: text('error_code').$type<TroubleCode>(),
    error: text('error'),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('chunks_customer_reference').on(t.customerReference),
    index('chunks_request').on(t.requestId, t.position),
    index('chunks_due')
      .on(t.nextRunAt)
      .where(sql`${t.state} not in (${literals(FINAL_STATES)})`),
    index('chunks_telnyx').on(t.telnyxId),
    index('chunks_numbers').using('gin', t.numbers).where(sql`${t.kind} = 'order'`),
  ],
);
