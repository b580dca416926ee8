const EVERY_MS = 20;

/**
 * Waits until `check` gives something other than `false`, `null` or `undefined`, and returns it. Tests wait for a state, never
 * for a time. Fails with `what` and the last error when the state does not come.
 */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  { withinMs = 15_000 }: { withinMs?: number } = {},
): Promise<Exclude<T, false | null | undefined>> {
  const end = Date.now() + withinMs;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const value = await check();
      if (isThere(value)) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  throw new Error(`within ${withinMs} ms this did not come true: ${what}`, { cause: last });
}

function isThere<T>(value: T): value is Exclude<T, false | null | undefined> {
  return value !== false && value !== null && value !== undefined;
}

/** How long `work` took, in milliseconds, beside its result. */
export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const start = performance.now();
  const value = await work();
  return { value, ms: performance.now() - start };
}

/** Something to wait for until somebody opens it. */
export function door(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
