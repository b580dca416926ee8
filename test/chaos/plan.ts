import { type Random, seededRandom } from '../../src/simulator/random.ts';

export const KILLS = ['kill -9 of a worker', 'kill -9 while its order call is in flight'] as const;
export const OTHERS = [
  'SIGTERM of a worker',
  'worker frozen for longer than its lock',
  'Redis FLUSHALL',
  'Redis away, then back empty',
  'Redis away, then back with its data',
  'Postgres away',
  'simulator away, connections refused',
  'simulator away, connections reset',
] as const;
export type KillName = (typeof KILLS)[number];
export type OtherName = (typeof OTHERS)[number];
export type FaultName = KillName | OtherName;

export const isKill = (fault: FaultName): fault is KillName => KILLS.some((kill) => kill === fault);

/** One thing that goes wrong, and how long it stays wrong. */
export interface Step {
  fault: FaultName;
  /** 0 for what is over at once. */
  forMs: number;
  /** A worker is killed too, in the middle of it. */
  withKill: boolean;
}

export interface Size {
  workers: number;
  buy: number;
  /** Buys at most: the account has only so much money. */
  buys: number;
  update: number;
  /** Numbers of one release; there are two in every round. They are no targets of the updates. */
  delete: number;
  onSale: number;
  /** Workers killed, all in all. A run that killed fewer has failed. */
  kills: number;
  /** How many of these are killed while their order call is in flight. */
  killsInFlight: number;
  times: Partial<Record<OtherName, number>>;
  forMs: Partial<Record<OtherName, number>>;
  /** The kills are spread over this time, and none begins later. */
  minutes: number;
  /** After a fault that is not a kill, the next one waits until work is normal, but not longer than this. */
  quietMs: number;
  settleSeconds: number;
  orderSize: number;
  batchSize: number;
}

export const FULL: Size = {
  workers: 4,
  buy: 2_000,
  buys: 18,
  update: 20_000,
  delete: 200,
  onSale: 140_000,
  kills: 200,
  killsInFlight: 12,
  times: {
    'SIGTERM of a worker': 6,
    'worker frozen for longer than its lock': 2,
    'Redis FLUSHALL': 4,
    'Redis away, then back empty': 1,
    'Redis away, then back with its data': 1,
    'Postgres away': 2,
    'simulator away, connections refused': 1,
    'simulator away, connections reset': 1,
  },
  forMs: {
    'worker frozen for longer than its lock': 20_000,
    'Redis away, then back empty': 60_000,
    'Redis away, then back with its data': 60_000,
    'Postgres away': 20_000,
    'simulator away, connections refused': 60_000,
    'simulator away, connections reset': 60_000,
  },
  minutes: 28,
  quietMs: 40_000,
  settleSeconds: 10,
  orderSize: 100,
  batchSize: 1_000,
};

/** The same in about two minutes: every fault once, shorter, with a tenth of the numbers. */
export const SMALL: Size = {
  workers: 2,
  buy: 300,
  buys: 3,
  update: 2_000,
  delete: 20,
  onSale: 12_000,
  kills: 8,
  killsInFlight: 1,
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
    'simulator away, connections refused': 4_000,
    'simulator away, connections reset': 4_000,
  },
  minutes: 3,
  quietMs: 0,
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

/** The faults of a run that are no kills, each as often as it is to strike. */
export function othersOf(size: Size): OtherName[] {
  return OTHERS.flatMap((fault) => Array.from({ length: size.times[fault] ?? 0 }, () => fault));
}

/** Releases of a whole run: one before the kills of a round, one before what is worse. */
export function deletesOf(size: Size): number {
  return 1 + 2 * othersOf(size).length;
}

/**
 * The same seed gives the same faults in the same order; when exactly they strike depends on the machine. The kills are spread
 * evenly between the other faults.
 */
export function planOf(seed: number, size: Size): { rounds: Round[]; random: Random } {
  const random = seededRandom(seed);
  const others = othersOf(size);
  shuffle(others, random);
  let kills = size.kills;
  const worse = others.map((fault): Step => {
    const forMs = size.forMs[fault] ?? 0;
    const withKill = forMs > 0 && kills > size.killsInFlight && random() < 0.5;
    if (withKill) kills -= 1;
    return { fault, forMs, withKill };
  });
  // A kill in flight comes first, because its order is looked up a whole lease later.
  const inFlightUpTo = (n: number): number => Math.ceil((Math.min(size.killsInFlight, kills) * n) / Math.max(1, kills));
  const steps = Array.from({ length: kills }, (_, i): Step => {
    const [ordinary, inFlight] = KILLS;
    return { fault: inFlightUpTo(i + 1) > inFlightUpTo(i) ? inFlight : ordinary, forMs: 0, withKill: false };
  });
  const upTo = (round: number): number => Math.round((kills * round) / (worse.length + 1));
  const rounds = [...worse, null].map((next, i) => ({ kills: steps.slice(upTo(i), upTo(i + 1)), worse: next }));
  return { rounds, random };
}

function shuffle<T>(list: T[], random: Random): void {
  for (let i = list.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [list[i], list[j]];
    if (a !== undefined && b !== undefined) [list[i], list[j]] = [b, a];
  }
}
