import { ProvisioningError } from '../../domain/errors.ts';
import type { E164 } from '../../domain/phone-number.ts';

/** The documented size limit of batch jobs and ownership checks; orders, whose limit is not documented, stay below it too. */
export const MAX_NUMBERS = 1_000;

/**
 * The numbers of one call, each once, in order. Both limits are kept by every correct caller, so a breach is a bug.
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
