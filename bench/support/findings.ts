import { appendFileSync } from 'node:fs';

/** One line of the table of `npm run bench`. */
export interface Finding {
  question: string;
  figure: string;
  goal: string;
  /** What the figure is measured against. */
  floor: string;
  /** The measured time in milliseconds, where `npm run bench:growth` plots it. */
  ms?: number;
}

/** Where `npm run bench` collects the findings of its children, one JSON text a line. */
export const FINDINGS_FILE = 'BENCH_FINDINGS_FILE';

/** Notes the one figure that answers the question of a benchmark. Without `npm run bench` around it, it does nothing. */
export function finding(found: Finding): void {
  const file = process.env[FINDINGS_FILE];
  if (file !== undefined && file !== '') appendFileSync(file, `${JSON.stringify(found)}\n`);
}
