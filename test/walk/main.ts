import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/app/embedded.ts';
import { runHistory } from './history.ts';
import { failureText, tableText } from './report.ts';
import { openWorld } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    histories: { type: 'string' },
    steps: { type: 'string', default: '60' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
  },
});

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const first = Number(values.seed);
  // One seed given alone is a replay.
  const histories = Number(values.histories ?? (process.argv.includes('--seed') ? '1' : '100'));
  const given = process.env['TEST_DATABASE_URL'] ?? '';
  const server = given === '' ? await startEmbeddedPostgres({ temporary: true }) : null;
  const world = await openWorld(server?.url ?? given);
  const total = {
    histories: 0,
    steps: 0,
    rounds: 0,
    failures: 0,
    startedAt: performance.now(),
    tally: new Map<string, number>(),
  };
  // Asked to stop, the walk ends its history and prints what it has.
  let stopped = false;
  process.once('SIGINT', () => {
    stopped = true;
  });
  try {
    for (let seed = first; seed < first + histories && !stopped; seed += 1) {
      const result = await runHistory(world, seed, Number(values.steps));
      total.histories += 1;
      total.steps += result.steps;
      total.rounds += result.rounds;
      for (const [what, n] of result.tally) total.tally.set(what, (total.tally.get(what) ?? 0) + n);
      if (values.trace && result.failure === null) say(`seed ${seed}: ${result.steps} steps, ${result.rounds} rounds to the end`);
      if (values.trace && histories === 1) say(result.told.join('\n'));
      if (result.failure === null) continue;
      total.failures += 1;
      say(failureText(result.failure, values.trace));
      if (!values['keep-going']) break;
    }
    say(tableText(total));
    return total.failures === 0 ? 0 : 1;
  } finally {
    await world.close();
    await server?.stop();
  }
}

process.exitCode = await main();
