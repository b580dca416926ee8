/**
 * Waits at most `ms` milliseconds for `work`, then rejects with what `late` returns. The work itself goes on. Use this only for
 * work that cannot be interrupted and whose late effect does no harm.
 */
export async function withinDeadline<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    // `Promise.race` also handles the rejection of the promise that loses.
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits at most `ms` milliseconds for `work`. True when the work succeeded in time; false when it failed or takes longer. */
export async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  try {
    await withinDeadline(work, ms, () => new Error(`no end within ${ms} ms`));
    return true;
  } catch {
    return false;
  }
}
