/** How a lane asks for the next slot: resolves when one call may go out, rejects when nobody in the queue can be served. */
export type NextSlot<S> = () => Promise<S>;

export interface LaneOptions<S> {
  /** Calls of this lane that may be under way at once in this process. */
  maxInFlight: number;
  /** A caller that has waited this long for its turn gets an error, in milliseconds. */
  maxWaitMs: number;
  nextSlot: NextSlot<S>;
  /** Makes the error for a caller that waited too long. */
  tooLong: () => Error;
}

/** One family's queue within this process. */
export interface Lane<S> {
  /** Runs `call` with its slot when it is its turn; first come, first served. */
  run<T>(call: (slot: S) => Promise<T>): Promise<T>;
  /** Refuses every caller that waits, and every later one, with `reason`. Resolves when the calls under way have ended. */
  close(reason: Error): Promise<void>;
}

interface Waiter<S> {
  go: (slot: S) => void;
  sendAway: (reason: unknown) => void;
}

/**
 * Serves callers in the order in which they came, and requests one slot at a time. Bottleneck books a slot of the whole cluster
 * as soon as it is requested, never moves it, and keeps it after the process died. So it must never hold more than one slot of
 * ours.
 */
export function createLane<S>(options: LaneOptions<S>): Lane<S> {
  const waiting: Waiter<S>[] = [];
  let inFlight = 0;
  let asking = false;
  let closed: Error | null = null;
  let idle: () => void = () => undefined;

  const sendAllAway = (reason: unknown): void => {
    for (const waiter of waiting.splice(0)) waiter.sendAway(reason);
  };

  const pump = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      while (waiting.length > 0 && inFlight < options.maxInFlight) {
        const slot = await options.nextSlot();
        const next = waiting.shift();
        if (next === undefined) continue;
        inFlight += 1;
        next.go(slot);
      }
    } catch (reason) {
      // The reason holds for all callers behind this one too: nobody waits for a limiter that is away.
      sendAllAway(reason);
    } finally {
      asking = false;
    }
  };

  const turn = (): Promise<S> =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        const at = waiting.indexOf(waiter);
        if (at >= 0) waiting.splice(at, 1);
      };
      const waiter: Waiter<S> = {
        go: (slot) => {
          leave();
          resolve(slot);
        },
        sendAway: (reason) => {
          leave();
          reject(reason);
        },
      };
      const timer = setTimeout(() => waiter.sendAway(options.tooLong()), options.maxWaitMs);
      waiting.push(waiter);
      void pump();
    });

  return {
    run: async (call) => {
      if (closed !== null) throw closed;
      const slot = await turn();
      try {
        return await call(slot);
      } finally {
        inFlight -= 1;
        if (inFlight === 0) idle();
        void pump();
      }
    },
    close: (reason) => {
      const ended = new Promise<void>((resolve) => {
        idle = resolve;
      });
      if (inFlight === 0) idle();
      closed = reason;
      sendAllAway(reason);
      return ended;
    },
  };
}
