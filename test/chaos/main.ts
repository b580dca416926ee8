// npm run chaos: real processes, really killed. Prints a table; exits 1 when ledger, database and what was asked differ.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { surviveLostWrites } from '../../src/db/lost-write.ts';
import { asError } from '../../src/domain/errors.ts';
import { disagreements } from '../support/agreement.ts';
import { type Crew, type Installation, openInstallation, startCrew } from './installation.ts';
import { type Load, startLoad } from './load.ts';
import { FULL, planOf, type Size, SMALL, type Step } from './plan.ts';
import { movesOf, recoveries, reportText, type Struck } from './report.ts';
import { LOST_REPLIES, strike } from './strike.ts';

const HELP = `npm run chaos [-- --small] [--seed N] [--minutes N] [--kills N] [--report FILE]

  --small     a tenth of the numbers and shorter outages, in about a minute and a half
  --seed      which faults in which order (default: the time)
  --minutes   kills that do not fit into this time are left out (default: 15; small: 2)
  --kills     how many workers are killed (default: 200; small: 6)
  --report    writes the table to this file too
`;

/** After an outage the next fault waits until work goes on, or this long. */
const RECOVERS_WITHIN_MS = 90_000;
/** All requests end within this time after the last fault: longer than a lease, a settling window and a few retries. */
const ENDS_WITHIN_MS = 300_000;

const { values: flags } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    seed: { type: 'string' },
    minutes: { type: 'string' },
    kills: { type: 'string' },
    report: { type: 'string' },
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
  say(`seed ${seed}; again with: npm run chaos -- ${flags.small ? '--small ' : ''}--seed ${seed}`);
  const at = await openInstallation(size, seed);
  const crew = startCrew(size.workers, at.env);
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

async function wreak(at: Installation, crew: Crew, load: Load, size: Size, seed: number): Promise<number> {
  const [begun, problems] = [Date.now(), [] as string[]];
  await at.simulator.faults([...LOST_REPLIES]);
  const struck = await allRounds(at, crew, size, seed, problems);
  const lastFault = Date.now();
  const filed = await load.stop();
  await at.simulator.faults([], true);
  problems.push(...(await untilAllEnded(at)));
  const drainSeconds = (Date.now() - lastFault) / 1_000;
  problems.push(...(await load.reconcile(120_000)).map((found) => `the reconciliation found: ${found}`));
  const truth = { ledger: await at.simulator.ledger(), owned: await at.simulator.owned() };
  problems.push(...(await disagreements(at.sql, truth, { wholeInventory: true })));
  problems.push(...crew.crashes().map((crash) => `a worker ${crash}`));
  const asked = filed.buys * size.buy;
  if (truth.ledger.bought.length !== asked)
    problems.push(`${asked} numbers were asked for, ${truth.ledger.bought.length} bought`);
  if (truth.ledger.released.length > 0) problems.push(`${truth.ledger.released.length} numbers were released, none was to be`);
  const summary = await at.simulator.summary();
  const totals = {
    seed,
    small: flags.small,
    minutes: (Date.now() - begun) / 60_000,
    workers: size.workers,
    restarts: crew.restarts(),
  };
  const recovered = await recoveries(at.sql, struck);
  const text = reportText({ ...totals, filed, summary, drainSeconds }, struck, recovered, await movesOf(at.sql), problems);
  process.stdout.write(text);
  if (flags.report !== undefined) writeFileSync(flags.report, text);
  return problems.length === 0 ? 0 : 1;
}

/** Takes every round; kills for which there is no time are left out, so that every other fault has its turn. */
async function allRounds(at: Installation, crew: Crew, size: Size, seed: number, problems: string[]): Promise<Struck[]> {
  const { rounds, random } = planOf(seed, size);
  const [begun, struck] = [Date.now(), [] as Struck[]];
  const take = async (step: Step): Promise<void> => {
    await sleep(step.pauseMs);
    say(`${((Date.now() - begun) / 1_000).toFixed(0)} s  ${step.fault}${step.withKill ? ', and a kill -9' : ''}`);
    try {
      const endedAt = await strike(at, crew, step, random);
      struck.push({ step, endedAt });
      if (step.fault !== 'kill -9 of a worker') await untilProgress(at, endedAt);
    } catch (error) {
      problems.push(`${step.fault}: ${asError(error).message}`);
    }
  };
  let leftOut = 0;
  for (const [i, round] of rounds.entries()) {
    for (const kill of round.kills) {
      if (Date.now() - begun > (size.minutes * 60_000 * (i + 1)) / rounds.length) leftOut += 1;
      else await take(kill);
    }
    if (round.worse !== null) await take(round.worse);
  }
  if (leftOut > 0) say(`${leftOut} kills of ${size.kills} were left out: there was no time for them`);
  return struck;
}

async function untilProgress(at: Installation, since: Date): Promise<void> {
  const end = Date.now() + RECOVERS_WITHIN_MS;
  while (Date.now() < end) {
    const [recovered] = await recoveries(at.sql, [{ endedAt: since }]).catch(() => [null]);
    if (recovered != null) return;
    await sleep(250);
  }
  throw new Error(`no work went on within ${RECOVERS_WITHIN_MS / 1_000} s after it`);
}

async function untilAllEnded(at: Installation): Promise<string[]> {
  const end = Date.now() + ENDS_WITHIN_MS;
  while (Date.now() < end) {
    const open = await at.sql`select 1 from requests where finished_at is null limit 1`.catch(() => null);
    if (open !== null && open.length === 0) return [];
    await sleep(500);
  }
  return [`not all requests ended within ${ENDS_WITHIN_MS / 1_000} s after the last fault`];
}

async function leave(at: Installation, crew: Crew, load: Load): Promise<void> {
  await crew.stop();
  await load.close().catch(() => undefined);
  await at.close();
}
