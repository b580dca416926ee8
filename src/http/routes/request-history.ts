import { z } from 'zod';
import { resolveChunk } from '../../producers/actions/decide.ts';
import { decisionBody, parseDecision } from '../../producers/actions/parse-decision.ts';
import { readHistory } from '../../producers/read/history.ts';
import { actorOf } from '../auth.ts';
import type { App, HttpDeps } from '../deps.ts';
import { cursorOption, pageAnswer, pageQuery, ROW } from '../paging.ts';
import { actAnswer, answers, idParams, pageOf, requestAnswer } from '../schemas.ts';
import { viewOf } from './requests.ts';

const historyQuery = z.strictObject(pageQuery);

const chunkParams = idParams.extend({ chunk: z.string().min(1).max(100) });

/** Routes for what people did to a request, and for deciding about a chunk that needs a person. */
export function requestHistoryRoutes(app: App, { producer }: HttpDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/requests/:id/history',
    schema: {
      operationId: 'getRequestHistory',
      tags: ['requests'],
      summary: 'Who did what when: submitted, approved, cancelled, decided, retried, undone, ended',
      params: idParams,
      querystring: historyQuery,
      response: answers({ 200: pageOf(actAnswer) }),
    },
    handler: async ({ params: { id }, query: { limit, cursor } }) => {
      await viewOf(producer.db, id);
      return pageAnswer(await readHistory(producer.db, id, { limit, ...cursorOption(cursor, ROW) }));
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/requests/:id/chunks/:chunk/resolve',
    schema: {
      operationId: 'resolveChunk',
      tags: ['requests'],
      summary: 'Decide about a chunk that needs attention',
      description:
        'adopt: the worker follows the order or job with that id. not_sent: the same numbers are sent again; Telnyx refuses a second sale of a number, but carries out an update or a release again. give_up: its open numbers end as failed.',
      params: chunkParams,
      body: decisionBody,
      response: answers({ 200: requestAnswer }),
    },
    handler: async (request) => {
      const { id, chunk } = request.params;
      const chosen = parseDecision(request.body);
      await resolveChunk(producer, id, chunk, chosen, actorOf(request));
      request.log.info({ requestId: id, chunkId: chunk, actor: actorOf(request) }, `resolved: ${chosen.kind}`);
      return viewOf(producer.db, id);
    },
  });
}
