import type { Clock } from '../domain/clock.ts';

/** A chunk that waits for a job slot. The smaller position in its request goes first, as in the queue. */
export interface Waiter {
  id: string;
  position: number;
}

/** What the rows say of the job slots. */
export interface SlotCount {
  taken: number;
  /** Chunks with a slot that nobody follows, because the queue lost their queue jobs. */
  neglected: number;
}

/**
 * The chunks of this process that wait for a job slot. It only decides who tries next; the rows decide who gets a slot, so a wrong
 * guess here costs time and nothing else.
 */
export interface Slots {
  /** How many jobs may be open at Telnyx at once. */
  readonly most: number;
  /** Runs the guards and reads of a chunk, of only a few chunks at once. */
  prepare<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when it is the turn of this chunk to try. The chunk counts as waiting for twice `forMs` milliseconds. */
  wait(waiter: Waiter, forMs: number): Promise<void>;
  /** True when no other chunk of this process should try first. */
  isNext(waiter: Waiter): boolean;
  leave(id: string): void;
  /** A job ended, or a chunk gave its slot or its turn back: the next chunk tries. */
  freed(): void;
  /**
   * True when the waiting chunks must give back their places in the queue, because the chunks that have the slots wait for a place
   * themselves. It happens after the queue was lost.
   */
  mustYield(): boolean;
  close(): void;
}

export interface SlotsOptions {
  most: number;
  clock: Clock;
  /** Counts the slots in the rows; `null` where nothing may run by a timer. */
  count: (() => Promise<SlotCount>) | null;
  /** How many jobs this process follows. While it has all slots itself, the rows need not be read. */
  followedHere: () => number;
}

/** A slot that another process frees is noticed this soon. */
const COUNT_EVERY_MS = 100;

/** A chunk that was woken takes a free slot within this time. Until then no other chunk is woken for the same slot. */
const TRY_MS = 500;

/**
 * Chunks that are prepared at once. More would share the same rate of calls, so that each of them reads longer and its first answer is
 * older when it is sent.
 */
const PREPARED_AT_ONCE = 5;

interface Waiting extends Waiter {
  order: number;
  until: number;
  wake: (() => void) | null;
  /** When it was woken to try. */
  wokenAt: number;
}

export function openSlots({ most, clock, count, followedHere }: SlotsOptions): Slots {
  const waiting = new Map<string, Waiting>();
  const prepare = fewAtOnce(Math.min(most, PREPARED_AT_ONCE));
  let arrivals = 0;
  let yielding = false;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  /** A chunk whose run was lost never leaves by itself, so it counts only for as long as it meant to wait. */
  const live = (): Waiting[] => {
    const now = clock.now().getTime();
    for (const [id, one] of waiting) if (one.until < now) waiting.delete(id);
    return [...waiting.values()].sort((a, b) => a.position - b.position || a.order - b.order);
  };

  const wakeOne = (): void => {
    const next = live().find(({ wake }) => wake !== null);
    if (next === undefined) return;
    next.wake?.();
    next.wake = null;
    next.wokenAt = clock.now().getTime();
  };

  /** Chunks that were woken a moment ago and have not taken their slot yet. */
  const trying = (): number => {
    const since = clock.now().getTime() - TRY_MS;
    return live().filter(({ wake, wokenAt }) => wake === null && wokenAt > since).length;
  };

  const countAgain = (): void => {
    if (count === null || timer !== undefined || closed || (waiting.size === 0 && !yielding)) return;
    timer = setTimeout(() => void counted(count), COUNT_EVERY_MS);
    timer.unref();
  };

  const counted = async (ask: () => Promise<SlotCount>): Promise<void> => {
    try {
      if (followedHere() < most) {
        const { taken, neglected } = await ask();
        yielding = neglected > 0 && taken >= most;
        const tries = yielding ? waiting.size : most - taken - trying();
        for (let n = 0; n < tries; n += 1) wakeOne();
      } else {
        yielding = false;
      }
    } catch {
      // The database is away. Every waiting chunk tries again when its own wait is over, and reports what it meets.
    } finally {
      timer = undefined;
      countAgain();
    }
  };

  return {
    most,
    prepare,
    wait: (waiter, forMs) =>
      new Promise<void>((resolve) => {
        arrivals += 1;
        const order = waiting.get(waiter.id)?.order ?? arrivals;
        waiting.set(waiter.id, { ...waiter, order, until: clock.now().getTime() + 2 * forMs, wake: resolve, wokenAt: 0 });
        countAgain();
      }),
    isNext: ({ id, position }) => {
      const before = waiting.get(id)?.order ?? Number.POSITIVE_INFINITY;
      return live().every(
        (w) => w.id === id || w.wake === null || w.position > position || (w.position === position && w.order > before),
      );
    },
    leave: (id) => {
      waiting.delete(id);
    },
    freed: wakeOne,
    mustYield: () => yielding,
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** Runs at most `most` works at once, in the order of their arrival. */
function fewAtOnce(most: number): Slots['prepare'] {
  const queue: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => queue.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      // The place goes to the next work directly, so that no newcomer takes it.
      const next = queue.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
