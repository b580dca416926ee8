import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../../src/app/embedded-postgres/free-port.ts';
import { until } from '../support/until.ts';

/** What a client sent and nobody has answered yet. */
export interface Unanswered {
  /** Its first line, such as `POST /v2/number_orders HTTP/1.1`. */
  line: string;
  /** `performance.now()` when it went through. */
  since: number;
}

/** A proxy in front of a service, for one worker only. It shows the traffic, and it can be shut. */
export interface Gate {
  port: number;
  unanswered(): Unanswered[];
  /**
   * Cuts all connections and stops listening. A new connection is refused (ECONNREFUSED), as by a machine without the service.
   */
  shut(): Promise<void>;
  /** Listens again on the same port. */
  open(): Promise<void>;
}

/** `overhear` gets everything that clients send, one character for each byte. */
export async function openGate(target: number, overhear?: (sent: string) => void): Promise<Gate> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  const waiting = new Map<Socket, Unanswered>();
  let server: Server | null = null;
  const carry = (client: Socket): void => {
    const service = connect({ host: '127.0.0.1', port: target, noDelay: true });
    client.setNoDelay(true);
    client.on('data', (data) => {
      const text = data.toString('latin1');
      overhear?.(text);
      if (!waiting.has(client)) waiting.set(client, { line: text.slice(0, text.indexOf('\r\n')), since: performance.now() });
    });
    service.on('data', () => waiting.delete(client));
    join(client, service, sockets);
    client.once('close', () => {
      waiting.delete(client);
      service.destroy();
    });
    // Ended and not destroyed, because the last words of the service must still be delivered.
    service.once('close', () => client.end());
  };
  const gate: Gate = {
    port,
    unanswered: () => [...waiting.values()],
    shut: async () => {
      const closing = server;
      server = null;
      if (closing === null) return;
      const closed = new Promise((resolve) => closing.close(resolve));
      for (const socket of sockets) socket.resetAndDestroy();
      await closed;
    },
    open: async () => {
      // Another connection may use the port meanwhile.
      server ??= await until(`a gate listens on ${port}`, () => listen(port, carry), { withinMs: 60_000 });
    },
  };
  await gate.open();
  return gate;
}

/** Passes on what either side sends, its end, and a reset as a reset. */
function join(client: Socket, service: Socket, sockets: Set<Socket>): void {
  for (const [from, to] of [
    [client, service],
    [service, client],
  ] as const) {
    sockets.add(from);
    from.pipe(to);
    from.once('error', () => to.resetAndDestroy());
    from.once('close', () => sockets.delete(from));
  }
}

function listen(port: number, carry: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(carry);
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
