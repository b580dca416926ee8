/** The part of a log line that decides whether it is a repetition. */
export interface Line {
  level: string;
  text: string;
  err: unknown;
  /** The line reports an error of a store or a connection. */
  ofConnection: boolean;
}

/** Writes the first of equal errors of a connection, then once a minute how often it came again. */
export interface Repetitions {
  /**
   * Writes the line at once, or counts it. When a minute ends with counted lines, `write` of the last one is called with the
   * count.
   */
  pass(line: Line, write: (count: number | null) => void): void;
}

const WINDOW_MS = 60_000;
/** With more different errors than this at once, every line is written, because nothing repeats. */
const MOST_KINDS = 500;

/**
 * When a store is away, everything that uses it logs an error several times a second: hundreds of lines that hide all others. So
 * the same error of a connection is written once a minute with its count, whichever component reports it. Errors of the work
 * itself are always written.
 */
export function createRepetitions(): Repetitions {
  const held = new Map<string, { count: number; write: (count: number | null) => void }>();
  const endWindow = (key: string): void => {
    const entry = held.get(key);
    if (entry === undefined || entry.count === 0) {
      held.delete(key);
      return;
    }
    entry.write(entry.count);
    entry.count = 0;
    later(() => endWindow(key));
  };
  return {
    pass: ({ level, text, err, ofConnection }, write) => {
      const what = connectionTrouble(err, ofConnection);
      if (what === null) {
        write(null);
        return;
      }
      const key = `${level} ${text} ${what}`;
      const entry = held.get(key);
      if (entry !== undefined) {
        entry.count += 1;
        entry.write = write;
        return;
      }
      write(null);
      if (held.size >= MOST_KINDS) return;
      held.set(key, { count: 0, write });
      later(() => endWindow(key));
    },
  };
}

function later(act: () => void): void {
  // A pending count must not keep the process alive.
  setTimeout(act, WINDOW_MS).unref();
}

/** Codes of sockets, of postgres.js, and of ours for a store that does not answer. */
const CODES = new Set([
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'ECONNABORTED',
    'ETIMEDOUT',
    'EPIPE',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ENOTFOUND',
    'EAI_AGAIN',
  ],
  ...['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT'],
  ...['limiter_unavailable', 'queue_unavailable', 'database_unavailable'],
]);
/** SQLSTATE: connection exceptions, out of resources, operator intervention, and a server that only reads. */
const SQLSTATES = /^(?:08|53|57P)\w+$|^25006$/;
/** ioredis has no codes for these. */
const NAMES = new Set(['ReplyError', 'MaxRetriesPerRequestError', 'ConnectionClosedError', 'ClusterAllFailedError']);
const TEXTS =
  /^(?:Connection is closed|Command timed out|Stream isn't writeable|Socket timeout|no answer within|Connection terminated)/;
const DEEPEST = 4;

/** The part of a connection error that repeats: its text without numbers and ids. `null` for every other error. */
function connectionTrouble(err: unknown, surely: boolean, depth = 0): string | null {
  if (!(err instanceof Error) || depth > DEEPEST) return null;
  const code = 'code' in err && typeof err.code === 'string' ? err.code : '';
  const known = surely || CODES.has(code) || SQLSTATES.test(code) || NAMES.has(err.name) || TEXTS.test(err.message);
  if (known) return `${err.name} ${code} ${err.message.replace(/\S*\d\S*/g, '#')}`;
  // Our own errors are not of a store: when one wraps a lost connection to Telnyx, it concerns a single call.
  if ('disposition' in err) return null;
  const inner: unknown[] = err instanceof AggregateError ? err.errors : [];
  for (const one of [...inner, err.cause]) {
    const trouble = connectionTrouble(one, false, depth + 1);
    if (trouble !== null) return trouble;
  }
  return null;
}
