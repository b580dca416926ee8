import { createRequire } from 'node:module';
import type { DestinationStream, Logger } from 'pino';
import { createRepetitions, type Repetitions } from './repeated.ts';
import { createScrubber, type Scrub, scrubValue } from './scrub.ts';

/**
 * The field names that a log line may have, so that one search finds everything about a thing. The compiler refuses another name;
 * at run time such a line is still written.
 */
export interface LogFields {
  requestId?: string;
  lineId?: string;
  chunkId?: string;
  itemId?: string;
  runId?: string;
  planId?: string;
  eventId?: string;
  queue?: string;
  job?: string;
  jobId?: string;
  jobs?: number;
  attempt?: number;
  orderId?: string;
  telnyxJobId?: string;
  reference?: string;
  phoneNumber?: string;
  family?: string;
  operation?: string;
  status?: string | number;
  from?: string;
  to?: string;
  outcome?: string;
  reason?: string;
  delayMs?: number;
  durationMs?: number;
  count?: number;
  counts?: object;
  kind?: string;
  asked?: number;
  actor?: string;
  cost?: object;
  code?: string;
  part?: string;
  service?: string;
  phase?: string;
  /** The store or connection that a line is about. Repetitions of such a line are counted instead of written. */
  backend?: string;
  role?: string;
  host?: string;
  port?: number;
  url?: string;
  method?: string;
  route?: string;
  remote?: string;
  path?: string;
  pid?: number;
  signal?: string;
  seed?: number;
  details?: object;
  err?: unknown;
}

/** What the product writes to. A pino logger fits, and so does a fake in a test. */
export interface Log {
  debug(fields: LogFields, text: string): void;
  info(fields: LogFields, text: string): void;
  warn(fields: LogFields, text: string): void;
  error(fields: LogFields, text: string): void;
  /** A log whose lines all carry `fields`; a line that gives one of them again says what it says. */
  child(fields: LogFields): Log;
}

/** The log of the process. Fastify uses `pino`; `flush` is for the last moment before exit. */
export interface RootLog extends Log {
  pino: Logger;
  flush(): void;
}

export interface LogOptions {
  level: string;
  format: 'json' | 'pretty';
  /** Secret values that must never be written, in whatever text they stand. */
  secrets?: readonly string[];
  /** Where lines go. The default is stderr, because stdout is for results. */
  destination?: DestinationStream;
}

const STDERR = 2;

const REDACTED_PATHS = ['req.headers.authorization', 'req.headers.cookie', 'headers.authorization', '*.headers.authorization'];

/**
 * Sets up the log of the process. pino is loaded by the first line that is written: most commands write none. It is required and
 * not imported, because a line is written at once.
 */
export function createLog(options: LogOptions): RootLog {
  let made: Logger | undefined;
  const logger = (): Logger => {
    made ??= pinoLogger(options);
    return made;
  };
  const least = rankOf(options.level);
  const isOn = (level: Level) => rankOf(level) >= least;
  return {
    ...wrap(isOn, logger, createRepetitions()),
    get pino() {
      return logger();
    },
    flush: () => made?.flush(),
  };
}

/** pino's levels, from the least important one. Nothing is logged at the last one. */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const rankOf = (level: string): number => LEVELS.indexOf(level);

const load = createRequire(import.meta.url);
/** Guarantee: both packages are CommonJS, and `require` returns what their types say. */
const loadPino = () => (load('pino') as typeof import('pino')).pino;
const loadPretty = () => (load('pino-pretty') as typeof import('pino-pretty')).PinoPretty;

function pinoLogger(options: LogOptions): Logger {
  const pino = loadPino();
  const scrub = createScrubber(options.secrets ?? []);
  const target = options.destination ?? standardError(options.format);
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'msg',
      redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => safeFields(fields, scrub),
      },
      // `safeFields` makes an error plain before pino reads it.
      serializers: { err: (value: unknown) => value },
      hooks: {
        logMethod(args, method) {
          // Texts are scrubbed here, because pino's own redaction never reads them.
          for (const [index, arg] of args.entries()) if (typeof arg === 'string') args[index] = scrub(arg);
          method.apply(this, args);
        },
      },
    },
    target,
  );
}

/** A log that says nothing, for tests and for code that is given none. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

type Level = 'debug' | 'info' | 'warn' | 'error';

/**
 * `bound` goes into every line. Pino's own children are not used: a name that is bound and given again would stand in the line twice,
 * and their fields do not pass through the formatters. Here what the line says wins.
 */
function wrap(isOn: (level: Level) => boolean, logger: () => Logger, repetitions: Repetitions, bound: LogFields = {}): Log {
  const say =
    (level: Level) =>
    (given: LogFields, text: string): void => {
      if (!isOn(level)) return;
      const fields = { ...bound, ...given };
      repetitions.pass({ level, text, err: fields.err, ofConnection: fields.backend !== undefined }, (count) => {
        if (count === null) logger()[level](fields, text);
        else logger()[level]({ ...fields, count }, `${text} (again: count tells how often within a minute)`);
      });
    };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: (fields) => wrap(isOn, logger, repetitions, { ...bound, ...fields }),
  };
}

// A direct stream. Pino's transport runs in a worker thread, and the last lines before an exit would be lost.
function standardError(format: 'json' | 'pretty'): DestinationStream {
  if (format === 'json') return loadPino().destination({ dest: STDERR, sync: true });
  return loadPretty()({
    destination: STDERR,
    sync: true,
    ignore: 'pid,hostname',
    singleLine: true,
    colorize: process.stderr.isTTY,
  });
}

function safeFields(fields: Record<string, unknown>, scrub: Scrub): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) result[name] = scrubValue(value, scrub);
  return result;
}
