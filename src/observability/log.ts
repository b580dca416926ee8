import { type DestinationStream, type Logger, pino } from 'pino';
import { PinoPretty } from 'pino-pretty';
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

/** Sets up the log of the process. */
export function createLog(options: LogOptions): RootLog {
  const scrub = createScrubber(options.secrets ?? []);
  const target = options.destination ?? standardError(options.format);
  const logger = pino(
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
  return Object.assign(wrap(logger, createRepetitions()), { pino: logger, flush: () => logger.flush() });
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
function wrap(logger: Logger, repetitions: Repetitions, bound: LogFields = {}): Log {
  const say =
    (level: Level) =>
    (given: LogFields, text: string): void => {
      if (!logger.isLevelEnabled(level)) return;
      const fields = { ...bound, ...given };
      repetitions.pass({ level, text, err: fields.err, ofConnection: fields.backend !== undefined }, (count) => {
        if (count === null) logger[level](fields, text);
        else logger[level]({ ...fields, count }, `${text} (again: count tells how often within a minute)`);
      });
    };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: (fields) => wrap(logger, repetitions, { ...bound, ...fields }),
  };
}

// A direct stream. Pino's transport runs in a worker thread, and the last lines before an exit would be lost.
function standardError(format: 'json' | 'pretty'): DestinationStream {
  if (format === 'json') return pino.destination({ dest: STDERR, sync: true });
  return PinoPretty({
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
