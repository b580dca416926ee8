import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { asError, invalid } from '../../domain/errors.ts';
import type { FaultScript } from '../../simulator/faults.ts';
import type { SimulatorOptions } from '../../simulator/index.ts';
import { type Cli, configOf, note, requireDatabase, result, withProducer } from '../cli.ts';
import { wholeNumber } from '../flags.ts';
import { plural } from '../output.ts';
import type { Role } from '../services.ts';

const ROLES: readonly (readonly [Role, string])[] = [
  ['worker', 'run the processors; SIGTERM ends them in good order'],
  ['serve', 'run the HTTP API, webhooks and the dashboard'],
  ['up', 'run both in one process'],
];

/** Registers `migrate`, `worker`, `serve`, `up` and `simulate`. */
export function registerRoles(program: Command, cli: Cli): void {
  program
    .command('migrate')
    .description('apply all database migrations; safe to run twice and in parallel')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => {
      await migrate(cli);
      await result(cli, flags.json, { migrated: true }, () => 'the database is up to date');
    });
  for (const [role, description] of ROLES) {
    program
      .command(role)
      .description(description)
      .action(async () => {
        const config = await configOf(cli);
        requireDatabase(config);
        cli.exit = await cli.services.runRole(role, config, await cli.services.createLog(config, {}));
      });
  }
  program
    .command('simulate')
    .description('run the Telnyx simulator on this machine')
    .option('--port <port>', 'where to listen; 0 for any free port', '4010')
    .option('--numbers <count>', 'numbers on sale', '20000')
    .option('--owned <count>', 'numbers that the account owns at the start', '5000')
    .option('--seed <number>', 'the same seed gives the same numbers', '1')
    .option('--faults <file>', 'JSON with faults to set')
    .action((flags: SimulateFlags) => simulate(cli, flags));
}

async function migrate(cli: Cli): Promise<void> {
  const config = await configOf(cli);
  requireDatabase(config);
  if (config.database.url !== null) return cli.services.migrate(config.database.url.reveal());
  // Opening the embedded Postgres also applies the migrations.
  await withProducer(cli, async () => undefined);
}

interface SimulateFlags {
  port: string;
  numbers: string;
  owned: string;
  seed: string;
  faults?: string;
}

async function simulate(cli: Cli, flags: SimulateFlags): Promise<void> {
  const script = flags.faults === undefined ? null : await readFaults(flags.faults);
  const options: SimulatorOptions = {
    port: zeroOr(flags.port, '--port', 65_535),
    numbers: zeroOr(flags.numbers, '--numbers', 2_000_000),
    owned: zeroOr(flags.owned, '--owned', 2_000_000),
    seed: zeroOr(flags.seed, '--seed', 2 ** 31),
  };
  const simulator = await cli.services.startSimulator(options).catch((error: unknown) => {
    throw portProblem(asError(error), flags.port);
  });
  const interrupt = cli.io.interrupt();
  try {
    if (script !== null) applyFaults(simulator.faults, script);
    await result(
      cli,
      false,
      null,
      () => `TELNYX_BASE_URL=${simulator.url}\nTELNYX_API_KEY=KEY_SIM\nTELNYX_PUBLIC_KEY=${simulator.publicKey}`,
    );
    note(
      cli,
      `the simulator sells ${plural(options.numbers ?? 0, 'number')} and owns ${plural(options.owned ?? 0, 'number')}; ledger: ${simulator.controlUrl}/_sim/ledger; Ctrl-C ends it`,
    );
    await aborted(interrupt.signal);
  } finally {
    interrupt.done();
    await simulator.stop();
  }
}

/** Turns a port that cannot be used into `validation_failed`. Any other error stays as it is. */
function portProblem(error: Error, port: string): Error {
  const code = 'code' in error ? error.code : undefined;
  const why = code === 'EADDRINUSE' ? 'is in use by another program' : code === 'EACCES' ? 'may not be used' : null;
  if (why === null) return error;
  return invalid([{ path: '--port', message: `port ${port} ${why}; choose another with --port` }]);
}

function zeroOr(text: string, option: string, most: number): number {
  return text === '0' ? 0 : wholeNumber(text, option, most);
}

async function readFaults(file: string): Promise<FaultScript> {
  try {
    const script: unknown = JSON.parse(await readFile(file, 'utf8'));
    // The simulator checks the content of the script itself.
    if (Array.isArray(script)) return { faults: script };
    if (typeof script === 'object' && script !== null) return script;
  } catch (error) {
    throw invalid([{ path: '--faults', message: `cannot read ${file}: ${asError(error).message}` }]);
  }
  throw invalid([{ path: '--faults', message: `${file} must hold a JSON object or a list of faults` }]);
}

function applyFaults(apply: (script: FaultScript) => void, script: FaultScript): void {
  try {
    apply(script);
  } catch (error) {
    throw invalid([{ path: '--faults', message: asError(error).message }]);
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
