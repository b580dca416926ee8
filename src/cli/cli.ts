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

/** One run of the command line: what commands use, and the exit code they leave. */
export interface Cli {
  io: Io;
  services: Services;
  exit: number;
  /** Takes secrets out of what is said; knows those of the configuration as soon as that has been read. */
  scrub: Scrub;
}

export function createCli(io: Io, services: Services): Cli {
  return { io, services, exit: EXIT.ok, scrub: createScrubber([]) };
}

/** Writes to stdout: the result, and nothing else ever. */
export async function say(cli: Cli, text: string): Promise<void> {
  await writeLine(cli.io.stdout, text);
}

/** Writes to stderr: everything that is not the result, with what others wrote made visible. */
export function note(cli: Cli, text: string): void {
  cli.io.stderr.write(`${visibleLines(cli.scrub(text))}\n`);
}

/** One JSON value as `--json` prints it: a terminal obeys none of its characters, a program reads the same value. */
export function jsonText(value: unknown): string {
  return visibleJson(JSON.stringify(value, null, 2));
}

/** The one JSON value of `--json`, or the text for people. */
export async function result(cli: Cli, json: boolean | undefined, value: unknown, text: () => string): Promise<void> {
  await say(cli, json === true ? jsonText(value) : text());
}

export async function configOf(cli: Cli): Promise<Config> {
  const config = await cli.services.loadConfig(cli.io.env);
  const { secretsOf } = await import('../config/config.ts');
  cli.scrub = createScrubber(secretsOf(config));
  return config;
}

/** Runs `use` with the database and the queue open. Needs no Telnyx key. */
export async function withProducer<T>(cli: Cli, use: (deps: ProducerDeps, config: Config) => Promise<T>): Promise<T> {
  const config = await configOf(cli);
  requireDatabase(config);
  const log = await quietLog(cli, config);
  const producer = await cli.services.openProducer(config, log);
  try {
    return await use(producer.deps, config);
  } finally {
    await producer.close();
    log.flush();
  }
}

/** Says what to do when no database is configured. */
export function requireDatabase(config: Config): void {
  if (config.database.url !== null || config.database.embedded) return;
  const message = 'is not set; set it to a postgres:// address, or set PROVISIONER_EMBEDDED=1 to use the embedded Postgres';
  throw new ProvisioningError('invalid_config', 'rejected', `DATABASE_URL ${message}`, {
    details: [{ path: 'DATABASE_URL', message }],
  });
}

/** Commands that end by themselves log warnings only, unless LOG_LEVEL asks for more. */
export async function quietLog(cli: Cli, config: Config): Promise<RootLog> {
  const { LOG_LEVEL, LOG_FORMAT } = cli.io.env;
  return cli.services.createLog(config, {
    ...(LOG_LEVEL === undefined && { level: 'warn' }),
    ...(LOG_FORMAT === undefined && cli.io.live && { format: 'pretty' }),
  });
}

/** Who decided, for the history: the login name. */
export function actor(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    // A container may run as a user that has no name.
    return 'cli';
  }
}
