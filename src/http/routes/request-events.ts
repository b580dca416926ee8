import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { hasEnded } from '../../domain/request.ts';
import { readRequest } from '../../producers/read/read.ts';
import { type App, HTTP_TIMINGS, type HttpDeps } from '../deps.ts';
import { createPlaces, cutWhenIdle } from '../places.ts';
import { answers, idParams } from '../schemas.ts';
import { viewOf } from './requests.ts';

/** Limits for watchers, because each one costs a few queries a second. */
const WATCHERS = { each: 20, all: 100 };

/** The id of the last event. A browser that reconnects by itself sends it, and is told that nothing more comes. */
const END = 'end';

/** Follows one request by server-sent events. The row is read again and again, because it shows every change, whoever made it. */
export function requestEventRoutes(app: App, { producer: { db }, timings }: HttpDeps): void {
  const { watchMs, longestWatchMs, idleReaderMs } = { ...HTTP_TIMINGS, ...timings };
  const closing = new AbortController();
  const places = createPlaces('watched requests', WATCHERS);
  app.addHook('preClose', async () => closing.abort());

  app.route({
    method: 'GET',
    url: '/v1/requests/:id/events',
    sse: 'only',
    schema: {
      operationId: 'watchRequest',
      tags: ['requests'],
      summary: 'Server-sent events: a `request` event on every change; ends when the request ends',
      params: idParams,
      response: {
        ...answers({ 204: z.undefined().describe('It ended, and the client has seen it end') }),
        200: { description: 'Events', content: { 'text/event-stream': { schema: z.string() } } },
      },
    },
    // The handler returns nothing. Fastify would await a returned reply, which ends only after the stream.
    handler: async (request, reply) => {
      let view = await viewOf(db, request.params.id);
      if (reply.sse.lastEventId === END && hasEnded(view.status)) return void reply.code(204).send(undefined);
      const leave = places.take(request);
      cutWhenIdle(request, idleReaderMs);
      const gone = new AbortController();
      reply.sse.onClose(() => gone.abort());
      // This connection serves only the stream. A connection that is kept alive would delay a shutdown.
      reply.header('connection', 'close');
      const stop = AbortSignal.any([closing.signal, gone.signal, AbortSignal.timeout(longestWatchMs)]);
      const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
      try {
        for (let seen = '', n = 1; !stop.aborted; n += 1) {
          const text = JSON.stringify(view);
          const ended = hasEnded(view.status);
          // Without the signal, the write to a client that stopped reading would wait for ever.
          if (text !== seen)
            await Promise.race([reply.sse.send({ id: ended ? END : String(n), event: 'request', data: view }), stopped]);
          seen = text;
          if (ended || !(await pause(watchMs, stop))) return;
          view = (await readRequest(db, request.params.id)) ?? view;
        }
      } finally {
        leave();
      }
    },
  });
}

/** Waits `ms` milliseconds. Returns `false` when the signal ended the wait. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await wait(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
