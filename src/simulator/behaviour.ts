import { z } from 'zod';

/** How an order is refused when its numbers are not available. `conflict` is a 409 without any code. */
export const REFUSAL_SHAPES = ['10027', '85001', 'conflict', 'conflict_10012'] as const;
export type RefusalShape = (typeof REFUSAL_SHAPES)[number];

/** How the service answers where accounts or reports about them differ. Each setting can be changed at run time. */
export interface Behaviour {
  /** What an unavailable number does to its order: refuse it whole, or fail only its line. */
  unavailable: 'order' | 'line';
  /** The shape of that refusal. */
  refusal: RefusalShape;
  /** Whether the text of `85001` names the numbers. */
  refusalNames: boolean;
  /** How numbers that no recent search showed are refused. `as_refusal` means `10027` when `refusal` is `10027`, else `85000`. */
  unsearched: 'as_refusal' | '10027' | '85000';
  /** New accounts are unverified: searches mask every number, and reservations and some filters are refused. */
  level: 'verified' | 'unverified';
  /** Whether `filter[features]=sms,voice` is two features, or the name of one that no number has. */
  featureCommas: 'whole' | 'split';
  /** The answer to a search that finds nothing: 400 with `10031`, or an empty list. */
  noneFound: '10031' | 'empty';
  /** How much longer a toll-free number takes when it is not marked `quickship`. */
  slowShipMs: number;
  /** Lines of a sub order at most; an order is split by country and type in any case. */
  subOrderSize: number;
  /** Whether the lists of sub orders and order lines, which document no paging, heed `page[number]` and `page[size]`. */
  subOrderPages: 'honoured' | 'ignored';
  /** `number_order.complete`: as documented, without `id` and `status` of the order, or with them. */
  webhookPayload: 'documented' | 'full';
  /** How many update and delete jobs may be open at once. */
  jobSlots: number;
  /** How many emergency jobs may be open at once: they have a pool of their own. */
  emergencyJobSlots: number;
  /** How long emergency service takes to be provisioned, or to end. */
  emergencyMs: number;
}

/** The shape that live accounts show. */
export const FIELD_SHAPE: Readonly<Behaviour> = {
  unavailable: 'order',
  refusal: '10027',
  refusalNames: false,
  unsearched: 'as_refusal',
  level: 'verified',
  featureCommas: 'whole',
  noneFound: '10031',
  // Up to two business days.
  slowShipMs: 172_800_000,
  subOrderSize: 1000,
  subOrderPages: 'honoured',
  webhookPayload: 'documented',
  jobSlots: 20,
  emergencyJobSlots: 500,
  emergencyMs: 1000,
};

/** The shape that older descriptions give; nobody has shown it from a live account. */
export const OLD_SHAPE: Readonly<Partial<Behaviour>> = {
  refusal: '85001',
  refusalNames: true,
  unsearched: '85000',
  featureCommas: 'split',
  slowShipMs: 0,
  webhookPayload: 'full',
};

const ms = z.number().min(0);

/** Every setting with what it takes; the types hold it to the interface. */
const FIELDS: { readonly [K in keyof Behaviour]: z.ZodType<Behaviour[K]> } = {
  unavailable: z.enum(['order', 'line']),
  refusal: z.enum(REFUSAL_SHAPES),
  refusalNames: z.boolean(),
  unsearched: z.enum(['as_refusal', '10027', '85000']),
  level: z.enum(['verified', 'unverified']),
  featureCommas: z.enum(['whole', 'split']),
  noneFound: z.enum(['10031', 'empty']),
  slowShipMs: ms,
  subOrderSize: z.int().min(1),
  subOrderPages: z.enum(['honoured', 'ignored']),
  webhookPayload: z.enum(['documented', 'full']),
  jobSlots: z.int().min(0),
  emergencyJobSlots: z.int().min(0),
  emergencyMs: ms,
};

export const BEHAVIOUR_KEYS = Object.keys(FIELDS);

export const BEHAVIOUR_SCHEMA = z.strictObject(
  Object.fromEntries(Object.entries(FIELDS).map(([key, field]) => [key, field.optional()] as const)),
);

/** Returns the settings among the options of a simulator. A missing setting is as in live accounts. */
export function behaviourOf(options: Partial<Behaviour>): Behaviour {
  const given = Object.entries(options).filter(([key, value]) => BEHAVIOUR_KEYS.includes(key) && value !== undefined);
  return { ...FIELD_SHAPE, ...Object.fromEntries(given) };
}
