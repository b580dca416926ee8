import type { Readable, Writable } from 'node:stream';
import { type Paint, painter } from './output.ts';

/** Ctrl-C and SIGTERM while something is waited for. */
export interface Interrupt {
  signal: AbortSignal;
  /** Gives the signals back to Node's defaults. */
  done(): void;
}

/** Everything the command line reads and writes, as a value: tests pass their own. */
export interface Io {
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  env: Readonly<Record<string, string | undefined>>;
  /** True when a person can be asked: questions go to stderr, answers come from stdin. */
  canAsk: boolean;
  /** True when stderr is a terminal: progress bars. */
  live: boolean;
  paintOut: Paint;
  paintErr: Paint;
  interrupt(): Interrupt;
}

/** The streams of this process. */
export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  const colours = env['NO_COLOR'] === undefined && env['TERM'] !== 'dumb';
  return {
    stdin,
    stdout,
    stderr,
    env,
    canAsk: stdin.isTTY === true && stderr.isTTY === true,
    live: stderr.isTTY === true && env['TERM'] !== 'dumb',
    paintOut: painter(colours && stdout.isTTY === true),
    paintErr: painter(colours && stderr.isTTY === true),
    interrupt: interruptOfProcess,
  };
}

/** The first signal ends the wait in good order; with the second, Node's default ends the process. */
function interruptOfProcess(): Interrupt {
  const controller = new AbortController();
  const done = () => {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  };
  const stop = () => {
    done();
    controller.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return { signal: controller.signal, done };
}
