import { z } from 'zod';
import { findRun, listRuns } from '../../db/queries/runs.ts';
import type { Run } from '../../db/runs.ts';
import { invalid, notFound } from '../../domain/errors.ts';
import { startRun } from '../../producers/actions/start-run.ts';
import { checkShape } from '../../producers/intake/problem-words.ts';
import { reportRun, reportRuns } from '../../producers/read/read.ts';
import { actorOf } from '../auth.ts';
import type { App, HttpDeps } from '../deps.ts';
import { pageQuery, readCursor, writeCursor } from '../paging.ts';
import { answers, idParams, pageOf, runAnswer } from '../schemas.ts';

const startBody = z
  .strictObject({ repair: z.boolean().default(false).describe('Repair changed fields by an update request') })
  .meta({ id: 'StartReconciliation', description: 'How to run' });
const listQuery = z.strictObject(pageQuery);

/** Routes for comparing the inventory with the account. */
export function reconciliationRoutes(app: App, { producer }: HttpDeps): void {
  const { reads } = producer.db;
  const runOf = async (id: string): Promise<Run> => {
    const run = await findRun(reads, id);
    if (run === null) throw notFound(`there is no reconciliation ${id}`);
    return run;
  };

  app.route({
    method: 'POST',
    url: '/v1/reconciliations',
    schema: {
      operationId: 'startReconciliation',
      tags: ['reconciliations'],
      summary: 'Start a run now',
      body: startBody.optional(),
      response: answers({ 202: runAnswer }),
    },
    handler: async (request, reply) => {
      const checked = checkShape(startBody, request.body ?? {});
      if ('problems' in checked) throw invalid(checked.problems);
      const run = await startRun(producer, 'manual', checked.data.repair, actorOf(request));
      request.log.info({ runId: run.id, actor: actorOf(request) }, 'reconciliation started');
      const report = await reportRun(producer.db, run);
      return reply.code(202).header('location', `/v1/reconciliations/${run.id}`).send(report);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/reconciliations',
    schema: {
      operationId: 'listReconciliations',
      tags: ['reconciliations'],
      summary: 'Runs, newest first',
      querystring: listQuery,
      response: answers({ 200: pageOf(runAnswer) }),
    },
    handler: async ({ query: { limit, cursor } }) => {
      const runs = await listRuns(reads, limit + 1, readCursor(cursor, /^run_\w{1,60}$/));
      const shown = runs.slice(0, limit);
      const next_cursor = runs.length > limit ? writeCursor(shown.at(-1)?.id ?? null) : null;
      return { data: await reportRuns(producer.db, shown), next_cursor };
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/reconciliations/:id',
    schema: {
      operationId: 'getReconciliation',
      tags: ['reconciliations'],
      summary: 'One run',
      params: idParams,
      response: answers({ 200: runAnswer }),
    },
    handler: async ({ params }) => reportRun(producer.db, await runOf(params.id)),
  });
}
