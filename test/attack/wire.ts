import { connect } from 'node:net';

/** Longer than a normal answer to one of these requests takes on a busy machine. */
const HANG_MS = 15_000;
const MOST_KEPT = 4_000_000;

export interface Shot {
  method: string;
  /** As it goes over the wire; nothing is escaped. */
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export interface Answer {
  /** `null`: the connection was closed without an answer. */
  status: number | null;
  body: string;
  hung: boolean;
}

/** Sends a request byte by byte as it is, which no polite client does, and reads the answer. Loopback only. */
export function shoot(port: number, shot: Shot): Promise<Answer> {
  const body = Buffer.from(shot.body ?? '');
  const headers = { host: 'localhost', connection: 'close', 'content-length': String(body.length), ...shot.headers };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1');
    const end = (hung: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
      resolve({
        status: status === undefined ? null : Number(status),
        body: text.split('\r\n\r\n').slice(1).join('\r\n\r\n'),
        hung,
      });
    };
    const timer = setTimeout(() => end(true), HANG_MS);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      if (text.length < MOST_KEPT) text += chunk;
      // A stream of events never ends by itself, so its head counts as the answer.
      if (text.includes('text/event-stream')) end(false);
    });
    // A server may answer and close before it has read a body that is too large.
    socket.on('error', () => undefined);
    socket.on('close', () => end(false));
    socket.write(Buffer.concat([Buffer.from(`${shot.method} ${shot.path} HTTP/1.1\r\n${head.join('')}\r\n`), body]));
  });
}

/** Opens a download and never reads from it; the function ends it. */
export function hold(port: number, path: string, headers: Record<string, string>): () => void {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  return () => socket.destroy();
}
