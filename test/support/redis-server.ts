import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/app/embedded-postgres/free-port.ts';
import { until } from './until.ts';

/** Returns the name of a Redis that can be started here, or `null`. */
export function redisProgram(): string | null {
  return ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0) ?? null;
}

/** A Redis that only the caller uses. It may be flushed, killed and started again on the same port. */
export interface PrivateRedis {
  url: string;
  port: number;
  /** The port on which the nodes of a cluster talk to each other. */
  busPort: number;
  /** Kills the server as a crash does: nothing is saved. */
  kill(): Promise<void>;
  /** Starts the server again. It is empty unless it was opened to keep its data. */
  start(): Promise<void>;
  /** Sends one command and returns the first packet of the answer. */
  say(command: string): Promise<string>;
  /** FLUSHALL. */
  flush(): Promise<void>;
  /** Deletes the server's data on disk. Call it while the server is down. */
  wipe(): void;
  stop(): Promise<void>;
}

/**
 * Starts a Redis. With `keepsData`, every write is on disk before it is answered, so that even a crash loses nothing. With `cluster`,
 * it is a node of a cluster that has neither slots nor neighbours yet.
 */
export async function startRedis({ keepsData = false, cluster = false } = {}): Promise<PrivateRedis> {
  const program = redisProgram();
  if (program === null) throw new Error('there is neither redis-server nor valkey-server on the PATH');
  const port = await freePort();
  const busPort = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'provisioner-redis-'));
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    const keeping = keepsData ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...keeping, '--dir', folder];
    const asNode = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '2000'];
    child = spawn(program, [...args, '--maxmemory-policy', 'noeviction', ...(cluster ? asNode : [])], { stdio: 'ignore' });
    await until('the private Redis answers', () => pings(port));
  };
  const kill = async (): Promise<void> => {
    const running = child;
    child = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await ended;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    busPort,
    kill,
    start,
    say: (command) => say(port, command),
    flush: async () => void (await say(port, 'FLUSHALL')),
    wipe: () => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
    },
    stop: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function pings(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('error', () => end(false));
    socket.once('data', (data) => end(data.toString().startsWith('+PONG')));
    socket.once('connect', () => socket.write('PING\r\n'));
  });
}

async function say(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write(`${command}\r\n`);
    const [answer] = await once(socket, 'data');
    return String(answer);
  } finally {
    socket.destroy();
  }
}
