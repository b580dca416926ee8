import { type Random, seededRandom } from '../../src/simulator/random.ts';

export const FAULTS = [
  'kill -9 of a worker',
  'SIGTERM of a worker',
  'worker frozen for longer than its lock',
  'Redis FLUSHALL',
  'Redis away, then back empty',
  'Redis away, then back with its data',
  'Postgres away',
  'simulator away',
] as const;
export type FaultName = (typeof FAULTS)[number];

/** One thing that goes wrong, and how long it stays wrong. */
export interface Step {
  fault: FaultName;
  /** 0 for what is over at once. */
  forMs: number;
  /** A worker is killed too, in the middle of it. */
  withKill: boolean;
  /** Quiet time before it. */
  pauseMs: number;
}

export interface Size {
  workers: number;
  buy: number;
  /** Buys at most: the account has only so much money. */
  buys: number;
  update: number;
  onSale: number;
  kills: number;
  times: Partial<Record<FaultName, number>>;
  forMs: Partial<Record<FaultName, number>>;
  /** As long as the faults may take; kills that do not fit in are left out. */
  minutes: number;
  settleSeconds: number;
  orderSize: number;
  batchSize: number;
}

export const FULL: Size = {
  workers: 4,
  buy: 2_000,
  buys: 18,
  update: 20_000,
  onSale: 100_000,
  kills: 200,
  times: {
    'SIGTERM of a worker': 6,
    'worker frozen for longer than its lock': 2,
    'Redis FLUSHALL': 4,
    'Redis away, then back empty': 1,
    'Redis away, then back with its data': 1,
    'Postgres away': 2,
    'simulator away': 1,
  },
  forMs: {
    'worker frozen for longer than its lock': 20_000,
    'Redis away, then back empty': 60_000,
    'Redis away, then back with its data': 60_000,
    'Postgres away': 20_000,
    'simulator away': 60_000,
  },
  minutes: 15,
  settleSeconds: 10,
  orderSize: 100,
  batchSize: 1_000,
};

/** The same in about a minute and a half: every fault once, shorter, with a tenth of the numbers. */
export const SMALL: Size = {
  workers: 2,
  buy: 300,
  buys: 3,
  update: 2_000,
  onSale: 12_000,
  kills: 6,
  times: {
    ...FULL.times,
    'SIGTERM of a worker': 1,
    'worker frozen for longer than its lock': 1,
    'Redis FLUSHALL': 1,
    'Postgres away': 1,
  },
  forMs: {
    'worker frozen for longer than its lock': 16_000,
    'Redis away, then back empty': 4_000,
    'Redis away, then back with its data': 4_000,
    'Postgres away': 3_000,
    'simulator away': 4_000,
  },
  minutes: 2,
  settleSeconds: 4,
  orderSize: 25,
  batchSize: 200,
};

/** Kills, and then something worse. */
export interface Round {
  kills: Step[];
  /** `null` in the last round. */
  worse: Step | null;
}

/**
 * The same seed gives the same faults in the same order; when exactly they strike depends on the machine. The kills are spread
 * evenly between the other faults.
 */
export function planOf(seed: number, size: Size): { rounds: Round[]; random: Random } {
  const random = seededRandom(seed);
  const others = FAULTS.flatMap((fault) => Array.from({ length: size.times[fault] ?? 0 }, () => fault));
  for (let i = others.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [others[i], others[j]];
    if (a !== undefined && b !== undefined) [others[i], others[j]] = [b, a];
  }
  const stepOf = (fault: FaultName): Step => {
    const forMs = size.forMs[fault] ?? 0;
    return { fault, forMs, withKill: forMs > 0 && random() < 0.5, pauseMs: Math.floor(random() * 1_500) };
  };
  const upTo = (round: number): number => Math.round((size.kills * round) / (others.length + 1));
  const rounds = [...others, null].map((fault, i) => ({
    kills: Array.from({ length: upTo(i + 1) - upTo(i) }, () => stepOf('kill -9 of a worker')),
    worse: fault === null ? null : stepOf(fault),
  }));
  return { rounds, random };
}
