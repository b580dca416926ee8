import { randomUUID } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import { fastifySSE } from '@fastify/sse';
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { notFound, ProvisioningError } from '../domain/errors.ts';
import { clipped } from '../domain/text.ts';
import { assertMayListen, createDoor, createKeyring, guard } from './auth.ts';
import { answerBroken, refuseExpectation } from './broken-requests.ts';
import { readCsv } from './csv-request.ts';
import { dashboard } from './dashboard.ts';
import type { App, HttpDeps } from './deps.ts';
import { createDownloads } from './downloads.ts';
import { handleError } from './errors.ts';
import { closeOtherMethods } from './methods.ts';
import { describeApi } from './openapi.ts';
import { pageRoutes } from './page.ts';
import { accountRoutes } from './routes/account.ts';
import { availableRoutes } from './routes/available.ts';
import { driftRoutes } from './routes/drift.ts';
import { healthRoutes } from './routes/health.ts';
import { numberRoutes } from './routes/numbers.ts';
import { planRoutes } from './routes/plans.ts';
import { reconciliationRoutes } from './routes/reconciliations.ts';
import { requestEventRoutes } from './routes/request-events.ts';
import { requestHistoryRoutes } from './routes/request-history.ts';
import { requestItemRoutes } from './routes/request-items.ts';
import { requestUndoRoutes } from './routes/request-undo.ts';
import { requestActRoutes, requestRoutes } from './routes/requests.ts';
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { refuseForeign, refuseNameless, refuseNoText, setHeaders } from './security.ts';

export type { HttpDeps, HttpTimings } from './deps.ts';

/** The largest body, in bytes. Submitting and webhooks have limits of their own. */
const BODY_LIMIT = 256 * 1024;

/**
 * Builds the HTTP server: API, webhooks, health, dashboard, operator's page. It never listens; `app/roles.ts` does that. Errors:
 * `validation_failed` when the server would be open to the network without a key.
 */
export async function buildServer(deps: HttpDeps): Promise<FastifyInstance> {
  assertMayListen(deps.host, deps.apiKeys);
  const keyring = createKeyring(deps.apiKeys);
  const server = Fastify({
    loggerInstance: deps.log,
    // Fastify's own log lines contain whole requests, so they are off.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'callId' }),
    genReqId: () => randomUUID(),
    bodyLimit: BODY_LIMIT,
    // A client that sends slowly or disappears occupies the connection for this long only.
    requestTimeout: 60_000,
    connectionTimeout: 120_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
    // Fastify's own answers to these have another shape.
    return503OnClosing: false,
    http: { requireHostHeader: false },
    clientErrorHandler: answerBroken(deps.log),
    frameworkErrors: (error, request, reply) => {
      void setHeaders(request, reply);
      handleError(error, request, reply);
    },
  });
  server.server.on('checkExpectation', refuseExpectation);
  const app: App = server.withTypeProvider<ZodTypeProvider>();
  app.decorateRequest('principal', null);
  app.setErrorHandler(handleError);
  app.setNotFoundHandler((request) => {
    throw notFound(`there is no ${request.method} ${clipped(request.url.split('?')[0] ?? '', 200)}`);
  });
  readJsonOnly(app);
  readCsv(app);
  await app.register(rateLimit, { global: false });
  const door = createDoor(app, keyring);
  app.addHook('onRequest', setHeaders);
  app.addHook('onRequest', refuseWhenClosing(app));
  app.addHook('onRequest', refuseNameless);
  app.addHook('onRequest', refuseForeign(keyring));
  app.addHook('onRequest', guard(door));
  app.addHook('onRequest', refuseNoText);
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions, log } = request;
    const fields = { method, route: routeOptions.url, status: reply.statusCode, durationMs: Math.round(reply.elapsedTime) };
    // Whoever polls would fill the log.
    if (method === 'GET' && reply.statusCode < 400) log.debug(fields, 'call answered');
    else log.info(fields, 'call answered');
  });

  const closeMethods = closeOtherMethods(app);
  await describeApi(app, deps.version ?? '0.0.0');
  await app.register(fastifySSE, { heartbeatInterval: 15_000 });
  const sendCsv = createDownloads(deps);
  requestRoutes(app, deps);
  requestActRoutes(app, deps);
  requestUndoRoutes(app, deps);
  planRoutes(app, deps);
  availableRoutes(app, deps);
  requestItemRoutes(app, deps, sendCsv);
  requestEventRoutes(app, deps);
  requestHistoryRoutes(app, deps);
  numberRoutes(app, deps, sendCsv);
  reconciliationRoutes(app, deps);
  driftRoutes(app, deps, sendCsv);
  accountRoutes(app, deps);
  webhookDeliveryRoutes(app, deps);
  healthRoutes(app, deps, door);
  pageRoutes(app, door);
  await webhookRoutes(app, deps);
  closeMethods();
  await dashboard(app, deps, door);
  await app.ready();
  return server;
}

/** Refuses new requests while the server closes, also on connections that are still open. */
function refuseWhenClosing(app: App) {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  return async (): Promise<void> => {
    if (closing) throw new ProvisioningError('stopping', 'retry', 'the server is stopping; try again');
  };
}

/** Accepts an empty body of type JSON, which many clients send, as in `POST …/cancel`. Fastify would refuse it. */
function readJsonOnly(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  // Plain text is refused, because a form of another site may send it without a preflight request.
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else void parse(request, String(body), done);
  });
}
