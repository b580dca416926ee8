import type { E164 } from './phone-number.ts';

/** The settings of `phone_numbers/jobs/update_phone_numbers`. A batch job sets the same values on all its numbers. */
export interface NumberSettings {
  tags?: string[];
  connection_id?: string;
  billing_group_id?: string;
  customer_reference?: string;
  external_pin?: string;
  hd_voice_enabled?: boolean;
  deletion_lock_enabled?: boolean;
  voice?: Record<string, unknown>;
}

/** Tags to add and remove. Telnyx replaces all tags of a number, so they are read, merged and grouped before they are written. */
export interface TagChange {
  add: string[];
  remove: string[];
}

/** The settings that an order gives its numbers. `reserve` holds the numbers before the order. */
export interface OrderSettings {
  connection_id?: string;
  messaging_profile_id?: string;
  billing_group_id?: string;
  requirement_group_id?: string;
  reserve?: boolean;
}

/**
 * What was asked for some numbers and one kind of call can do. A request is a list of steps. A chunk carries the numbers of one
 * step, and the steps that follow for them. The payload of a chunk says what its call really carries.
 */
export type Step =
  | { kind: 'order'; settings: OrderSettings }
  | { kind: 'update'; settings: NumberSettings; tags?: TagChange }
  | { kind: 'messaging'; messaging_profile_id: string }
  | { kind: 'emergency'; emergency_enabled: boolean; emergency_address_id: string | null }
  | {
      kind: 'delete';
      include_locked: boolean;
      include_emergency: boolean;
      /** Blockers that were removed for this release already. Each is removed once only. */
      cleared?: Blocker[];
    };

/** What keeps a number from being released until it is removed. */
export type Blocker = 'lock' | 'emergency';

export type StepKind = Step['kind'];
export type StepOf<K extends StepKind> = Extract<Step, { kind: K }>;

/** What one call carries beside its numbers, fixed before it leaves. A field that is left out is as the step says. */
export interface Payload {
  /** Updates only: the settings with the tags merged into those that the numbers have. */
  settings?: NumberSettings;
  /** Updates only: when the reading of the tags in `settings` began, as an ISO date. The call leaves at most `tagsMs` later. */
  tagsReadAt?: string;
  /** When ownership was asked and showed all numbers of the chunk, as an ISO date. */
  ownedAt?: string;
  /** Orders only: when the numbers were reserved before the order was due, as an ISO date. */
  reservedAt?: string;
  /** Only kinds that send one number a call: the numbers whose call may have left. */
  sent?: E164[];
}

/** How many batches of numbers are planned as one chunk when their tags must be read first. */
const BATCHES_READ_TOGETHER = 10;

/**
 * How many numbers of a request are planned as one chunk. Tags of many numbers are read together, because a read walks pages of the
 * account and not single numbers. The chunk is then cut by the resulting tags, and no part is larger than a batch.
 */
export function plannedSize(step: Step, batchSize: number): number {
  return step.kind === 'update' && step.tags !== undefined ? batchSize * BATCHES_READ_TOGETHER : batchSize;
}

/**
 * The queue of a step. Each queue has its own limit: orders spend money, updates and deletes share the job slots of the account,
 * emergency jobs have a limit of their own, and messaging updates are no batch jobs.
 */
export function queueOfStep(kind: StepKind): 'buy' | 'batch-jobs' | 'emergency' | 'messaging' {
  switch (kind) {
    case 'order':
      return 'buy';
    case 'update':
    case 'delete':
      return 'batch-jobs';
    case 'emergency':
    case 'messaging':
      return kind;
  }
}

/** True for a step that buys numbers: what it bought or lost counts against the budget of its request. */
export function buysNumbers(kind: StepKind): boolean {
  return kind === 'order';
}
