import { z } from 'zod';
import type { Door } from '../auth.ts';
import type { App, HttpDeps } from '../deps.ts';
import { answers } from '../schemas.ts';

const readyAnswer = z
  .object({
    status: z.enum(['ready', 'not_ready']),
    problems: z.array(z.string()).describe('Why the process cannot work; empty when it is ready'),
    notices: z
      .array(z.string())
      .describe('What a person should know although the process is ready, for example that no worker runs'),
  })
  .meta({ id: 'ReadyState', description: 'Whether the process can work' });

/** Routes for orchestrators and Prometheus. Health needs no key. Metrics need one when keys are configured. */
export function healthRoutes(app: App, deps: HttpDeps, { locked }: Pick<Door, 'locked'>): void {
  app.route({
    method: 'GET',
    url: '/healthz',
    config: { access: 'public' },
    logLevel: 'warn',
    schema: {
      operationId: 'getHealth',
      tags: ['health'],
      summary: 'The process lives',
      security: [],
      response: answers({ 200: z.object({ status: z.literal('ok') }).describe('The process lives') }),
    },
    handler: () => ({ status: 'ok' as const }),
  });

  app.route({
    method: 'GET',
    url: '/readyz',
    config: { access: 'public' },
    logLevel: 'warn',
    schema: {
      operationId: 'getReady',
      tags: ['health'],
      summary: 'The process can work',
      security: [],
      response: answers({ 200: readyAnswer, 503: readyAnswer.describe('The process cannot work now') }),
    },
    handler: async (_request, reply) => {
      const { ok, problems, notices = [] } = deps.ready();
      return reply.code(ok ? 200 : 503).send({ status: ok ? 'ready' : 'not_ready', problems, notices });
    },
  });

  app.route({
    method: 'GET',
    url: '/metrics',
    config: { access: locked ? 'viewer' : 'public' },
    logLevel: 'warn',
    schema: {
      operationId: 'getMetrics',
      tags: ['health'],
      summary: 'Prometheus metrics',
      response: {
        ...answers({}),
        200: { description: 'Metrics in the text format of Prometheus', content: { 'text/plain': { schema: z.string() } } },
      },
    },
    handler: async (_request, reply) => {
      const { contentType, text } = await deps.metrics();
      return reply.type(contentType).send(text);
    },
  });
}
