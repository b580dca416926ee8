import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Answer, answerTo, targetOf } from './api/answer.ts';
import type { ControlReply } from './control.ts';
import { ScriptError } from './fault-schema.ts';
import { type Random, seededRandom } from './random.ts';
import type { RateLimits } from './rates.ts';
import type { World } from './world.ts';

export interface ServerParts {
  world: () => World;
  limits: () => RateLimits;
  control: (method: string, path: string, params: URLSearchParams, body: string) => ControlReply;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Sends an answer, whole or damaged. Returns the outcome for the ledger. */
function send(response: ServerResponse, answer: Answer): string {
  const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
  const socket = response.socket;
  if (answer.delivery === 'silence') return 'stalled';
  if (answer.delivery === 'drop') {
    socket?.destroy();
    return 'dropped';
  }
  response.writeHead(answer.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    ...answer.headers,
  });
  if (answer.delivery === 'whole') {
    response.end(body);
    return String(answer.status);
  }
  const half = body.slice(0, Math.ceil(body.length / 2));
  if (answer.delivery === 'stall_body') {
    response.write(half);
    return 'stalled_body';
  }
  response.write(half, () => socket?.destroy());
  return 'cut';
}

function sendControl(response: ServerResponse, run: () => ControlReply): void {
  let reply: ControlReply;
  try {
    reply = run();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const problems = error instanceof ScriptError ? { problems: error.problems } : {};
    reply = { status: 400, type: 'application/json', body: JSON.stringify({ error: message, ...problems }) };
  }
  response.writeHead(reply.status, { 'content-type': reply.type }).end(reply.body);
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function latency(world: World, random: Random): number {
  const { min, max } = world.settings.latencyMs;
  return min + random() * (max - min);
}

async function serve(parts: ServerParts, random: Random, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const method = request.method ?? 'GET';
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname.startsWith('/_sim/')) {
    const body = await readBody(request);
    sendControl(response, () => parts.control(method, url.pathname, url.searchParams, body));
    return;
  }
  const world = parts.world();
  const path = url.pathname.replace(/^\/v2(?=\/)/, '');
  const { target, endpoint } = targetOf(method, path);
  if (world.faults.take('refuse_connection', target)) {
    world.book.answered(endpoint, 'refused');
    request.socket.resetAndDestroy();
    return;
  }
  const rawBody = await readBody(request);
  const answer = answerTo(world, parts.limits(), {
    method,
    path: url.pathname.startsWith('/v2/') ? path : '/',
    params: url.searchParams,
    rawBody,
    authorization: header(request, 'authorization'),
    retry: Number(header(request, 'x-stainless-retry-count') ?? 0) > 0,
  });
  await pause(answer.delayMs + latency(world, random));
  world.book.answered(answer.endpoint, send(response, answer));
}

/** Starts listening on loopback. */
export async function listen(parts: ServerParts, host: string, port: number, seed: number): Promise<Server> {
  const random = seededRandom(seed);
  const server = createServer((request, response) => {
    serve(parts, random, request, response).catch(() => {
      // The client went away in the middle of its request, so nobody waits for an answer.
      response.destroy();
    });
  });
  // A stalled request must stay stalled until the client gives up.
  server.requestTimeout = 0;
  // Node.js would close idle connections after 5 s. On a busy machine a request then hits a closing connection: a fault that no
  // test set.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}

/** Stops listening and cuts what is still open. */
export async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
