import { withinDeadline } from '../domain/deadline.ts';
import { ProvisioningError } from '../domain/errors.ts';

/**
 * The answer of the queue to one command. BullMQ cannot interrupt a command while Redis is away, and a late one does no harm.
 * Errors: `queue_unavailable` (`retry`) after `ms` milliseconds.
 */
export function queueAnswer<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  return withinDeadline(
    work,
    ms,
    () => new ProvisioningError('queue_unavailable', 'retry', `the queue did not answer within ${ms} ms: ${what}`),
  );
}
