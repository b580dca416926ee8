import { parseArgs } from 'node:util';
import { asError } from '../domain/errors.ts';
import { visibleLines } from '../domain/text.ts';
import { createBoard } from './demo/board.ts';
import { proofOf } from './demo/evidence.ts';
import type { ProofRow } from './demo/proof.ts';
import { openStage, type Stage } from './demo/stage.ts';
import { PLOT, type StepReport, tell } from './demo/story.ts';
import { failureOf } from './exit-codes.ts';
import { EXIT } from './exit-table.ts';
import { type Io, processIo } from './io.ts';
import { count, painted, plural, seconds, table, writeLine } from './output.ts';

const HELP = `npm run demo [-- --serve] [-- --redis]

Runs the whole product against a simulated Telnyx on this machine: no account, no Docker, no Redis.

  --serve   keep the dashboard up when the story is over; Ctrl-C ends it
  --redis   run on Redis: REDIS_URL, else a redis-server or valkey-server on the PATH
`;

process.exit(await main(processIo(), process.argv.slice(2)));

/** Plays the story and returns the exit code. It is 0 only when request, database and ledger agree on every number. */
async function main(io: Io, argv: string[]): Promise<number> {
  const flags = flagsOf(argv);
  if (flags === null || flags.help === true) {
    io.stderr.write(HELP);
    return flags === null ? EXIT.usage : EXIT.ok;
  }
  const interrupt = io.interrupt();
  let stage: Stage | null = null;
  const begun = Date.now();
  try {
    io.stderr.write(`${io.paintErr('bold', PLOT)}\n`);
    stage = await openStage({
      redis: flags.redis ?? false,
      env: io.env,
      say: (text) => io.stderr.write(`${io.paintErr('dim', text)}\n`),
    });
    const ok = await play(io, stage, interrupt.signal, begun);
    if (flags.serve === true) await serve(io, stage, interrupt.signal);
    return ok ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT.interrupted;
    const failure = failureOf(error);
    io.stderr.write(
      `${io.paintErr('red', 'error')} ${visibleLines(failure.message)}\n${io.env['LOG_LEVEL'] === 'debug' ? `${asError(error).stack ?? ''}\n` : ''}`,
    );
    return failure.exit;
  } finally {
    await stage?.stop();
    interrupt.done();
  }
}

async function play(io: Io, stage: Stage, signal: AbortSignal, begun: number): Promise<boolean> {
  if (stage.url !== null) io.stderr.write(`${io.paintErr('dim', `${stage.backend}; dashboard while it runs:`)} ${stage.url}\n`);
  const board = createBoard(io);
  const told = await tell(stage, board, signal).finally(() => board.done());
  const rows = await proofOf(stage, told);
  const problems = rows.flatMap((row) => row.problems.map((problem) => `${row.operation.trim()}: ${problem}`));
  const paint = io.paintOut;
  const verdict =
    problems.length === 0
      ? paint('green', `Asked = database = ledger, number by number. ${seconds(Date.now() - begun)} in all.`)
      : [paint('red', 'They do NOT agree:'), ...problems.map((problem) => `  ${problem}`)].join('\n');
  const sold = stage.simulator.ledger().sold_to_others.length;
  const notes = `${plural(sold, 'number was', 'numbers were')} sold to others between search and order, and replaced.`;
  await writeLine(io.stdout, `\n${proofTable(io, rows)}\n\n${stepTable(io, told.steps)}\n\n${notes}\n${verdict}`);
  return problems.length === 0;
}

function proofTable(io: Io, rows: readonly ProofRow[]): string {
  const { paintOut: paint } = io;
  const right = (title: string) => ({ title, align: 'right' as const });
  return table(
    [
      '',
      'operation',
      right('asked'),
      right('database'),
      right('Telnyx ledger'),
      right('cost in our books'),
      right('charged by Telnyx'),
    ],
    rows.map((r) => [
      r.problems.length === 0 ? painted('green', '✔') : painted('red', '✘'),
      r.operation,
      count(r.asked),
      count(r.database),
      count(r.ledger),
      r.cost,
      r.charged,
    ]),
    paint,
  );
}

function stepTable(io: Io, steps: readonly StepReport[]): string {
  const right = (title: string) => ({ title, align: 'right' as const });
  return table(
    ['step', right('numbers'), right('wall time'), right('calls to Telnyx'), right('per 1,000 numbers')],
    steps.map((s) => [
      s.title,
      count(s.numbers),
      seconds(s.ms),
      count(s.calls),
      ((s.calls / Math.max(1, s.numbers)) * 1_000).toFixed(1),
    ]),
    io.paintOut,
  );
}

async function serve(io: Io, stage: Stage, signal: AbortSignal): Promise<void> {
  io.stderr.write(
    `\ndashboard: ${io.paintErr('cyan', stage.url ?? '(none)')}   simulator: ${stage.simulator.controlUrl}/_sim/ledger   Ctrl-C ends it\n`,
  );
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function flagsOf(argv: string[]): { serve?: boolean; redis?: boolean; help?: boolean } | null {
  try {
    return parseArgs({
      args: argv,
      options: { serve: { type: 'boolean' }, redis: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch {
    return null;
  }
}
