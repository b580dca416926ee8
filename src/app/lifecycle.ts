import { withinDeadline } from '../domain/deadline.ts';
import { asError } from '../domain/errors.ts';
import type { Log } from '../observability/log.ts';

/** Something that runs as long as the process: started in order, stopped in reverse. */
export interface Service {
  name: string;
  start?(): Promise<void>;
  stop(): Promise<void>;
  /** After this many milliseconds the stop goes on to the next service, and the process will not exit with 0. */
  stopWithinMs: number;
}

export interface StopReport {
  /** True when every service stopped without an error and in time. */
  clean: boolean;
  problems: Error[];
}

export interface Lifecycle {
  /** Starts all in order. When one fails, those that were started are stopped, and its error is thrown. */
  start(): Promise<void>;
  /** Stops all in reverse order, also after a failure. Safe to call twice: the second call waits for the first. */
  stop(reason: string): Promise<StopReport>;
  readonly stopping: boolean;
}

/**
 * All stops together may take this long, whatever Redis, Postgres or Telnyx answer. A process manager kills the process after 90
 * s.
 */
const ALL_STOPS_MS = 80_000;
/** The time that a service gets when those before it used up the total. */
const AT_LEAST_MS = 1_000;

export function createLifecycle(services: readonly Service[], log: Log, allStopsMs = ALL_STOPS_MS): Lifecycle {
  const started: Service[] = [];
  let stopped: Promise<StopReport> | undefined;
  const stop = (reason: string | null): Promise<StopReport> => {
    stopped ??= stopAll(started, reason, log, allStopsMs);
    return stopped;
  };
  return {
    start: async () => {
      for (const service of services) {
        // A signal may arrive while we start.
        if (stopped !== undefined) return;
        // Added before the start, because a service that fails half way must be stopped too.
        started.push(service);
        try {
          await service.start?.();
        } catch (thrown) {
          // The caller reports the error. Only that others were stopped is added here.
          log.debug({ service: service.name }, 'a service did not start');
          await stop(null);
          throw asError(thrown);
        }
      }
    },
    stop,
    get stopping() {
      return stopped !== undefined;
    },
  };
}

/** Stops what was started. `reason` is null when the start failed: then nothing was running, and only problems are logged. */
async function stopAll(started: Service[], reason: string | null, log: Log, allStopsMs: number): Promise<StopReport> {
  const until = Date.now() + allStopsMs;
  if (reason !== null) log.info({ reason }, 'stopping');
  const problems: Error[] = [];
  // Taken one by one, because a start that still runs may add its service meanwhile.
  for (let service = started.pop(); service !== undefined; service = started.pop()) {
    const problem = await stopOne(service, Math.min(service.stopWithinMs, Math.max(AT_LEAST_MS, until - Date.now())));
    if (problem === null) log.debug({ service: service.name }, 'stopped');
    else {
      log.error({ err: problem, service: service.name }, 'a service did not stop cleanly');
      problems.push(problem);
    }
  }
  if (reason !== null || problems.length > 0)
    log.info({ count: problems.length }, problems.length === 0 ? 'stopped' : 'stopped, not cleanly');
  return { clean: problems.length === 0, problems };
}

async function stopOne(service: Service, withinMs: number): Promise<Error | null> {
  // A stop that throws at once counts like one that rejects.
  const stopping = Promise.resolve().then(() => service.stop());
  const late = (): Error => new Error(`${service.name} did not stop within ${withinMs} ms`);
  return withinDeadline(stopping, withinMs, late).then(() => null, asError);
}

export interface ProcessLike {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  exit(code: number): void;
}

export interface RunOptions {
  lifecycle: Lifecycle;
  log: Log;
  /** Called last, before the exit: flushes the log. */
  beforeExit?: () => void;
  process?: ProcessLike;
}

const SIGNALS: NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];
/** The exit code that a shell reports for a process ended by SIGINT. */
const INTERRUPTED = 130;

/**
 * Runs the services until a signal asks to stop, and exits: 0 when every phase ended in time, 1 otherwise, at once on the
 * second signal. Resolves when all are started.
 */
export async function runUntilSignal({ lifecycle, log, beforeExit, process: host = process }: RunOptions): Promise<void> {
  let asked = false;
  const leave = (code: number): void => {
    beforeExit?.();
    host.exit(code);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked) {
      log.warn({ signal }, 'second signal: leaving at once');
      leave(INTERRUPTED);
      return;
    }
    asked = true;
    lifecycle.stop(signal).then(
      (report) => leave(report.clean ? 0 : 1),
      () => leave(1),
    );
  };
  for (const signal of SIGNALS) host.on(signal, onSignal);
  try {
    await lifecycle.start();
  } catch (error) {
    for (const signal of SIGNALS) host.off(signal, onSignal);
    throw error;
  }
}
