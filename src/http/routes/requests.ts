import { z } from 'zod';
import { defined } from '../../domain/defined.ts';
import { notFound } from '../../domain/errors.ts';
import { spaceOfClient } from '../../domain/key-space.ts';
import { REQUEST_STATUSES } from '../../domain/request.ts';
import { keyProblem } from '../../domain/text.ts';
import { approveRequest } from '../../producers/actions/approve.ts';
import { cancelRequest } from '../../producers/actions/cancel.ts';
import { retryRequest } from '../../producers/actions/retry.ts';
import { said } from '../../producers/intake/field-shapes.ts';
import { notesOf } from '../../producers/intake/number-list.ts';
import { noteOfRepeats } from '../../producers/intake/stage-numbers.ts';
import { submitRequest } from '../../producers/intake/submit.ts';
import { requestBody } from '../../producers/intake/validate.ts';
import { listRequests, readRequest } from '../../producers/read/read.ts';
import type { RequestView } from '../../producers/read/views.ts';
import { actorOf } from '../auth.ts';
import { csvQuery, csvRequest } from '../csv-request.ts';
import type { App, HttpDeps } from '../deps.ts';
import { cursorOption, pageAnswer, pageQuery, ROW } from '../paging.ts';
import { answers, idParams, pageOf, REQUEST_KINDS, requestAnswer } from '../schemas.ts';

const submittedAnswer = requestAnswer
  .extend({ notes: z.array(z.string()).optional().describe('How a CSV was read: what was rewritten, ignored or counted once') })
  .meta({ id: 'SubmittedRequest' });

/** Room for 100,000 numbers with everything around them. */
const SUBMIT_LIMIT = 32 * 1024 * 1024;

const idempotency = z.object({
  'idempotency-key': said(z.string().min(1).max(255), keyProblem)
    .optional()
    .describe('The same key and body give the same request, to the same API key'),
});

const listQuery = z.strictObject({
  ...pageQuery,
  status: z.enum(REQUEST_STATUSES).optional(),
  kind: z.enum(REQUEST_KINDS).optional(),
});

/** Submitting requests, and looking at them. */
export function requestRoutes(app: App, { producer }: HttpDeps): void {
  const view = (id: string): Promise<RequestView> => viewOf(producer.db, id);
  app.route({
    method: 'POST',
    url: '/v1/requests',
    bodyLimit: SUBMIT_LIMIT,
    schema: {
      tags: ['requests'],
      summary: 'Buy, update or delete numbers',
      description:
        'Checked completely before anything is stored: 422 lists every problem. The numbers may also come as text/csv, with the other fields in the query.',
      headers: idempotency,
      querystring: csvQuery,
      body: requestBody,
      response: answers({ 200: submittedAnswer.describe('The key was used for this body before'), 202: submittedAnswer }),
    },
    handler: async (request, reply) => {
      const idempotencyKey = request.headers['idempotency-key'];
      const sent: unknown = request.body;
      const csv = Buffer.isBuffer(sent) ? await csvRequest(sent, request.query) : null;
      const {
        request: stored,
        created,
        repeats,
      } = await submitRequest(producer, csv?.body ?? sent, {
        ...defined({ idempotencyKey }),
        keySpace: spaceOfClient(actorOf(request)),
        ...(csv !== null && { numbers: csv.numbers, repeats: 'once' }),
      });
      const notes = csv === null ? [] : [...notesOf(csv.report), noteOfRepeats(repeats)].filter((n) => n !== null);
      request.log.info({ requestId: stored.id, actor: actorOf(request) }, created ? 'submitted' : 'submitted before');
      const stands = await view(stored.id);
      return reply
        .code(created ? 202 : 200)
        .header('location', `/v1/requests/${stored.id}`)
        .send({ ...stands, ...(notes.length > 0 && { notes }) });
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/requests',
    schema: {
      tags: ['requests'],
      summary: 'Requests, newest first',
      querystring: listQuery,
      response: answers({ 200: pageOf(requestAnswer) }),
    },
    handler: async ({ query: { cursor, ...filter } }) =>
      pageAnswer(await listRequests(producer.db, { limit: filter.limit, ...defined(filter), ...cursorOption(cursor, ROW) })),
  });

  app.route({
    method: 'GET',
    url: '/v1/requests/:id',
    schema: { tags: ['requests'], summary: 'One request', params: idParams, response: answers({ 200: requestAnswer }) },
    handler: ({ params }) => view(params.id),
  });
}

/** Acting on a request that is there. */
export function requestActRoutes(app: App, { producer }: HttpDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/requests/:id/cancel',
    schema: {
      tags: ['requests'],
      summary: 'Cancel what has not been sent',
      description: 'What is in flight ends by what Telnyx says. A request that has ended stays as it is.',
      params: idParams,
      response: answers({ 200: requestAnswer }),
    },
    handler: async (request) => {
      const { id } = request.params;
      if ((await cancelRequest(producer, id, actorOf(request))) === null) throw notFound(`there is no request ${id}`);
      return viewOf(producer.db, id);
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/requests/:id/approve',
    schema: {
      tags: ['requests'],
      summary: 'Let a buy go that waits for approval',
      params: idParams,
      response: answers({ 200: requestAnswer }),
    },
    handler: async (request) => {
      await approveRequest(producer, request.params.id, actorOf(request));
      return viewOf(producer.db, request.params.id);
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/requests/:id/retry',
    schema: {
      tags: ['requests'],
      summary: 'File a new request for what an ended one failed to do',
      description: 'A repeat gives the same new request (200).',
      params: idParams,
      response: answers({ 200: requestAnswer, 202: requestAnswer }),
    },
    handler: async (request, reply) => {
      const { request: stored, created } = await retryRequest(producer, request.params.id);
      request.log.info({ requestId: stored.id, actor: actorOf(request) }, 'retry submitted');
      const stands = await viewOf(producer.db, stored.id);
      return reply
        .code(created ? 202 : 200)
        .header('location', `/v1/requests/${stored.id}`)
        .send(stands);
    },
  });
}

/** The request as users see it; `not_found` when there is none. */
export async function viewOf(db: HttpDeps['producer']['db'], id: string): Promise<RequestView> {
  const found = await readRequest(db, id);
  if (found === null) throw notFound(`there is no request ${id}`);
  return found;
}
