import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/app/embedded-postgres/start.ts';
import { failureText, tableText } from './report.ts';
import type { Task, Walked } from './worker.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    histories: { type: 'string' },
    steps: { type: 'string', default: '60' },
    workers: { type: 'string', default: String(availableParallelism()) },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
});

const PROGRESS_EVERY = 100;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const total = { histories: 0, steps: 0, rounds: 0, failures: 0, startedAt: performance.now(), tally: new Map<string, number>() };

/** Adds a history to the totals and prints its failure. False when the walk must end here. */
function note(walked: Walked, isReplay: boolean): boolean {
  const { result } = walked;
  total.histories += 1;
  total.steps += result.steps;
  total.rounds += result.rounds;
  for (const [what, n] of walked.tally) total.tally.set(what, (total.tally.get(what) ?? 0) + n);
  if (total.histories % PROGRESS_EVERY === 0) process.stderr.write(`${total.histories} histories, ${total.failures} failed\n`);
  if (result.failure === null) {
    if (values.trace) say(`seed ${walked.seed}: ${result.steps} steps, ${result.rounds} rounds to the end`);
    if (values.trace && isReplay) say(result.told.join('\n'));
    return true;
  }
  total.failures += 1;
  say(failureText(result.failure, values.trace));
  return values['keep-going'];
}

/** Starts the share of one process. Each has its own database and every n-th seed, so that a seed walks the same way alone. */
function walkShare(task: Task, isReplay: boolean, stopAll: () => void): { child: ChildProcess; ended: Promise<boolean> } {
  const child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), [JSON.stringify(task)], {
    execArgv: process.execArgv,
  });
  child.on('message', (walked: Walked) => {
    if (!note(walked, isReplay)) stopAll();
  });
  const ended = new Promise<boolean>((resolve) => {
    child.once('exit', (code) => resolve(code === 0));
  });
  return { child, ended };
}

async function main(): Promise<number> {
  const first = Number(values.seed);
  // One seed given alone is a replay.
  const histories = Number(values.histories ?? (process.argv.includes('--seed') ? '1' : '100'));
  const workers = Math.min(histories, Number(values.workers));
  const given = process.env['TEST_DATABASE_URL'] ?? '';
  const server = given === '' ? await startEmbeddedPostgres({ temporary: true }) : null;
  const children: ChildProcess[] = [];
  // On a signal or after a failure, each worker ends its history, and the totals so far are printed.
  const stopAll = (): void => {
    for (const child of children) if (child.connected) child.send('stop');
  };
  process.once('SIGINT', stopAll);
  try {
    const shares = Array.from({ length: workers }, (_, i) => {
      const seeds = { first: first + i, stride: workers, end: first + histories };
      const share = walkShare({ server: server?.url ?? given, seeds, steps: Number(values.steps) }, histories === 1, stopAll);
      children.push(share.child);
      return share.ended;
    });
    const allEnded = (await Promise.all(shares)).every((ok) => ok);
    say(tableText(total));
    if (!allEnded) say('a worker of the walk ended early');
    return allEnded && total.failures === 0 ? 0 : 1;
  } finally {
    for (const child of children) child.kill();
    await server?.stop();
  }
}

process.exitCode = await main();
