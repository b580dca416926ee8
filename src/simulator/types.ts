export type E164 = string;

/** Families share one rate limit. */
export type Family = 'search' | 'orders' | 'reads' | 'jobs' | 'messaging' | 'ownership' | 'numbers';

export interface Lags {
  /** Until a bought number is found by verify_ownership and accepted by jobs. */
  ownership: number;
  /** Until a new order shows in the order list. */
  orders: number;
  /** Until a bought number shows in the inventory lists and by id. */
  inventory: number;
  /** Until a released number disappears from ownership and lists. */
  deletions: number;
}

export type NumberType = 'local' | 'toll_free';
export const EMERGENCY_STATUSES = ['active', 'deprovisioning', 'disabled', 'provisioning', 'provisioning-failed'] as const;
export type EmergencyStatus = (typeof EMERGENCY_STATUSES)[number];
/** `stuck`: never settles. `failed`: is not provisioned in the end. `kept`: the old address stays, whatever the reply says. */
export type EmergencyFate = 'stuck' | 'failed' | 'kept';
export type NumberStatus = 'active' | 'deleted' | 'ported-out' | 'port-out-pending';
export type OwnedField =
  | 'connection_id'
  | 'billing_group_id'
  | 'customer_reference'
  | 'messaging_profile_id'
  | 'external_pin'
  | 'hd_voice_enabled'
  | 'deletion_lock_enabled'
  | 'status';

/** An area numbers come from; shared by all its numbers to keep them lean. */
export interface Area {
  readonly ndc: string;
  readonly country: string;
  readonly countryCode: string;
  readonly type: NumberType;
  readonly state: string;
  readonly locality: string;
  readonly rateCenter: string;
}

/** A number on sale. Costs are cents. */
export interface PoolNumber {
  readonly e164: E164;
  readonly area: Area;
  readonly features: readonly string[];
  readonly upfront: number;
  readonly monthly: number;
  readonly quickship: boolean;
  readonly reservable: boolean;
}

/** A number of the account. Times are ms. */
export interface OwnedNumber {
  readonly id: string;
  readonly e164: E164;
  readonly area: Area;
  status: NumberStatus;
  tags: readonly string[];
  connectionId: string | null;
  billingGroupId: string | null;
  customerReference: string | null;
  messagingProfileId: string | null;
  messagingProduct: string | null;
  externalPin: string | null;
  hdVoice: boolean;
  locked: boolean;
  emergency: EmergencyStatus;
  /** When emergency service that is being provisioned or ended settles, and how. */
  emergencySettlesAt: number;
  emergencyEndsAs: EmergencyStatus;
  emergencyAddressId: string | null;
  voice: Readonly<Record<string, unknown>> | undefined;
  readonly createdAt: number;
  updatedAt: number;
  /** When it began to exist for lags; 0 for seeded numbers. */
  readonly appearedAt: number;
  deletedAt: number | undefined;
}

export type OrderStatus = 'pending' | 'success' | 'failure' | 'cancelled' | 'deleted';

export interface OrderLine {
  readonly id: string;
  readonly e164: E164;
  readonly area: Area;
  readonly upfront: number;
  readonly monthly: number;
  readonly subOrderId: string;
  readonly paperwork: boolean;
  approved: boolean;
  /** Decided when the order is made: what becomes of the line. */
  readonly fate: 'success' | 'failure' | 'cancelled';
  readonly returnToPool: boolean;
  /** When it ends if nothing holds it back; Infinity while only a person can end it. */
  readonly readyAt: number;
  status: OrderStatus;
}

export interface Order {
  readonly id: string;
  customerReference: string | undefined;
  readonly connectionId: string | undefined;
  readonly messagingProfileId: string | undefined;
  readonly billingGroupId: string | undefined;
  readonly lines: OrderLine[];
  readonly subOrderIds: string[];
  readonly createdAt: number;
  updatedAt: number;
  /** When the next line is ready. */
  settlesAt: number;
  readonly deadline: number | undefined;
  status: OrderStatus;
}

export type JobType = 'update_phone_numbers' | 'delete_phone_numbers' | 'update_emergency_settings';
export type JobStatus = 'pending' | 'in_progress' | 'completed' | 'failed' | 'expired';

export interface Job {
  readonly id: string;
  readonly type: JobType;
  readonly byId: boolean;
  readonly numbers: readonly { id: string; e164: E164 }[];
  readonly changes: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  readonly startsAt: number;
  readonly perNumberMs: number;
  readonly endsAs: 'completed' | 'failed' | 'expired';
  /** Entries never processed because the job failed or expired before them. */
  readonly leftovers: ReadonlySet<number>;
  readonly listLeftovers: boolean;
  readonly fails: ReadonlySet<number>;
  /** Entries processed but listed nowhere. */
  readonly lost: ReadonlySet<number>;
  readonly duplicates: ReadonlySet<number>;
  /** What goes wrong with the emergency service of single entries. */
  readonly emergency: ReadonlyMap<number, EmergencyFate>;
  readonly foreign: boolean;
  status: JobStatus;
  updatedAt: number;
  done: number;
  /** Index in `numbers` to the error it failed with. */
  readonly failed: Map<number, { code: string; title: string; detail: string }>;
}

export interface Reservation {
  readonly id: string;
  readonly customerReference: string | undefined;
  readonly lines: { id: string; e164: E164; error: string | undefined }[];
  readonly createdAt: number;
  updatedAt: number;
  expiresAt: number;
  extensions: number;
}

export interface BulkMessaging {
  readonly orderId: string;
  readonly numbers: readonly E164[];
  readonly profileId: string;
  readonly createdAt: number;
  settlesAt: number;
  /** The lags when it was asked for: later requests do not change what it can see. */
  readonly lag: number;
  readonly deletionLag: number;
  readonly success: E164[];
  readonly failed: E164[];
  readonly fails: ReadonlySet<number>;
  settled: boolean;
}
