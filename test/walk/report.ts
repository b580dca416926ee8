import { CHUNK_MOVES } from '../../src/domain/chunk.ts';
import type { Failure } from './history.ts';

const LAST_STEPS = 30;
const MOST_ROWS = 8_000;

export interface Total {
  histories: number;
  steps: number;
  rounds: number;
  failures: number;
  startedAt: number;
  tally: ReadonlyMap<string, number>;
}

/** What a failed history says: where, what, the rows, and how to see it again. */
export function failureText(f: Failure, all = false): string {
  const rows = (typeof f.rows === 'string' ? f.rows : JSON.stringify(f.rows, null, 1)) ?? '';
  return [
    '',
    `seed ${f.seed}, step ${f.step}: ${f.invariant} does not hold: ${f.text}`,
    rows.slice(0, MOST_ROWS),
    `the last steps (replay: npm run walk -- --seed ${f.seed} --steps ${f.length}):`,
    ...(all ? f.steps : f.steps.slice(-LAST_STEPS)),
    '',
  ].join('\n');
}

/** The moves of the table that no history made. */
export function movesMissed(tally: ReadonlyMap<string, number>): string[] {
  return CHUNK_MOVES.map((m) => `${m.from} ${m.cause}`).filter((name) => !tally.has(`move:${name}`));
}

export function tableText(total: Total): string {
  const seconds = (performance.now() - total.startedAt) / 1_000;
  const { tally } = total;
  const moves = CHUNK_MOVES.map(
    (m) => `  ${m.from} --${m.cause}--> ${m.to}`.padEnd(52) + String(tally.get(`move:${m.from} ${m.cause}`) ?? 0).padStart(7),
  );
  const others = [...tally].filter(([what]) => !what.startsWith('move:')).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...others.map(([what, n]) => `  ${what}`.padEnd(52) + String(n).padStart(7)),
    '',
    'moves of a chunk:',
    ...moves,
    '',
    `${total.histories} histories, ${total.steps} steps and ${total.rounds} rounds of the quiet end in ${seconds.toFixed(1)} s; ${total.failures} failed`,
  ].join('\n');
}
