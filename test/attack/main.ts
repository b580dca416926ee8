// npm run attack: a real `up` process under attack on loopback. Prints what was tried and what came of it; exits 1 on any finding.
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { asError } from '../../src/domain/errors.ts';
import * as attacks from './campaigns.ts';
import { openTarget, type Target } from './target.ts';

const HELP = `npm run attack [-- --minutes N | --seconds N] [--seed N] [--only NAME]

  --minutes   how long new rounds begin (default: 3); at least one round is made
  --seconds   the same, shorter
  --seed      which attacks in which order (default: the time)
  --only      one kind of attack, by the name in the table
`;

const CAMPAIGNS: readonly (readonly [string, attacks.Campaign])[] = [
  ['openapi-queries', attacks.openApiQueries],
  ['openapi-bodies', attacks.openApiBodies],
  ['mutated-bodies', attacks.mutatedBodies],
  ['nasty-text', attacks.nastyText],
  ['pattern-filters', attacks.patternFilters],
  ['raw-requests', attacks.rawRequests],
  ['wrong-roles', attacks.wrongRoles],
  ['odd-files', attacks.oddFiles],
  ['oversize-lists', attacks.oversizeLists],
  ['slow-readers', attacks.slowReaders],
];
const MOST_SHOWN = 8;

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const print = (line: string): void => void process.stdout.write(`${line}\n`);

if (flags.help) process.stdout.write(HELP);
else process.exitCode = await main();
process.exit();

async function main(): Promise<number> {
  const seed = flags.seed === undefined ? Date.now() % 1_000_000 : Number(flags.seed);
  const seconds = flags.seconds === undefined ? Number(flags.minutes) * 60 : Number(flags.seconds);
  const chosen = CAMPAIGNS.filter(([name]) => flags.only === undefined || name === flags.only);
  if (!Number.isInteger(seed) || !(seconds > 0) || chosen.length === 0) {
    process.stderr.write(HELP);
    return 2;
  }
  process.stderr.write(`again with: npm run attack -- --seconds ${seconds} --seed ${seed}\n`);
  const target = await openTarget(seed);
  try {
    const tallies = await attackFor(target, chosen, { seed, seconds });
    report(tallies, seed);
    return [...tallies.values()].every((t) => t.findings.size === 0) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`the run broke off (seed ${seed}): ${asError(error).stack ?? ''}\n${target.up.stderr.slice(-2_000)}\n`);
    return 1;
  } finally {
    await target.close();
  }
}

/** Rounds of all campaigns in turn. The state of Telnyx and of the inventory is compared after each of them. */
async function attackFor(
  target: Target,
  chosen: typeof CAMPAIGNS,
  { seed, seconds }: { seed: number; seconds: number },
): Promise<Map<string, attacks.Tally>> {
  const tallies = new Map<string, attacks.Tally>();
  for (const [name] of chosen) tallies.set(name, { tried: 0, serverErrors: 0, sideEffects: 0, hangs: 0, findings: new Set() });
  const until = Date.now() + seconds * 1_000;
  let before = await target.state();
  for (let nth = 0; nth === 0 || Date.now() < until; nth += 1) {
    for (const [index, [name, campaign]] of chosen.entries()) {
      const tally = tallies.get(name);
      if (tally === undefined || (nth > 0 && Date.now() >= until)) continue;
      before = await once({ target, tally, before, campaign, nth, seed: seed * 1_009 + nth * 31 + index });
      if (!target.up.running) throw new Error(`the process is gone after ${name}`);
    }
  }
  return tallies;
}

interface Once {
  target: Target;
  tally: attacks.Tally;
  before: string;
  campaign: attacks.Campaign;
  nth: number;
  seed: number;
}

/** One campaign of one round; returns the state after it. */
async function once({ target, tally, before, campaign, nth, seed }: Once): Promise<string> {
  const note: attacks.Note = (count, finding) => {
    tally[count] += 1;
    tally.findings.add(finding);
  };
  const tried = (n = 1): void => {
    tally.tried += n;
  };
  let draws = 0;
  const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number): T[] => {
    draws += 1;
    return fc.sample(arbitrary, { numRuns: count, seed: seed * 97 + draws });
  };
  await campaign({ target, note, tried, sample, nth });
  if (!(await target.quiet())) note('hangs', 'something of it is still under way after 45 seconds');
  const after = await target.state();
  if (after !== before) note('sideEffects', `it changed the account or the inventory: ${before} → ${after}`);
  return after;
}

function report(tallies: Map<string, attacks.Tally>, seed: number): void {
  const row = (cells: (string | number)[]): string =>
    cells.map((cell, i) => (i === 0 ? String(cell).padEnd(18) : String(cell).padStart(13))).join('');
  print(row(['attack', 'tried', '5xx', 'side effects', 'hangs']));
  for (const [name, t] of tallies) print(row([name, t.tried, t.serverErrors, t.sideEffects, t.hangs]));
  const sum = (pick: (t: attacks.Tally) => number): number => [...tallies.values()].reduce((total, t) => total + pick(t), 0);
  print(row(['all', sum((t) => t.tried), sum((t) => t.serverErrors), sum((t) => t.sideEffects), sum((t) => t.hangs)]));
  for (const [name, { findings }] of tallies) {
    for (const finding of [...findings].slice(0, MOST_SHOWN)) print(`${name}: ${finding}`);
    if (findings.size > MOST_SHOWN) print(`${name}: and ${findings.size - MOST_SHOWN} more`);
  }
  print(`seed ${seed}`);
}
