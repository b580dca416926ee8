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

/** Set by us on every request, over whatever the client sent: Bull Board's hooks see headers and nothing else. */
const ROLE_HEADER = 'x-provisioner-role';

/**
 * Limits of a queue as Bull Board would change them. Refused to everybody: the slots hold Telnyx's cap, the pace is the rate limiter's,
 * and the workers set both again within half a minute, so that a button for them would promise what does not last.
 */
const LIMIT_ROUTES = /\/(?:concurrency|rate-limit)$/;

/** Bull Board behind a login. Viewers look; everybody else may also retry, pause and clean: the queue is disposable. */
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
  // Its own handler sends the text of whatever was thrown, and the stack in development.
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

/** A browser's login for pages: name and key of any API key. Answers by itself, so that no other error handler is in between. */
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

/** Takes the buttons off the page that are refused: for limits, and all of them for those who may only look. */
function shown<T>(body: T, readOnly: boolean): T {
  if (typeof body !== 'object' || body === null || !('queues' in body) || !Array.isArray(body.queues)) return body;
  const changes = { supportsGlobalRateLimit: false, ...(readOnly && { readOnlyMode: true, allowRetries: false }) };
  return { ...body, queues: body.queues.map((queue: object) => ({ ...queue, ...changes })) };
}
