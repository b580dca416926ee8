import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiRole } from '../config/config.ts';
import { type Door, mayDo } from './auth.ts';
import type { App, HttpDeps } from './deps.ts';
import { answerTo } from './errors.ts';
import { PAGE_POLICY } from './security.ts';

export const BOARD_PATH = '/queues';

/** The server sets this header on every request and overwrites the client's value. Bull Board's hooks see only headers. */
const ROLE_HEADER = 'x-provisioner-role';

/**
 * Routes of Bull Board that change the limits of a queue. They are refused to everybody: the job slots keep Telnyx's cap, the
 * rate limiter sets the pace, and the workers restore both within half a minute, so such a change would not last.
 */
const LIMIT_ROUTES = /\/(?:concurrency|rate-limit)$/;

/**
 * Mounts Bull Board behind a login. Viewers may only read. All others may also retry, pause and clean, because the queue can be
 * rebuilt.
 */
export async function dashboard(app: App, deps: HttpDeps, door: Door): Promise<void> {
  const board = new FastifyAdapter();
  board.setBasePath(BOARD_PATH);
  createBullBoard({
    // The package's types want an adapter of any job type; a Queue is one.
    queues: deps.boardQueues().map((queue) => new BullMQAdapter(queue)),
    serverAdapter: board,
    options: {
      uiConfig: { boardTitle: 'provisioner', hideDocsLink: true, miscLinks: [{ text: 'Requests', url: '/' }] },
      handlerHooks: {
        before: ({ method, route, request }) =>
          method !== 'get' && (mayOnlyRead(request.headers) || LIMIT_ROUTES.test(route))
            ? { allow: false, status: 405, errorKey: 'ERRORS.QUEUE_READ_ONLY' }
            : undefined,
        after: ({ request }, result) => ({ ...result, body: shown(result.body, mayOnlyRead(request.headers)) }),
      },
    },
  });
  // Bull Board's own handler sends the text of any error, and in development also its stack.
  board.setErrorHandler((error) => {
    const { status, body } = answerTo(error, 'dashboard');
    if (status >= 500) deps.log.error({ err: error }, 'the dashboard failed');
    return { status: status === 403 ? 403 : 500, body: { error: body.error.message } };
  });
  await app.register(
    async (scope) => {
      scope.addHook('onRoute', (route) => {
        route.config = { ...route.config, access: 'public' };
      });
      scope.addHook('onRequest', login(door, PAGE_POLICY));
      await scope.register(board.registerPlugin());
    },
    { prefix: BOARD_PATH },
  );
}

/**
 * Lets a browser log in to pages with the name and value of any API key. It sends the refusal itself, so that no other error
 * handler is involved.
 */
export function login(door: Door, policy: string) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const met = await door.admit(request);
    if ('refusal' in met) {
      const { status, body, retryAfterS } = answerTo(met.refusal, request.id);
      if (status === 401) reply.header('www-authenticate', 'Basic realm="provisioner", charset="UTF-8"');
      if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS));
      return reply
        .code(status)
        .type('text/plain')
        .send(status === 401 ? 'Login needed\n' : `${body.error.message}\n`);
    }
    const { principal } = met;
    request.principal = principal;
    request.headers[ROLE_HEADER] = principal.role;
    reply.header('content-security-policy', policy);
    return undefined;
  };
}

function mayOnlyRead(headers: Record<string, string | undefined>): boolean {
  const role = ROLES.find((r) => r === headers[ROLE_HEADER]);
  return role === undefined || !mayDo({ name: '', role }, 'operator');
}
const ROLES: readonly ApiRole[] = ['viewer', 'operator', 'admin'];

/** Removes the buttons that would be refused: those for limits, and for viewers all of them. */
function shown<T>(body: T, readOnly: boolean): T {
  if (typeof body !== 'object' || body === null || !('queues' in body) || !Array.isArray(body.queues)) return body;
  const changes = { supportsGlobalRateLimit: false, ...(readOnly && { readOnlyMode: true, allowRetries: false }) };
  return { ...body, queues: body.queues.map((queue: object) => ({ ...queue, ...changes })) };
}
