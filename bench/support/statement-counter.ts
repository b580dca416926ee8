import { createServer, type Socket, connect as tcp } from 'node:net';

/** A door in front of Postgres that counts the statements which pass. */
export interface StatementCounter {
  /** The address of the database, through this door. */
  url: string;
  /** How often each statement was executed so far, by its text. */
  counts(): Map<string, number>;
  stop(): Promise<void>;
}

/** Opens a door to the database of `target`. It understands the frontend messages of Postgres and changes none. */
export async function countStatements(target: string): Promise<StatementCounter> {
  const counts = new Map<string, number>();
  const sockets = new Set<Socket>();
  const { hostname, port } = new URL(target);
  const server = createServer((client) => {
    const upstream = tcp(Number(port), hostname);
    const reader = messageReader(counts);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', reader);
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = new URL(target);
  url.host = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  return {
    url: url.href,
    counts: () => new Map(counts),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Reads the messages of one connection. The first one has no type; the others are a letter, a length and a body. */
function messageReader(counts: Map<string, number>): (data: Buffer) => void {
  let rest = Buffer.alloc(0);
  let started = false;
  const prepared = new Map<string, string>();
  const portals = new Map<string, string>();
  const note = (text: string): void => {
    counts.set(text, (counts.get(text) ?? 0) + 1);
  };
  const understand = (type: string, body: Buffer): void => {
    const [first = '', second = ''] = body.toString('latin1').split('\0', 2);
    if (type === 'Q') note(first);
    if (type === 'P') prepared.set(first, second);
    if (type === 'B') portals.set(first, prepared.get(second) ?? second);
    if (type === 'E') note(portals.get(first) ?? 'unknown');
  };
  return (data) => {
    rest = Buffer.concat([rest, data]);
    for (;;) {
      const head = started ? 1 : 0;
      if (rest.length < head + 4) return;
      const length = head + rest.readUInt32BE(head);
      if (rest.length < length) return;
      if (started) understand(String.fromCharCode(rest[0] ?? 0), rest.subarray(head + 4, length));
      started = true;
      rest = rest.subarray(length);
    }
  };
}
