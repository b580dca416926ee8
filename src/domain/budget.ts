import type { Step } from './step.ts';

/** Settings of a number that cost money, and whose price no API of Telnyx tells: E911, and the name of inbound callers. */
export const PAID_SETTINGS = ['e911', 'caller_id_name'] as const;
export type PaidSetting = (typeof PAID_SETTINGS)[number];

/** The price of each paid setting for one number, as decimal text. */
export type Prices = Readonly<Partial<Record<PaidSetting, string>>>;

/** The budget of each asker for one UTC month, as decimal text. An asker that is not named has none. */
export type Budgets = Readonly<Record<string, string>>;

/** Returns the budget of an asker, or `null` for one without a budget. */
export function budgetOf(budgets: Budgets, asker: string | null): string | null {
  return asker !== null && Object.hasOwn(budgets, asker) ? (budgets[asker] ?? null) : null;
}

/** A calendar month in UTC: `2026-11`, its first moment, and that of the next month. */
export interface Month {
  name: string;
  from: Date;
  to: Date;
}

/** Returns the UTC month of a moment. */
export function monthOf(at: Date): Month {
  const first = (more: number) => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + more, 1));
  return { name: at.toISOString().slice(0, 7), from: first(0), to: first(1) };
}

/** What the paid settings of some steps cost for one number, by the kind of the step that sets them. */
export interface Charges {
  /** `null` when the step sets nothing that is paid, or when its price is not known. */
  update: string | null;
  emergency: string | null;
  /** Paid settings without a price. */
  unknown: PaidSetting[];
}

/** Prices the paid settings of the steps of a request. */
export function chargesOf(steps: readonly Step[], prices: Prices): Charges {
  const charges: Charges = { update: null, emergency: null, unknown: [] };
  const charge = (kind: 'update' | 'emergency', setting: PaidSetting) => {
    const price = prices[setting];
    if (price === undefined) charges.unknown.push(setting);
    else charges[kind] = price;
  };
  for (const step of steps) {
    if (step.kind === 'update' && step.settings.voice?.['caller_id_name_enabled'] === true) charge('update', 'caller_id_name');
    if (step.kind === 'emergency' && step.emergency_enabled) charge('emergency', 'e911');
  }
  return charges;
}
