import { ProvisioningError } from './errors.ts';
import { clipped } from './text.ts';

/**
 * Money as exact integers: millionths of the unit of the currency. Telnyx sends decimal strings
 * (`cost_information.upfront_cost`), and floats would lose cents over thousands of numbers.
 */
export type Micros = bigint;

const DECIMAL = /^(-?)(\d+)(?:\.(\d{1,6})\d*)?$/;

/** Reads a decimal string such as `1.00`; `null` when it is not one. */
export function parseMoney(text: string): Micros | null {
  const match = DECIMAL.exec(text.trim());
  if (match === null) return null;
  const [, sign, whole = '0', fraction = ''] = match;
  const micros = BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
  return sign === '-' ? -micros : micros;
}

/**
 * Reads an amount where money may be spent, from a source that was checked before. An unreadable amount never counts as zero.
 * Throws `unreadable_money` (a bug).
 */
export function moneyOf(text: string): Micros {
  const value = parseMoney(text);
  if (value === null) throw new ProvisioningError('unreadable_money', 'bug', `"${clipped(text, 40)}" is no amount of money`);
  return value;
}

/**
 * An amount that a person may write: up to eight digits before the point, as many as the database column holds, and six after it.
 */
const AMOUNT = /^\d{1,8}(\.\d{1,6})?$/;

/**
 * Reads an amount that a person wrote; `null` for anything else. The length is checked before the value, so that a long text
 * costs nothing.
 */
export function parseAmount(text: string): Micros | null {
  return AMOUNT.test(text) ? parseMoney(text) : null;
}

/** Writes at least two decimals, more only when they are not zero: `1.00`, `0.0055`. */
export function formatMoney(value: Micros): string {
  const sign = value < 0n ? '-' : '';
  const abs = value < 0n ? -value : value;
  const fraction = (abs % 1_000_000n).toString().padStart(6, '0');
  const trimmed = fraction.replace(/0{1,4}$/, '');
  return `${sign}${abs / 1_000_000n}.${trimmed}`;
}
