import { ProvisioningError } from '../domain/errors.ts';

/**
 * Waits at most `ms` for `work`. The work itself goes on: this is for calls that nothing can interrupt, such as a BullMQ
 * command while Redis is away, and whose late effect is harmless.
 */
export async function withinDeadline<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new ProvisioningError('queue_unavailable', 'retry', `the queue did not answer within ${ms} ms: ${what}`)),
      ms,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // Whatever loses the race must not become an unhandled rejection.
    work.catch(() => undefined);
  }
}

/** Like `withinDeadline`, but says whether it ended in time instead of throwing. */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  try {
    await withinDeadline(
      work.then(() => undefined),
      ms,
      'stopping',
    );
    return true;
  } catch {
    return false;
  }
}
