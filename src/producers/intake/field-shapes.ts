import { z } from 'zod';
import { parseAmount } from '../../domain/money.ts';
import { labelProblem, textProblem } from '../../domain/text.ts';
import { rangeText } from './problem-words.ts';

/** The shape of a text of 1 to `most` characters without NUL and half characters. */
export function plainText(most: number) {
  return said(z.string().min(1, 'must not be empty').max(most, `must have at most ${most} characters`), textProblem);
}

/** The shape of a text that people read in lists. Control and direction characters are refused as well. */
export function labelText(most: number) {
  return said(z.string().max(most, `must have at most ${most} characters`), labelProblem);
}

/** Adds a check whose message says what is wrong. It does not run for a text that is too long. */
export function said(shape: z.ZodString, problemOf: (text: string) => string | null) {
  return shape.superRefine((text, context) => {
    const problem = problemOf(text);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });
}

/** The shape of a whole number of a range. One message covers everything that can be wrong with it, and names the range. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  const text = rangeText(least, most);
  const error = ({ input }: { input?: unknown }) => (input === undefined ? text.replace('must', 'is missing; it must') : text);
  return z.int({ error }).min(least, text).max(most, text);
}

/** A decimal amount as text. */
export const money = z
  .string()
  .refine(
    (text) => parseAmount(text) !== null,
    'must be a decimal amount of zero or more, such as "2.00", with at most 8 digits before the point and 6 behind it',
  )
  .describe('A decimal amount, such as "2.00"');

export const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must be a UUID');
export const decimalId = z.string().regex(/^\d{1,25}$/, 'must be a decimal id in quotes, such as "1293384261075731499"');

/** The shape of a tag. Telnyx rejected colons in tests; letters, digits, `-` and `_` are known to pass. */
export const tag = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a tag may have letters, digits, "-" and "_" only, no colon, at most 64');
