/** How often a state is checked without a signal, because another process may have changed it. */
const EVERY_MS = 50;
/** The shortest time between two checks of one wait, because signals may come in bursts. */
const AT_MOST_EVERY_MS = 25;

const waiting = new Set<() => void>();

/** Signals that a queue job or child of this process did something. Every wait then checks its state at once. */
export function somethingHappened(): void {
  for (const wake of [...waiting]) wake();
}

async function nextSignal(): Promise<void> {
  const signalled = new Promise<void>((resolve) => {
    const timer = setTimeout(() => wake(), EVERY_MS);
    const wake = (): void => {
      clearTimeout(timer);
      waiting.delete(wake);
      resolve();
    };
    waiting.add(wake);
  });
  await Promise.all([signalled, new Promise((resolve) => setTimeout(resolve, AT_MOST_EVERY_MS))]);
}

/**
 * Waits until `check` returns something other than `false`, `null` or `undefined`, and returns it. Tests wait for a state, never
 * for a time. Fails with `what` and the last error when the state is not reached in time.
 */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  { withinMs = 30_000 }: { withinMs?: number } = {},
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
    await nextSignal();
  }
  throw new Error(`within ${withinMs} ms this did not come true: ${what}`, { cause: last });
}

function isThere<T>(value: T): value is Exclude<T, false | null | undefined> {
  return value !== false && value !== null && value !== undefined;
}

/** Returns the result of `work` and how long it took, in milliseconds. */
export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const start = performance.now();
  const value = await work();
  return { value, ms: performance.now() - start };
}

/** Makes a promise that resolves when `open` is called. */
export function door(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
