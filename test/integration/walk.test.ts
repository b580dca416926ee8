import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fileDatabase } from '../support/postgres.ts';
import { runHistory } from '../walk/history.ts';
import { failureText } from '../walk/report.ts';
import { openWorld, type World } from '../walk/world.ts';

const HISTORIES = 12;
const STEPS = 60;

// The same walk every time, so that a red run is the change's doing; new ground is walked by `npm run walk -- --seed N`.
const FIRST_SEED = 1;

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
});
