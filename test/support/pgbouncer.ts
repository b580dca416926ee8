import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/app/embedded-postgres/free-port.ts';
import { until } from './until.ts';

export interface Pooler {
  /** The address of the same database through the pooler. */
  url: string;
  stop(): Promise<void>;
}

/**
 * True when a program of this name is installed. With CI=true a missing one is a failure; otherwise the tests that need it are
 * skipped with a message.
 */
export function hasProgram(name: string, what: string): boolean {
  try {
    execFileSync('which', [name], { env: { PATH: `${process.env['PATH']}:/usr/sbin` }, stdio: 'ignore' });
    return true;
  } catch {
    if (process.env['CI'] === 'true') throw new Error(`${what} is not installed, and CI=true`);
    process.stderr.write(`SKIPPED: ${what} is not installed; the tests that need it do not run\n`);
    return false;
  }
}

/** Starts a PgBouncer in transaction mode before the database of `url`. */
export async function startPgBouncer(url: string, settings: Record<string, string> = {}): Promise<Pooler> {
  const to = new URL(url);
  const folder = mkdtempSync(join(tmpdir(), 'pgbouncer-'));
  const port = await freePort();
  const database = to.pathname.slice(1);
  const lines = Object.entries({
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: '4',
    max_client_conn: '500',
    ...settings,
  });
  const target = `host=${to.hostname} port=${to.port} dbname=${database} user=${to.username} password=${to.password}`;
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(file, `[databases]\n${database} = ${target}\n[pgbouncer]\n${lines.map(([k, v]) => `${k} = ${v}`).join('\n')}\n`, {
    mode: 0o644,
  });
  execFileSync('chmod', ['755', folder]);
  // PgBouncer refuses to run as root.
  const account = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn('pgbouncer', [...account, file], {
    env: { PATH: `${process.env['PATH']}:/usr/sbin` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => {
    said += text.toString();
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await until('PgBouncer answers', () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${said}`);
    return new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  });
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String(port);
  return {
    url: through.href,
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
