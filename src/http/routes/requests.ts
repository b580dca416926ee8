import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { defined } from '../../domain/defined.ts';
import { notFound } from '../../domain/errors.ts';
import { spaceOfClient } from '../../domain/key-space.ts';
import { REQUEST_STATUSES } from '../../domain/request.ts';
import { keyProblem } from '../../domain/text.ts';
import { approveRequest } from '../../producers/actions/approve.ts';
import { cancelRequest } from '../../producers/actions/cancel.ts';
import { pauseRequest, resumeRequest } from '../../producers/actions/pause.ts';
import { retryRequest } from '../../producers/actions/retry.ts';
import { said } from '../../producers/intake/field-shapes.ts';
import { submitRequest } from '../../producers/intake/submit.ts';
import { requestBody } from '../../producers/intake/validate.ts';
import { listRequests, readRequest } from '../../producers/read/read.ts';
import type { RequestView } from '../../producers/read/views.ts';
import { actorOf, approverOf } from '../auth.ts';
import { csvQuery, csvRequest, listOptions, notesOfCsv } from '../csv-request.ts';
import type { App, HttpDeps } from '../deps.ts';
import { cursorOption, pageAnswer, pageQuery, ROW } from '../paging.ts';
import { answers, idParams, pageOf, REQUEST_KINDS, requestAnswer } from '../schemas.ts';

const submittedAnswer = requestAnswer
  .extend({ notes: z.array(z.string()).optional().describe('How a CSV was read: what was rewritten, ignored or counted once') })
  .meta({ id: 'SubmittedRequest', description: 'The request that was taken on' });

/** Enough for 100,000 numbers and the rest of the body. */
export const SUBMIT_LIMIT = 32 * 1024 * 1024;

const idempotency = z.object({
  'idempotency-key': said(z.string(), keyProblem)
    .optional()
    .describe('With the same API key, the same idempotency key and body give the same request'),
});

const listQuery = z.strictObject({
  ...pageQuery,
  status: z.enum(REQUEST_STATUSES).optional(),
  kind: z.enum(REQUEST_KINDS).optional(),
});

/** Routes for submitting and reading requests. */
export function requestRoutes(app: App, { producer }: HttpDeps): void {
  const view = (id: string): Promise<RequestView> => viewOf(producer.db, id);
  app.route({
    method: 'POST',
    url: '/v1/requests',
    bodyLimit: SUBMIT_LIMIT,
    schema: {
      operationId: 'createRequest',
      tags: ['requests'],
      summary: 'Buy, update or delete numbers',
      description:
        'The body is checked completely before anything is stored: 422 lists every problem. The numbers may also come as text/csv, with the other fields in the query.',
      headers: idempotency,
      querystring: csvQuery,
      body: requestBody,
      response: answers({
        200: submittedAnswer.describe('The key was used for this body before; the header Idempotent-Replayed is true'),
        202: submittedAnswer,
      }),
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
        actor: actorOf(request),
        ...listOptions(csv),
      });
      const notes = notesOfCsv(csv, repeats);
      if (!created) request.log.info({ requestId: stored.id, actor: actorOf(request) }, 'accepted before');
      const stands = await view(stored.id);
      if (!created) reply.header('idempotent-replayed', 'true');
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
      operationId: 'listRequests',
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
    schema: {
      operationId: 'getRequest',
      tags: ['requests'],
      summary: 'One request',
      params: idParams,
      response: answers({ 200: requestAnswer }),
    },
    handler: ({ params }) => view(params.id),
  });
}

/** Routes for acting on a stored request. */
export function requestActRoutes(app: App, { producer }: HttpDeps): void {
  /** Adds a route for an act that answers with the request as it stands after it. */
  const act = (
    verb: string,
    words: { operationId: string; summary: string; description: string },
    does: (id: string, request: FastifyRequest) => Promise<unknown>,
  ): void => {
    app.route({
      method: 'POST',
      url: `/v1/requests/:id/${verb}`,
      schema: { ...words, tags: ['requests'], params: idParams, response: answers({ 200: requestAnswer }) },
      handler: async (request) => {
        const { id } = request.params;
        await does(id, request);
        return viewOf(producer.db, id);
      },
    });
  };
  act(
    'cancel',
    {
      operationId: 'cancelRequest',
      summary: 'Cancel what has not been sent',
      description: 'Numbers in flight end as Telnyx decides. A request that has ended does not change.',
    },
    (id, request) => cancelRequest(producer, id, actorOf(request)),
  );
  act(
    'pause',
    {
      operationId: 'pauseRequest',
      summary: 'Hold a request between two chunks',
      description: 'From the answer on no new call of it leaves. What is at Telnyx goes on and is settled.',
    },
    (id, request) => pauseRequest(producer, id, actorOf(request)),
  );
  act(
    'resume',
    {
      operationId: 'resumeRequest',
      summary: 'Let a paused request go on where it stood',
      description: 'Whoever resumes accepts what paused it: a canary that was not right, or the failures until now.',
    },
    (id, request) => resumeRequest(producer, id, actorOf(request)),
  );
  act(
    'approve',
    {
      operationId: 'approveRequest',
      summary: 'Approve a buy that waits for approval',
      description: 'Refused (403) to the key that asked, and without API keys, unless PROVISIONER_SELF_APPROVAL is 1.',
    },
    (id, request) => approveRequest(producer, id, approverOf(request)),
  );

  app.route({
    method: 'POST',
    url: '/v1/requests/:id/retry',
    schema: {
      operationId: 'retryRequest',
      tags: ['requests'],
      summary: 'File a new request for the failed numbers of an ended one',
      description: 'A repeat gives the same new request (200).',
      params: idParams,
      response: answers({ 200: requestAnswer, 202: requestAnswer }),
    },
    handler: async (request, reply) => {
      const { request: stored, created } = await retryRequest(producer, request.params.id, actorOf(request));
      const stands = await viewOf(producer.db, stored.id);
      return reply
        .code(created ? 202 : 200)
        .header('location', `/v1/requests/${stored.id}`)
        .send(stands);
    },
  });
}

/** Returns the request as users see it. Errors: `not_found`. */
export async function viewOf(db: HttpDeps['producer']['db'], id: string): Promise<RequestView> {
  const found = await readRequest(db, id);
  if (found === null) throw notFound(`there is no request ${id}`);
  return found;
}
