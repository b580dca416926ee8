import { ProvisioningError } from '../../domain/errors.ts';
import type { E164 } from '../../domain/phone-number.ts';

/** The documented size limit of batch jobs and ownership checks. Telnyx documents no limit for orders; they keep this one too. */
export const MAX_NUMBERS = 1_000;

/**
 * Returns the numbers of one call, each once, in order. Every correct caller keeps both limits, so a violation is a bug.
 * @throws ProvisioningError with disposition `bug`; nothing was sent.
 */
export function requireNumbers(operation: string, numbers: readonly E164[]): E164[] {
  const unique = [...new Set(numbers)];
  if (unique.length === 0) throw new ProvisioningError('invalid_request', 'bug', `${operation}: called without numbers`);
  if (unique.length > MAX_NUMBERS) {
    throw new ProvisioningError(
      'too_many_numbers',
      'bug',
      `${operation}: ${unique.length} numbers, at most ${MAX_NUMBERS} fit one call`,
    );
  }
  return unique;
}
