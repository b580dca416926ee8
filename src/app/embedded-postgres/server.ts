import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Binaries, findBinaries, type RunAs, serverAccount, unusable } from './binaries.ts';

export interface ServerOptions {
  /** The data folder of Postgres itself. */
  pgData: string;
  password: string;
  /** True: an acknowledged commit survives a power cut. False is for data that is thrown away. */
  durable: boolean;
  port: number;
}

export interface RunningServer {
  port: number;
  pid: number;
  /** Resolves when the server has ended, for whatever reason. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

const START_MS = 60_000;
const STOP_MS = 10_000;
const USER = 'provisioner';
const CARELESS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_wal_size=4GB'];
const ALWAYS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=200',
  'timezone=UTC',
  'log_timezone=UTC',
];

export function urlOf(port: number, password: string, database = 'postgres'): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
}

/** Creates the cluster when there is none, and runs the server until `stop`. */
export async function runServer(options: ServerOptions): Promise<RunningServer> {
  const account = serverAccount();
  const binaries = findBinaries(account);
  if (!existsSync(join(options.pgData, 'PG_VERSION'))) initialise(binaries, account, options);
  const settings = options.durable ? ALWAYS : [...ALWAYS, ...CARELESS];
  const child = spawn(
    binaries.postgres,
    ['-D', options.pgData, '-p', String(options.port), ...settings.flatMap((setting) => ['-c', setting])],
    { ...account, cwd: options.pgData, env: { ...process.env, LC_ALL: 'C' }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  await untilReady(child, ended);
  return { port: options.port, pid: child.pid ?? 0, ended, stop: () => stopServer(child, ended) };
}

function initialise(binaries: Binaries, account: RunAs, { pgData, password, durable }: ServerOptions): void {
  // A killed initdb left files that would make this one fail.
  rmSync(pgData, { recursive: true, force: true });
  mkdirSync(pgData, { recursive: true, mode: 0o700 });
  const passwordFile = join(tmpdir(), `provisioner-${randomBytes(8).toString('hex')}`);
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
  if (account.uid !== undefined && account.gid !== undefined) {
    chownSync(pgData, account.uid, account.gid);
    chownSync(passwordFile, account.uid, account.gid);
  }
  const flags = [
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--auth=scram-sha-256',
  ];
  try {
    const result = spawnSync(
      binaries.initdb,
      [`--pgdata=${pgData}`, `--username=${USER}`, `--pwfile=${passwordFile}`, ...flags, ...(durable ? [] : ['--no-sync'])],
      { ...account, cwd: pgData, encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } },
    );
    if (result.status !== 0)
      throw unusable(`the embedded Postgres could not be set up in ${pgData}: ${result.error?.message ?? result.stderr}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

function untilReady(child: ChildProcess, ended: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const failed = (why: string) => reject(unusable(`the embedded Postgres did not start: ${why}\n${text.slice(-2_000)}`));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      failed(`not ready after ${START_MS / 1_000} s`);
    }, START_MS);
    child.stderr?.on('data', (chunk: Buffer) => {
      // The output is read after the start too, because a full pipe would stop the server.
      if (text.length < 20_000) text += chunk.toString();
      if (!chunk.toString().includes('ready to accept connections')) return;
      clearTimeout(timer);
      resolve();
    });
    void ended.then(() => {
      clearTimeout(timer);
      failed('it ended at once');
    });
  });
}

async function stopServer(child: ChildProcess, ended: Promise<void>): Promise<void> {
  // SIGINT makes Postgres end its sessions and shut down cleanly. SIGQUIT is the emergency stop; the next start recovers from it.
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGQUIT'), STOP_MS);
  await ended;
  clearTimeout(timer);
}
