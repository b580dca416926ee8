import { setTimeout as sleep } from 'node:timers/promises';
import { asError } from '../../src/domain/errors.ts';
import { until } from '../support/until.ts';
import { type FaultName, isKill, KILLS, othersOf, planOf, type Size, type Step } from './plan.ts';
import { isBack, type Recovery } from './recovery.ts';
import { type Scene, strike } from './strike.ts';

/** A step that was taken. */
export interface Struck {
  fault: FaultName | typeof IN_ANOTHER;
  forMs: number;
  /** `null` for a kill in the middle of another fault: the recovery is that of the other. */
  recovery: Recovery | null;
}

export const IN_ANOTHER = 'kill -9 in the middle of another fault';

/** After an outage the next fault waits until work goes on, or this long. */
const RECOVERS_WITHIN_MS = 90_000;
/** The estimated time of a fault beside its own length and a part of the quiet after it. It is used to spread the kills. */
const BESIDE_MS = 8_000;
/** The average pause between two kills: short enough that much happens, and long enough that a worker is there to be killed. */
const PAUSE_MS = { least: 500, most: 10_000 };
/** Pauses are planned a little short, because a kill takes its time too. */
const HASTE = 0.75;

/** Runs every round. A kill does not wait until the last worker is replaced: it only needs one that works. */
export async function allRounds(
  scene: Omit<Scene, 'random'>,
  seed: number,
  say: (text: string) => void,
): Promise<{ struck: Struck[]; problems: string[] }> {
  const { rounds, random } = planOf(seed, scene.size);
  const { size, crew, load } = scene;
  const [begun, struck, problems] = [Date.now(), [] as Struck[], [] as string[]];
  const deadline = begun + size.minutes * 60_000;
  const take = async (step: Step): Promise<void> => {
    const kill = isKill(step.fault);
    const text = `${step.fault}${step.withKill ? ', and a kill -9' : ''}`;
    say(`${((Date.now() - begun) / 1_000).toFixed(0)} s  ${text}${kill ? ` (${crew.kills() + 1} of ${size.kills})` : ''}`);
    try {
      const { fault, recovery, killedToo } = await strike({ ...scene, random }, step);
      struck.push({ fault, forMs: step.forMs, recovery });
      if (killedToo) struck.push({ fault: IN_ANOTHER, forMs: 0, recovery: null });
      if (kill) return;
      await until('work goes on after it', () => recovery.firstAt !== null, { withinMs: RECOVERS_WITHIN_MS });
      await until('all is normal', () => isBack(recovery), { withinMs: size.quietMs }).catch(() => undefined);
    } catch (error) {
      problems.push(`${step.fault}: ${asError(error).message}`);
    }
  };
  const nextKill = async (step: Step, lasts: number): Promise<void> => {
    const mean = (HASTE * (deadline - Date.now() - lasts)) / Math.max(1, size.kills - crew.kills());
    await sleep(2 * random() * Math.min(PAUSE_MS.most, Math.max(PAUSE_MS.least, mean)));
    if (Date.now() < deadline) await take(step);
  };
  for (const [i, round] of rounds.entries()) {
    const lasts = lengthOf(
      rounds.slice(i).map((later) => later.worse),
      size,
    );
    load.release();
    for (const kill of round.kills) await nextKill(kill, lasts);
    if (round.worse === null) break;
    load.release();
    await sleep(random() * 1_500);
    await take(round.worse);
  }
  // Makes up for kills that found no worker.
  while (crew.kills() < size.kills && Date.now() < deadline) await nextKill({ fault: KILLS[0], forMs: 0, withKill: false }, 0);
  return { struck, problems };
}

/** Minutes that a run takes at least: what its faults last, and a pause for each kill. */
export function leastMinutes(size: Size): number {
  const worse = othersOf(size).map((fault): Step => ({ fault, forMs: size.forMs[fault] ?? 0, withKill: false }));
  return (lengthOf(worse, size) + size.kills * PAUSE_MS.least * 2) / 60_000;
}

/** How long these faults, which are not kills, will take. */
function lengthOf(faults: readonly (Step | null)[], { quietMs }: Size): number {
  return faults.reduce((sum, step) => sum + (step === null ? 0 : step.forMs + BESIDE_MS + quietMs / 4), 0);
}
