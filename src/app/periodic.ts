import type { Service } from './lifecycle.ts';

/**
 * A service that does a round, waits, and does the next: never two at once, the first at start. A stop waits for the round, not for long: every
 * round may be cut off anywhere, and a store that hangs would hold it for ever.
 */
export function periodic(name: string, everyMs: number, round: () => Promise<void>): Service {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  const loop = (): void => {
    running = round().finally(() => {
      if (!stopped) timer = setTimeout(loop, everyMs);
    });
  };
  return {
    name,
    start: async () => loop(),
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
    stopWithinMs: 5_000,
  };
}
