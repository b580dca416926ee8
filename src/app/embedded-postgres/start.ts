import { type ChildProcess, fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { answers } from '../../db/health.ts';
import { reachable, serverAccount, unusable } from './binaries.ts';
import { type Connection, readConnection, takeStartLock, writeConnection } from './files.ts';
import type { HostMessage, HostOrder } from './host.ts';
import { urlOf } from './server.ts';

export interface EmbeddedPostgres {
  url: string;
  /** False when another process of this machine runs the server; then `stop` leaves it running. */
  owned: boolean;
  stop(): Promise<void>;
}

export type EmbeddedOptions = { dataDir: string } | { temporary: true };

const STOP_MS = 15_000;
const JOIN_MS = 60_000;

/**
 * Starts a real Postgres from the npm package, without Docker or an installation. A small process of its own hosts it, because
 * the package changes the exit code of every process that imports it. With `dataDir` the data stays, commits are durable, and a
 * second process with the same folder joins the running server. `temporary` is fast and leaves nothing behind.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  return 'temporary' in options ? startTemporary() : startPersistent(resolve(options.dataDir));
}

async function startTemporary(): Promise<EmbeddedPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'provisioner-pg-'));
  // The server may run under another account, which must be able to enter.
  chmodSync(folder, 0o755);
  const password = randomBytes(18).toString('hex');
  const host = await forkHost({ pgData: join(folder, 'data'), password, durable: false, removeAfter: folder });
  return { url: urlOf(host.port, password), owned: true, stop: host.stop };
}

async function startPersistent(dataDir: string): Promise<EmbeddedPostgres> {
  mkdirSync(dataDir, { recursive: true });
  const until = Date.now() + JOIN_MS;
  while (Date.now() < until) {
    const running = await joinRunning(dataDir);
    if (running !== null) return running;
    const release = takeStartLock(dataDir);
    if (release !== null) {
      try {
        return (await joinRunning(dataDir)) ?? (await startOwned(dataDir));
      } finally {
        release();
      }
    }
    // Another process is starting the server in this very moment.
    await sleep(100);
  }
  throw unusable(
    `another process has been starting the embedded Postgres in ${dataDir} for a minute; remove ${dataDir}/start.lock if none is`,
  );
}

async function startOwned(dataDir: string): Promise<EmbeddedPostgres> {
  const before = readConnection(dataDir);
  const password = before?.password ?? randomBytes(18).toString('hex');
  const pgData = pgDataFor(dataDir);
  // The password is written first, because it must be known as soon as the cluster exists.
  writeConnection(dataDir, { password, url: null, hostPid: null, postgresPid: null, pgData });
  const host = await forkHost({ pgData, password, durable: true, removeAfter: null });
  const url = urlOf(host.port, password);
  writeConnection(dataDir, { password, url, hostPid: host.hostPid, postgresPid: host.postgresPid, pgData });
  return {
    url,
    owned: true,
    stop: async () => {
      await host.stop();
      writeConnection(dataDir, { password, url: null, hostPid: null, postgresPid: null, pgData });
    },
  };
}

/**
 * The server that another process runs on this folder, when it answers. A server whose host was killed is ended, to be started
 * again.
 */
async function joinRunning(dataDir: string): Promise<EmbeddedPostgres | null> {
  const known = readConnection(dataDir);
  if (known?.url == null || !(await answers(known.url))) return null;
  if (isAlive(known.hostPid)) return { url: known.url, owned: false, stop: async () => undefined };
  await endOrphan(known);
  return null;
}

async function endOrphan(known: Connection): Promise<void> {
  // The server answered with our password a moment ago, so this pid is the server's.
  if (known.postgresPid !== null && isAlive(known.postgresPid)) process.kill(known.postgresPid, 'SIGINT');
  const until = Date.now() + STOP_MS;
  // The pid alone proves nothing: in a container without an init it stays after the process died.
  const running = (): boolean => isAlive(known.postgresPid) && existsSync(join(known.pgData, 'postmaster.pid'));
  while (running() && Date.now() < until) await sleep(50);
}

/**
 * Under root the server runs as another account. When that account cannot enter the folder (such as /root), the data goes
 * elsewhere.
 */
function pgDataFor(dataDir: string): string {
  const account = serverAccount();
  if (reachable(dataDir, account)) return join(dataDir, 'postgres');
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const elsewhere = join('/var/lib/provisioner', name);
  mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
  if (reachable(elsewhere, account)) return join(elsewhere, 'postgres');
  throw unusable(
    `the account that runs Postgres can enter neither ${dataDir} nor ${elsewhere}; set PROVISIONER_DATA_DIR to a folder that it can enter`,
  );
}

interface Host {
  port: number;
  hostPid: number;
  postgresPid: number;
  stop(): Promise<void>;
}

function forkHost(order: HostOrder): Promise<Host> {
  const fromSource = import.meta.url.endsWith('.ts');
  const child = fork(fileURLToPath(new URL(fromSource ? './host.ts' : './host.js', import.meta.url)), [], {
    // Detached, so that Ctrl-C in the terminal does not reach it before its parent.
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: fromSource ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [],
  });
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  return new Promise((done, reject) => {
    child.once('error', (error) => reject(unusable('the process for the embedded Postgres could not be started', error)));
    void ended.then(() => reject(unusable('the process of the embedded Postgres ended while starting')));
    child.on('message', (raw) => {
      const message = asHostMessage(raw);
      if (message.kind === 'failed') return reject(unusable(message.message));
      // From now on the child must not keep this process alive.
      child.unref();
      child.channel?.unref();
      done({ port: message.port, hostPid: child.pid ?? 0, postgresPid: message.pid, stop: () => stopHost(child, ended) });
    });
    child.send(order);
  });
}

async function stopHost(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  if (child.connected) child.send('stop');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

function isAlive(pid: number | null): boolean {
  if (pid === null) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, under another account.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Guarantee: only our own child holds the other end of the channel; see `host.ts`. */
function asHostMessage(raw: unknown): HostMessage {
  return raw as HostMessage;
}
