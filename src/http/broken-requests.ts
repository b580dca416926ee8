import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import type { UnreadableCode } from '../domain/codes.ts';
import type { ErrorBody } from './errors.ts';
import { SAFE_HEADERS } from './security.ts';
import { STATUS_OF_UNREADABLE } from './status-table.ts';

/** Our code and text for each error of Node's HTTP parser. */
const REFUSALS: Readonly<Record<string, readonly [code: UnreadableCode, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'the headers of the request are larger than 16 KiB'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['body_too_large', 'the chunk extensions of the request are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'the request did not arrive in time'],
};

const LINGER_MS = 1_000;

/** Answers bytes that could not be parsed as a request (headers too large, not HTTP, too slow) in the common error shape. */
export function answerBroken(log: FastifyBaseLogger) {
  return (error: Error & { code?: string }, socket: Socket): void => {
    log.debug({ err: error, remote: socket.remoteAddress }, 'a request could not be read');
    // The client has gone, so nobody reads an answer.
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const [code, message] = REFUSALS[error.code ?? ''] ?? ['bad_request', 'this is no readable HTTP request'];
    const status = STATUS_OF_UNREADABLE[code];
    const body = bodyOf(code, message);
    const headers = Object.entries({ ...headersFor(body), connection: 'close' }).map(([name, value]) => `${name}: ${value}`);
    socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...headers, '', body].join('\r\n'));
    // The client gets this long to read the answer. Its further bytes are not read, so its end might never be noticed.
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  };
}

/** Refuses an `Expect` header with anything but `100-continue`. */
export function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const body = bodyOf('expectation_failed', 'the Expect header names nothing that this server does');
  response.writeHead(STATUS_OF_UNREADABLE.expectation_failed, headersFor(body)).end(body);
}

function bodyOf(code: UnreadableCode, message: string): string {
  return JSON.stringify({ error: { code, message, details: [] } } satisfies ErrorBody);
}

function headersFor(body: string): Record<string, string> {
  return {
    ...SAFE_HEADERS,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
  };
}
