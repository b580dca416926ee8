import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../app/embedded-postgres/free-port.ts';
import { ProvisioningError } from '../../domain/errors.ts';

export interface TemporaryRedis {
  url: string;
  stop(): Promise<void>;
}

const PROGRAMS = ['redis-server', 'valkey-server'] as const;
const START_MS = 10_000;
const POLL_MS = 50;

/** Starts the Redis or Valkey of this machine on a free port. It stores nothing, and `stop` ends it. */
export async function startTemporaryRedis(): Promise<TemporaryRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'provisioner-redis-'));
  const port = await freePort();
  for (const program of PROGRAMS) {
    const server = await started(program, port, folder);
    if (server === null) continue;
    return {
      url: `redis://127.0.0.1:${port}`,
      stop: async () => {
        await ended(server);
        await rm(folder, { recursive: true, force: true });
      },
    };
  }
  await rm(folder, { recursive: true, force: true });
  const message = 'there is neither redis-server nor valkey-server on the PATH; install one, or set REDIS_URL';
  throw new ProvisioningError('redis_missing', 'rejected', message);
}

/** Returns the running server, or `null` when the program is not installed. */
async function started(program: string, port: number, folder: string): Promise<ChildProcess | null> {
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  const server = spawn(program, [...flags, '--maxmemory-policy', 'noeviction'], { stdio: 'ignore' });
  const [outcome] = await Promise.race([
    once(server, 'spawn').then(() => ['spawned']),
    once(server, 'error').then(() => ['missing']),
  ]).catch(() => ['missing']);
  if (outcome === 'missing') return null;
  const until = Date.now() + START_MS;
  while (Date.now() < until && server.exitCode === null) {
    if (await accepts(port)) return server;
    await sleep(POLL_MS);
  }
  await ended(server);
  throw new ProvisioningError('redis_unavailable', 'retry', `${program} did not start`);
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = once(server, 'exit');
  server.kill('SIGTERM');
  await exit;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
