import { parseUndo, undoBody } from '../../producers/actions/parse-undo.ts';
import { planUndo, undoRequest } from '../../producers/actions/undo.ts';
import { undoAnswer } from '../../producers/read/undo-answer.ts';
import { actorOf } from '../auth.ts';
import type { App, HttpDeps } from '../deps.ts';
import { answers, idParams } from '../schemas.ts';
import { undoShape } from '../undo-schema.ts';
import { viewOf } from './requests.ts';

/** The route that puts back what an update changed. */
export function requestUndoRoutes(app: App, { producer }: HttpDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/requests/:id/undo',
    schema: {
      operationId: 'undoRequest',
      tags: ['requests'],
      summary: 'File an update that puts back what a request changed',
      description:
        'Only an ended update can be undone. With plan_only it shows what would be put back. While an undo of the request is open, a repeat gives that undo (200).',
      params: idParams,
      body: undoBody.optional(),
      response: answers({ 200: undoShape.describe('A plan, or an undo that was filed before'), 202: undoShape }),
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      const { planOnly, ...chosen } = parseUndo(request.body);
      if (planOnly) return reply.code(200).send(undoAnswer(id, await planUndo(producer, id), null));
      const { request: stored, created, plan } = await undoRequest(producer, id, { ...chosen, actor: actorOf(request) });
      request.log.info({ requestId: stored.id, actor: actorOf(request) }, 'undo submitted');
      return reply
        .code(created ? 202 : 200)
        .header('location', `/v1/requests/${stored.id}`)
        .send(undoAnswer(id, plan, await viewOf(producer.db, stored.id)));
    },
  });
}
