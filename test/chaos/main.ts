// npm run chaos: real processes, really killed. Prints a table; exits 1 when ledger, database and what was asked differ, or when
// fewer faults were done than asked.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { surviveLostWrites } from '../../src/db/lost-write.ts';
import { asError } from '../../src/domain/errors.ts';
import { type Crew, openCrew } from './crew.ts';
import { keepEvidence } from './evidence.ts';
import { type Installation, openInstallation } from './installation.ts';
import { type Load, startLoad } from './load.ts';
import { FULL, type Size, SMALL } from './plan.ts';
import { followRecoveries } from './recovery.ts';
import { movesOf, reportText, SENT_AGAIN } from './report.ts';
import { allRounds, leastMinutes } from './rounds.ts';
import { LOST_REPLIES } from './strike.ts';
import { untilAllEnded, wrongs } from './verdict.ts';

const HELP = `npm run chaos [-- --small] [--seed N] [--minutes N] [--kills N] [--report FILE] [--evidence]

  --small     a tenth of the numbers and shorter outages, in about two minutes
  --seed      which faults in which order (default: the time)
  --minutes   the faults are spread over this time; kills that do not fit in make the run fail (default: ${FULL.minutes}; small: ${SMALL.minutes})
  --kills     how many workers are killed (default: ${FULL.kills}; small: ${SMALL.kills})
  --report    writes the table to this file too
  --evidence  keeps the rows of the run in a file, as a run that went wrong always does
`;

const { values: flags } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    seed: { type: 'string' },
    minutes: { type: 'string' },
    kills: { type: 'string' },
    report: { type: 'string' },
    evidence: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

surviveLostWrites();
if (flags.help) process.stdout.write(HELP);
else process.exitCode = await main();
process.exit();

async function main(): Promise<number> {
  const base = flags.small ? SMALL : FULL;
  const size: Size = {
    ...base,
    ...(flags.minutes !== undefined && { minutes: Number(flags.minutes) }),
    ...(flags.kills !== undefined && { kills: Number(flags.kills) }),
  };
  const seed = flags.seed === undefined ? Date.now() % 1_000_000 : Number(flags.seed);
  if (![size.minutes, size.kills, seed].every((n) => Number.isFinite(n) && n >= 0)) {
    say('--seed, --minutes and --kills are numbers');
    return 2;
  }
  if (size.minutes < leastMinutes(size)) {
    say(`so many faults need ${leastMinutes(size).toFixed(1)} minutes at least`);
    return 2;
  }
  say(`again with: ${commandOf(seed)}`);
  const at = await openInstallation(size, seed);
  const crew = await openCrew(size.workers, at.env, { telnyx: at.simulator.port, redis: at.redis.port }, at.redis.url);
  const load = startLoad(at, size);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void leave(at, crew, load).then(() => process.exit(130)));
  try {
    await load.prepare();
    return await wreak(at, crew, load, size, seed);
  } catch (error) {
    say(`the run broke off (seed ${seed}): ${asError(error).stack ?? String(error)}`);
    return 1;
  } finally {
    await leave(at, crew, load);
  }
}

function commandOf(seed: number): string {
  const given = (['minutes', 'kills'] as const).flatMap((name) =>
    flags[name] === undefined ? [] : [`--${name} ${flags[name]}`],
  );
  return ['npm run chaos --', ...(flags.small ? ['--small'] : []), `--seed ${seed}`, ...given].join(' ');
}

async function wreak(at: Installation, crew: Crew, load: Load, size: Size, seed: number): Promise<number> {
  const begun = Date.now();
  const recoveries = followRecoveries(at.sql);
  const scene = { at, crew, load, recoveries, size };
  await at.simulator.faults([...LOST_REPLIES]);
  const { struck, problems } = await allRounds(scene, seed, say);
  const lastFault = Date.now();
  await at.simulator.faults([], true);
  const filed = await load.stop();
  problems.push(...(await untilAllEnded(scene)));
  const drainSeconds = (Date.now() - lastFault) / 1_000;
  await recoveries.stop();
  problems.push(...(await wrongs(scene, load, filed, struck)));
  const moves = await movesOf(at.sql);
  const refused = struck.some((s) => s.fault === 'simulator away, connections refused');
  if (refused && !moves.some(([cause]) => cause === SENT_AGAIN)) problems.push('no call was ever refused at the connection');
  const totals = {
    command: commandOf(seed),
    seed,
    minutes: (Date.now() - begun) / 60_000,
    workers: size.workers,
    kills: crew.kills(),
    killsAsked: size.kills,
    restarts: crew.restarts(),
    filed,
    summary: await at.simulator.summary(),
    drainSeconds,
  };
  const text = reportText(totals, struck, moves, problems);
  process.stdout.write(text);
  if (flags.report !== undefined) writeFileSync(flags.report, text);
  if (flags.evidence || problems.length > 0) say(`what is known of it: ${await keepEvidence(at, seed, struck)}`);
  return problems.length === 0 ? 0 : 1;
}

async function leave(at: Installation, crew: Crew, load: Load): Promise<void> {
  await crew.stop();
  await load.close().catch(() => undefined);
  await at.close();
}
