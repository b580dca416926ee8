import { createInterface } from 'node:readline/promises';
import { refused } from '../domain/errors.ts';
import { visibleLines } from '../domain/text.ts';
import type { Io } from './io.ts';

/** Refuses before anything is opened when nobody can be asked. Errors: `not_confirmed`. */
export function requireConsent(io: Io, yes: boolean | undefined, stdinIsTaken = false): void {
  if (yes === true || (io.canAsk && !stdinIsTaken)) return;
  const why = stdinIsTaken ? 'stdin holds the numbers' : 'this is not a terminal';
  throw refused('not_confirmed', `nothing was changed: ${why}, so nobody can be asked; add --yes to go ahead`);
}

/** Shows what will happen and asks. Every answer but yes refuses. Call `requireConsent` first. Errors: `not_confirmed`. */
export async function confirm(io: Io, yes: boolean | undefined, summary: () => Promise<string>): Promise<void> {
  if (yes === true) return;
  io.stderr.write(`${visibleLines(await summary())}\n`);
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  const ctrl = new AbortController();
  // Ctrl-C and Ctrl-D mean no.
  lines.on('SIGINT', () => ctrl.abort()).on('close', () => ctrl.abort());
  const answer = await lines.question(`${io.paintErr('bold', 'Go ahead?')} [y/N] `, { signal: ctrl.signal }).catch(() => '');
  lines.close();
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw refused('not_confirmed', 'nothing was changed: you did not confirm');
}
