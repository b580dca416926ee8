import { readFile } from 'node:fs/promises';
import { asError, invalid } from '../../domain/errors.ts';
import type { FaultScript } from '../../simulator/faults.ts';
import type { SimulatorOptions } from '../../simulator/index.ts';
import { type Cli, note, result } from '../cli.ts';
import { wholeNumber } from '../flag-values.ts';
import { plural } from '../output.ts';

/** The flags of `simulate`. */
export interface SimulateFlags {
  port: string;
  numbers: string;
  owned: string;
  seed: string;
  faults?: string;
}

/** Runs the simulator until a signal ends it. */
export async function simulate(cli: Cli, flags: SimulateFlags): Promise<void> {
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
