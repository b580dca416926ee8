import { z } from 'zod';
import { invalid, notFound } from '../../domain/errors.ts';
import { checkShape } from '../../producers/intake/problem-words.ts';
import { requestBody } from '../../producers/intake/validate.ts';
import { makePlan } from '../../producers/plans/make-plan.ts';
import { planView, readPlan } from '../../producers/plans/plan-view.ts';
import { applyPlan } from '../../producers/plans/wait.ts';
import { actorOf } from '../auth.ts';
import { csvQuery, csvRequest, listOptions, notesOfCsv } from '../csv-request.ts';
import { type App, HTTP_TIMINGS, type HttpDeps } from '../deps.ts';
import { planAnswer } from '../plan-schemas.ts';
import { answers, idParams, requestAnswer } from '../schemas.ts';
import { SUBMIT_LIMIT, viewOf } from './requests.ts';

/** How often the row of a plan is read while an answer waits for a worker, in milliseconds. */
export const READ_EVERY_MS = 200;

const applyBody = z
  .strictObject({
    allow_changes: z.boolean().default(false).describe('Goes ahead without the numbers that are gone, and at the prices of now'),
  })
  .meta({ id: 'ApplyPlan', description: 'How to apply a plan' });

const madeAnswer = planAnswer
  .extend({ notes: z.array(z.string()).optional().describe('How a CSV was read') })
  .meta({ id: 'MadePlan', description: 'The plan that a worker computes now' });

/** Routes for plans: what a request would do, and filing exactly that. */
export function planRoutes(app: App, { producer, timings }: HttpDeps): void {
  const timeoutMs = timings?.planMs ?? HTTP_TIMINGS.planMs;
  app.route({
    method: 'POST',
    url: '/v1/plans',
    bodyLimit: SUBMIT_LIMIT,
    schema: {
      operationId: 'createPlan',
      tags: ['plans'],
      summary: 'Ask what a request would do',
      description:
        'The body is that of a request, also as text/csv. Nothing is bought, changed or released; `reserve` of a buy holds its numbers for 30 minutes. A worker computes the plan: read it until its status is not pending.',
      querystring: csvQuery,
      body: requestBody,
      response: answers({ 202: madeAnswer }),
    },
    handler: async (request, reply) => {
      const sent: unknown = request.body;
      const csv = Buffer.isBuffer(sent) ? await csvRequest(sent, request.query) : null;
      const { plan, repeats } = await makePlan(producer, csv?.body ?? sent, { actor: actorOf(request), ...listOptions(csv) });
      const notes = notesOfCsv(csv, repeats);
      return reply
        .code(202)
        .header('location', `/v1/plans/${plan.id}`)
        .send({ ...planView(plan, producer.clock.now()), ...(notes.length > 0 && { notes }) });
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/plans/:id',
    schema: {
      operationId: 'getPlan',
      tags: ['plans'],
      summary: 'One plan',
      params: idParams,
      response: answers({ 200: planAnswer }),
    },
    handler: async ({ params }) => {
      const plan = await readPlan(producer.db, params.id, producer.clock.now());
      if (plan === null) throw notFound(`there is no plan ${params.id}`);
      return plan;
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/plans/:id/apply',
    schema: {
      operationId: 'applyPlan',
      tags: ['plans'],
      summary: 'File the request of a plan, once',
      description:
        'Files a request for exactly the numbers and prices of the plan. Numbers that became dearer or are gone refuse it (409), unless changes are allowed. Applied again, or in parallel, it gives the same request (200). When no worker has done it in time (503), call it again.',
      params: idParams,
      body: applyBody.optional(),
      response: answers({ 200: requestAnswer, 202: requestAnswer }),
    },
    handler: async (request, reply) => {
      const checked = checkShape(applyBody, request.body ?? {});
      if ('problems' in checked) throw invalid(checked.problems);
      const applier = { actor: actorOf(request), allowChanges: checked.data.allow_changes };
      const wait = { everyMs: READ_EVERY_MS, timeoutMs };
      const { requestId, created } = await applyPlan(producer, request.params.id, applier, wait);
      request.log.info({ requestId, planId: request.params.id, actor: actorOf(request) }, 'plan applied');
      const stands = await viewOf(producer.db, requestId);
      return reply
        .code(created ? 202 : 200)
        .header('location', `/v1/requests/${requestId}`)
        .send(stands);
    },
  });
}
