import { connect, createServer, type Socket } from 'node:net';

/**
 * How a proxy treats its two ends:
 * - `open`: all is passed on;
 * - `hang`: everybody is taken on, and nothing is passed on any more, in neither direction;
 * - `half_open`: the same for connections that are open now; new ones are served;
 * - `refuse`: open connections are cut, and new ones too.
 */
export type ProxyMode = 'open' | 'hang' | 'half_open' | 'refuse';

/** A TCP proxy, used as an address that moves. Open connections keep their target, and new ones go to the present target. */
export interface TcpProxy {
  port: number;
  /** Sends new connections to this port from now on. */
  leadTo(port: number): void;
  become(mode: ProxyMode): void;
  close(): Promise<void>;
}

export async function startProxy(target: number): Promise<TcpProxy> {
  let to = target;
  let mode: ProxyMode = 'open';
  const pairs = new Set<[Socket, Socket]>();
  const server = createServer((near) => {
    if (mode === 'refuse') {
      near.destroy();
      return;
    }
    const far = connect(to, '127.0.0.1');
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    if (mode === 'hang') {
      near.resume();
      return;
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const silence = ([near, far]: [Socket, Socket]): void => {
    near.unpipe(far);
    far.unpipe(near);
    // Neither end learns that the other has gone, as when a machine loses power.
    for (const socket of [near, far]) socket.removeAllListeners('close').resume();
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    leadTo: (port) => {
      to = port;
    },
    become: (next) => {
      mode = next;
      if (next === 'hang' || next === 'half_open') for (const pair of pairs) silence(pair);
      if (next === 'refuse') for (const [near] of [...pairs]) near.destroy();
    },
    close: async () => {
      for (const [near, far] of pairs) {
        near.destroy();
        far.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
