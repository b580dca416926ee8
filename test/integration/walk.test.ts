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
  /** The histories of the first test, which the second walks again. */
  const walked: Walked[] = [];

  beforeAll(async () => {
    world = await openWorld(database.url);
    return () => world.close();
  });

  it(`holds every invariant after every step of ${HISTORIES} histories from seed ${FIRST_SEED}`, {
    timeout: 300_000,
  }, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed += 1) {
      const result = await runHistory(world, seed, STEPS);
      expect(result.failure === null ? '' : failureText(result.failure)).toBe('');
      walked.push(comparable(seed, result));
    }
  });

  it('a seed walks the same way twice', { timeout: 300_000 }, async () => {
    const again = fewestWith(walked, TOGETHER);
    expect(again, `the seeds from ${FIRST_SEED} no longer reach ${TOGETHER.join(' and ')}`).not.toEqual([]);
    // In the other order, so that what the histories before have left in the database is not the same.
    for (const before of again.toReversed())
      expect(comparable(before.seed, await runHistory(world, before.seed, STEPS))).toEqual(before);
  });
});

type Walked = ReturnType<typeof comparable>;

/** Returns what two walks of one seed must have in common. */
function comparable(seed: number, { told, tally, rounds }: HistoryResult) {
  return { seed, rounds, told: withoutIds(told), tally: Object.fromEntries(tally) };
}

/** Returns the first histories, at least `FEWEST_REPLAYS`, in which all of these acts occur, or none. */
function fewestWith(histories: readonly Walked[], acts: readonly string[]): Walked[] {
  for (let count = FEWEST_REPLAYS; count <= histories.length; count += 1) {
    const first = histories.slice(0, count);
    if (acts.every((act) => first.some(({ tally }) => act in tally))) return first;
  }
  return [];
}
