import { userInfo } from 'node:os';
import type { Config } from '../config/config.ts';
import { ProvisioningError } from '../domain/errors.ts';
import { visibleJson, visibleLines } from '../domain/text.ts';
import { createScrubber, type Scrub } from '../observability/scrub.ts';
import type { ProducerDeps } from '../producers/deps.ts';
import { EXIT } from './exit-table.ts';
import type { Io } from './io.ts';
import { writeLine } from './output.ts';
import type { RootLog, Services } from './services.ts';

/** The context of one command: what it uses, and the exit code that it leaves. */
export interface Cli {
  io: Io;
  services: Services;
  exit: number;
  /** Removes secrets from texts. It knows the secrets of the configuration once that has been read. */
  scrub: Scrub;
  /** What was opened before the action runs, for the action to use. */
  kept: Opened | null;
}

/** The database and the queue, with the configuration that names them. */
export interface Opened {
  deps: ProducerDeps;
  config: Config;
  close(): Promise<void>;
}

/** Makes the context of one command. */
export function createCli(io: Io, services: Services): Cli {
  return { io, services, exit: EXIT.ok, scrub: createScrubber([]), kept: null };
}

/** Writes the result to stdout. Nothing else is written there. */
export async function say(cli: Cli, text: string): Promise<void> {
  await writeLine(cli.io.stdout, text);
}

/** Writes everything that is not the result to stderr, with control characters made visible. */
export function note(cli: Cli, text: string): void {
  cli.io.stderr.write(`${visibleLines(cli.scrub(text))}\n`);
}

/**
 * Returns a JSON value as `--json` prints it. Control characters are escaped, so that a terminal does not obey them and a program
 * reads the same value.
 */
export function jsonText(value: unknown): string {
  return visibleJson(JSON.stringify(value, null, 2));
}

/** Prints the result: one JSON value with `--json`, else the text for people. */
export async function result(cli: Cli, json: boolean | undefined, value: unknown, text: () => string): Promise<void> {
  await say(cli, json === true ? jsonText(value) : text());
}

/** Reads the configuration, once, and returns it. */
export async function configOf(cli: Cli): Promise<Config> {
  const config = await cli.services.loadConfig(cli.io.env);
  const { secretsOf } = await import('../config/config.ts');
  cli.scrub = createScrubber(secretsOf(config));
  return config;
}

/** Runs `use` with the database and the queue open. It needs no Telnyx key. */
export async function withProducer<T>(cli: Cli, use: (deps: ProducerDeps, config: Config) => Promise<T>): Promise<T> {
  const { deps, config, close } = await keepProducer(cli);
  // Whoever runs next opens its own.
  cli.kept = null;
  try {
    return await use(deps, config);
  } finally {
    await close();
  }
}

/** Opens the database and the queue once and keeps them open for the action, which closes them; else `runCli` does. */
export async function keepProducer(cli: Cli): Promise<Opened> {
  cli.kept ??= await openAll(cli);
  return cli.kept;
}

async function openAll(cli: Cli): Promise<Opened> {
  const config = await configOf(cli);
  requireDatabase(config);
  const log = await quietLog(cli, config);
  const producer = await cli.services.openProducer(config, log);
  const close = async () => {
    await producer.close();
    log.flush();
  };
  return { deps: producer.deps, config, close };
}

/** Refuses when no database is configured, and says what to set. Errors: `validation_failed`. */
export function requireDatabase(config: Config): void {
  if (config.database.url !== null || config.database.embedded) return;
  const message = 'is not set; set it to a postgres:// address, or set PROVISIONER_EMBEDDED=1 to use the embedded Postgres';
  throw new ProvisioningError('invalid_config', 'rejected', `DATABASE_URL ${message}`, {
    details: [{ path: 'DATABASE_URL', message }],
  });
}

/** Makes a log of warnings only, for commands that end by themselves. LOG_LEVEL can ask for more. */
export async function quietLog(cli: Cli, config: Config): Promise<RootLog> {
  const { LOG_LEVEL, LOG_FORMAT } = cli.io.env;
  return cli.services.createLog(config, {
    ...(LOG_LEVEL === undefined && { level: 'warn' }),
    ...(LOG_FORMAT === undefined && cli.io.live && { format: 'pretty' }),
  });
}

/** Returns the login name, which the history records as the person who decided. */
export function actor(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    // A container may run as a user without a name.
    return 'cli';
  }
}
