// The process that hosts the embedded Postgres. `start.ts` forks it; nobody imports it. It stops the server when its parent says
// so, and when its parent is gone for any reason.
import { rmSync } from 'node:fs';
import { asError } from '../../domain/errors.ts';
import { freePort } from './free-port.ts';
import { type RunningServer, runServer } from './server.ts';

export interface HostOrder {
  pgData: string;
  password: string;
  durable: boolean;
  /** The folder to remove after the stop. */
  removeAfter: string | null;
}

export type HostMessage = { kind: 'ready'; port: number; pid: number } | { kind: 'failed'; message: string };

let server: RunningServer | null = null;
let order: HostOrder | null = null;
let stopping = false;

async function start(given: HostOrder): Promise<void> {
  order = given;
  try {
    server = await runServer({ ...given, port: await freePort() });
    if (stopping) return await leave(0);
    tell({ kind: 'ready', port: server.port, pid: server.pid });
    await server.ended;
    // Somebody else ended the server; the parent notices that we are gone.
    if (!stopping) await leave(1);
  } catch (error) {
    tell({ kind: 'failed', message: asError(error).message });
    await leave(1);
  }
}

async function leave(code: number): Promise<void> {
  await server?.stop();
  if (order?.removeAfter != null) rmSync(order.removeAfter, { recursive: true, force: true });
  process.exit(code);
}

function stop(): void {
  if (stopping) return;
  stopping = true;
  // While the server is still starting, `start` leaves by itself.
  if (server !== null) void leave(0);
}

function tell(message: HostMessage): void {
  if (process.connected) process.send?.(message);
}

process.on('message', (message) => {
  if (message === 'stop') stop();
  else void start(asOrder(message));
});
process.on('disconnect', stop);
// Ctrl-C goes to the whole terminal; the parent decides when the database may end.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', stop);

/** Guarantee: only `start.ts` holds the other end of this channel, and it sends nothing else. */
function asOrder(message: unknown): HostOrder {
  return message as HostOrder;
}
