import type { Timings } from '../../src/domain/timings.ts';
import { SIMULATED_ACCOUNT, type SimulatorOptions } from '../../src/simulator/index.ts';
import { seedWorld } from '../../src/simulator/seed.ts';
import { openStage, type Stage, type StageOptions } from '../support/stage.ts';
import {
  batches,
  DELETE_JOB,
  LIST,
  MESSAGING,
  type Measured,
  measure,
  ORDER,
  OWNERSHIP,
  pages,
  READ_JOB,
  READ_MESSAGING,
  READ_ORDER,
  type Scenario,
  SEARCH,
  UPDATE_JOB,
} from './scenario.ts';

export interface Scale extends Pick<StageOptions, 'databaseUrl' | 'redisUrl' | 'orderSize'> {
  /** How many numbers each scenario works on. */
  numbers: number;
  /** How many numbers the account owns before. */
  owned: number;
}

const SEED = 1;
const ON_SALE = 40_000;
const [CONNECTION, OTHER_CONNECTION] = SIMULATED_ACCOUNT.connectionIds;
const [PROFILE] = SIMULATED_ACCOUNT.messagingProfileIds;
/** The area code with the largest stock, and ten with a small one. */
const LARGE = '312';
const SMALL = ['512', '415', '213', '305', '214', '713', '917', '310', '702', '602'];

/**
 * Everything is done before the first poll and visible at once, so that the calls are counted and not the waiting. The
 * simulator's clock runs fast, because some of its waits (messaging) cannot be set.
 */
const BEGUN = Date.now();
const AT_ONCE: SimulatorOptions = {
  now: () => BEGUN + (Date.now() - BEGUN) * 50,
  orderMs: 0,
  jobPendingMs: 0,
  jobPerNumberMs: 0,
  visibilityLagMs: { ownership: 0, orders: 0, inventory: 0, deletions: 0 },
};
const SOON: Partial<Timings> = { pollMinMs: 100, checkMinMs: 100, backoffMs: 100 };

/** Orders take 5 s, jobs 10 s, ownership shows a purchase 2 s late; the waits are those of production. */
const SLOW: SimulatorOptions = {
  orderMs: 5_000,
  jobPendingMs: 10_000,
  jobPerNumberMs: 0,
  visibilityLagMs: { ownership: 2_000, orders: 1_000, inventory: 2_000, deletions: 0 },
};

export async function instantTelnyx(scale: Scale): Promise<Measured[]> {
  process.stderr.write(`order size ${scale.orderSize}:\n`);
  return measured(scale, AT_ONCE, SOON, async (stage) => {
    const buys = buying(stage, scale, ` (${scale.orderSize} an order)`);
    // The following scenarios do not depend on the order size.
    return scale.orderSize === 1_000 ? [...learning(stage, scale), ...changing(stage, scale), ...buys] : buys;
  });
}

export async function slowTelnyx(scale: Scale): Promise<Measured[]> {
  process.stderr.write('slow Telnyx:\n');
  return measured(scale, SLOW, {}, async (stage) => {
    const [buy] = buying(stage, scale, '; orders take 5 s, shown 2 s late');
    return [...(buy === undefined ? [] : [buy]), plainUpdate(stage, spread(stage, scale.numbers), '; jobs take 10 s')];
  });
}

async function measured(
  scale: Scale,
  simulator: SimulatorOptions,
  timings: Partial<Timings>,
  scenarios: (stage: Stage) => Promise<Scenario[]>,
): Promise<Measured[]> {
  const stage = await openStage({
    ...scale,
    simulator: { ...simulator, seed: SEED, numbers: ON_SALE, owned: scale.owned, balance: '10000000.00' },
    timings,
  });
  try {
    const results: Measured[] = [];
    for (const scenario of await scenarios(stage)) results.push(await measure(stage, scenario));
    return results;
  } finally {
    await stage.stop();
  }
}

function learning(stage: Stage, { owned }: Scale): Scenario[] {
  const floor = { [LIST]: pages(owned) };
  return [
    { title: 'reconcile: everything unknown', numbers: owned, floor, run: () => stage.reconcile() },
    { title: 'reconcile: nothing new', numbers: owned, floor, run: () => stage.reconcile() },
  ];
}

function buying(stage: Stage, { numbers: n, orderSize }: Scale, note: string): Scenario[] {
  const ordered = { [ORDER]: batches(n, orderSize), [READ_ORDER]: batches(n, orderSize), [OWNERSHIP]: batches(n) };
  const buy = (lines: [string, number][], assign: object = {}) =>
    stage.run({
      kind: 'buy',
      lines: lines.map(([ndc, quantity]) => ({ national_destination_code: ndc, quantity })),
      assign: { connection_id: CONNECTION, ...assign },
    });
  const tenth = n / 10;
  return [
    {
      title: `buy: 1 area code${note}`,
      numbers: n,
      floor: { [SEARCH]: batches(n), ...ordered },
      run: () => buy([[LARGE, n]]),
    },
    {
      title: `buy: 10 area codes${note}`,
      numbers: n,
      floor: { [SEARCH]: 10, ...ordered },
      run: () => buy(SMALL.map((ndc) => [ndc, tenth])),
    },
    {
      title: `buy: 1 area code, tagged${note}`,
      numbers: n,
      floor: { [SEARCH]: batches(n), ...ordered, [UPDATE_JOB]: batches(n), [READ_JOB]: batches(n) },
      run: () => buy([['773', n]], { tags: ['launch'] }),
    },
    {
      title: `buy: a list over 10 area codes${note}`,
      numbers: n,
      floor: { [SEARCH]: 10, ...ordered },
      run: () => stage.run({ kind: 'buy', lines: [], phone_numbers: SMALL.flatMap((ndc) => onSale(ndc, tenth)) }),
    },
    {
      title: `buy: a list in 1 large area code${note}`,
      numbers: n,
      floor: { [SEARCH]: batches(n), ...ordered },
      run: () => stage.run({ kind: 'buy', lines: [], phone_numbers: onSale(LARGE, n) }),
    },
  ];
}

function changing(stage: Stage, { numbers: n, owned }: Scale): Scenario[] {
  const some = spread(stage, n);
  const area = neighbours(stage, n);
  const all = stage.simulator.ownedNumbers();
  const tagged = (title: string, numbers: string[], tag: string, tagSets: number): Scenario => ({
    title,
    numbers: numbers.length,
    floor: {
      [OWNERSHIP]: batches(numbers.length),
      [LIST]: pages(numbers.length),
      // A job sets the same tags for all of its numbers.
      [UPDATE_JOB]: Math.max(tagSets, batches(numbers.length)),
      [READ_JOB]: Math.max(tagSets, batches(numbers.length)),
    },
    run: () => stage.run({ kind: 'update', phone_numbers: numbers, set: { add_tags: [tag] } }),
  });
  return [
    plainUpdate(stage, some, ''),
    {
      title: 'update: messaging profile',
      numbers: n,
      floor: { [OWNERSHIP]: batches(n), [MESSAGING]: batches(n), [READ_MESSAGING]: batches(n) },
      run: () => stage.run({ kind: 'update', phone_numbers: some, set: { messaging_profile_id: PROFILE } }),
    },
    tagged(`update: add_tags, spread over an account of ${owned}`, some, 'one', 4),
    tagged(`update: add_tags, neighbours in an account of ${owned}`, area, 'two', 8),
    tagged(`update: add_tags, the whole account of ${owned}`, all, 'three', 16),
    tagged(`update: add_tags, every other number of ${owned}`, spread(stage, owned / 2), 'four', 16),
    release(stage, `delete: spread over an account of ${owned}`, some),
    release(
      stage,
      `delete: neighbours in an account of ${owned}`,
      area.filter((number) => !some.includes(number)),
    ),
  ];
}

function release(stage: Stage, title: string, numbers: string[]): Scenario {
  const n = numbers.length;
  return {
    title,
    numbers: n,
    // The guards (lock, protection, emergency) stand in the full object, which only the list shows; ownership proves the end.
    floor: { [OWNERSHIP]: 2 * batches(n), [LIST]: pages(n), [DELETE_JOB]: batches(n), [READ_JOB]: batches(n) },
    run: () => stage.run({ kind: 'delete', phone_numbers: numbers, expected_count: n }),
  };
}

function plainUpdate(stage: Stage, numbers: string[], note: string): Scenario {
  const n = numbers.length;
  return {
    title: `update: one field${note}`,
    numbers: n,
    floor: { [OWNERSHIP]: batches(n), [UPDATE_JOB]: batches(n), [READ_JOB]: batches(n) },
    run: () => stage.run({ kind: 'update', phone_numbers: numbers, set: { connection_id: OTHER_CONNECTION } }),
  };
}

/** Numbers spread evenly over the account. */
function spread(stage: Stage, n: number): string[] {
  const owned = stage.simulator.ownedNumbers().sort();
  const step = Math.floor(owned.length / n);
  return owned.filter((_number, i) => i % step === 0).slice(0, n);
}

/** Numbers in a row, as the numbers of one region lie. */
function neighbours(stage: Stage, n: number): string[] {
  const owned = stage.simulator.ownedNumbers().sort();
  return owned.slice(owned.length - n);
}

/** Numbers on sale in an area code: the last of the stock, which the searches of the other scenarios do not reach. */
function onSale(ndc: string, n: number): string[] {
  stock ??= seedWorld(SEED, ON_SALE, 0, 0).pool.map((p) => p.e164);
  return stock.filter((number) => number.startsWith(`+1${ndc}`)).slice(-n);
}
let stock: string[] | undefined;
