import type { E164 } from './phone-number.ts';

/** Settings of `phone_numbers/jobs/update_phone_numbers`: one value each for all numbers of the job. */
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

/** Tags are replaced by Telnyx, so adding and removing is read, merge, group, write. */
export interface TagChange {
  add: string[];
  remove: string[];
}

export interface OrderSettings {
  connection_id?: string;
  messaging_profile_id?: string;
  billing_group_id?: string;
  requirement_group_id?: string;
  reserve?: boolean;
}

/**
 * What was asked of some numbers that one kind of call can do. A request is a list of steps. A chunk carries the numbers of one step
 * and the steps still to come for them. What its call really carries is its payload.
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
      /** Blockers that were cleared for this release already. Each is cleared once, not again and again. */
      cleared?: Blocker[];
    };

/** What keeps a number from being released until it is cleared. */
export type Blocker = 'lock' | 'emergency';

export type StepKind = Step['kind'];
export type StepOf<K extends StepKind> = Extract<Step, { kind: K }>;

/** What one call carries beside its numbers, fixed before it leaves. What is left out is as the step says. */
export interface Payload {
  /** Updates: tags are merged with those that the numbers have, so the settings differ from what was asked. */
  settings?: NumberSettings;
  /** Kinds that Telnyx takes one number at a time: the numbers whose own call may have left. */
  sent?: E164[];
}

/**
 * The queue of a step, by what limits it: orders spend money, updates and deletes share the account's job slots, emergency jobs
 * have a cap of their own, messaging updates are no jobs.
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
