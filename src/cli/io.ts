import type { Readable, Writable } from 'node:stream';
import { type Paint, painter } from './output.ts';

/** Reports Ctrl-C and SIGTERM while the command waits. */
export interface Interrupt {
  signal: AbortSignal;
  /** Restores Node's handling of the signals. */
  done(): void;
}

/** Everything that the command line reads and writes, as a value, so that tests can pass their own. */
export interface Io {
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  env: Readonly<Record<string, string | undefined>>;
  /** True when a person can be asked. Questions go to stderr, and answers come from stdin. */
  canAsk: boolean;
  /** True when stderr is a terminal. Then progress is drawn as bars. */
  live: boolean;
  paintOut: Paint;
  paintErr: Paint;
  interrupt(): Interrupt;
}

/** Returns the streams of this process. */
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
    paintOut: painter(colours && stdout.isTTY === true, widthOfTerminal(stdout)),
    paintErr: painter(colours && stderr.isTTY === true, widthOfTerminal(stderr)),
    interrupt: interruptOfProcess,
  };
}

/** A terminal of unknown width has the width that terminals begin with. */
const USUAL_COLUMNS = 80;

function widthOfTerminal(stream: { isTTY?: boolean; columns?: number }): number | null {
  return stream.isTTY === true ? stream.columns || USUAL_COLUMNS : null;
}

/** The first signal ends the wait in good order. The second one ends the process, as Node does by default. */
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
