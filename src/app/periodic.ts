import type { Service } from './lifecycle.ts';

/**
 * A service that runs a round, waits, and runs the next one. The first round runs at the start, and never two at once. A stop
 * waits for the round only a short time: a round may be cut off anywhere, and a store that hangs would hold it for ever.
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
