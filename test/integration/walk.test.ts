import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fileDatabase } from '../support/postgres.ts';
import { type HistoryResult, runHistory } from '../walk/history.ts';
import { failureText } from '../walk/report.ts';
import { withoutIds } from '../walk/trace.ts';
import { openWorld, type World } from '../walk/world.ts';

const HISTORIES = 12;
const STEPS = 60;

// The same walk every time, so that a red run is the change's doing; new ground is walked by `npm run walk -- --seed N`.
const FIRST_SEED = 1;

const FEWEST_REPLAYS = 3;
/** Acts in which two workers run at once: the seed must also say how they meet. */
const TOGETHER = ['act:same job twice at once', 'act:two jobs at once'];

const database = await fileDatabase({ beforeEach, afterAll });

describe('random walk over the real database and processors', () => {
  let world: World;

  beforeAll(async () => {
    world = await openWorld(database.url);
    return () => world.close();
  });

  it(`holds every invariant after every step of ${HISTORIES} histories from seed ${FIRST_SEED}`, {
    timeout: 300_000,
  }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed += 1) {
      const { failure } = await runHistory(world, seed, STEPS);
      expect(failure === null ? '' : failureText(failure)).toBe('');
    }
  });

  it('a seed walks the same way twice', { timeout: 300_000 }, async () => {
    const walk = async (seed: number) => {
      const { told, tally, rounds }: HistoryResult = await runHistory(world, seed, STEPS);
      return { seed, rounds, told: withoutIds(told), tally: Object.fromEntries(tally) };
    };
    const first: Awaited<ReturnType<typeof walk>>[] = [];
    const isEnough = (): boolean =>
      first.length >= FEWEST_REPLAYS && TOGETHER.every((act) => first.some(({ tally }) => act in tally));
    for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES && !isEnough(); seed += 1) first.push(await walk(seed));
    expect(isEnough(), `the seeds from ${FIRST_SEED} no longer reach ${TOGETHER.join(' and ')}`).toBe(true);
    // In the other order, so that what the histories before have left in the database is not the same.
    for (const before of first.toReversed()) expect(await walk(before.seed)).toEqual(before);
  });
});
