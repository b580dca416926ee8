import { z } from 'zod';
import { listDrift } from '../../db/queries/drift.ts';
import { findRun } from '../../db/queries/runs.ts';
import { notFound } from '../../domain/errors.ts';
import { acceptRun } from '../../producers/actions/accept-run.ts';
import { choiceBody, parseChoice } from '../../producers/actions/parse-choice.ts';
import { repairRun } from '../../producers/actions/repair-run.ts';
import { acceptAnswer, repairAnswer } from '../../producers/read/drift-answers.ts';
import { DRIFT_COLUMNS, streamRunDrift } from '../../producers/read/read.ts';
import { driftView } from '../../producers/read/views.ts';
import { actorOf } from '../auth.ts';
import type { App, HttpDeps } from '../deps.ts';
import type { SendCsv } from '../downloads.ts';
import { pageQuery, ROW, readCursor, writeCursor } from '../paging.ts';
import {
  acceptAnswer as acceptShape,
  answers,
  csvAnswer,
  driftAnswer,
  idParams,
  pageOf,
  repairAnswer as repairShape,
} from '../schemas.ts';

/** Enough for 100,000 numbers and the rest of the body. */
const CHOICE_LIMIT = 32 * 1024 * 1024;

const driftQuery = z.strictObject({
  ...pageQuery,
  open: z
    .enum(['true', 'false'])
    .transform((word) => word === 'true')
    .optional()
    .describe('true: only open differences'),
});

/** Routes for the drift that a run found, and for accepting or repairing it. */
export function driftRoutes(app: App, { producer }: HttpDeps, sendCsv: SendCsv): void {
  const { reads } = producer.db;
  const mustBeThere = async (id: string): Promise<void> => {
    if ((await findRun(reads, id)) === null) throw notFound(`there is no reconciliation ${id}`);
  };

  app.route({
    method: 'GET',
    url: '/v1/reconciliations/:id/drift',
    schema: {
      operationId: 'listDrift',
      tags: ['reconciliations'],
      summary: 'The differences that a run found, for the first time or again',
      params: idParams,
      querystring: driftQuery,
      response: answers({ 200: pageOf(driftAnswer) }),
    },
    handler: async ({ params: { id }, query: { limit, cursor, open = false } }) => {
      await mustBeThere(id);
      const after = readCursor(cursor, ROW);
      const rows = await listDrift(reads, id, limit + 1, after === null ? null : Number(after), { open });
      const shown = rows.slice(0, limit);
      return { data: shown.map(driftView), next_cursor: rows.length > limit ? writeCursor(shown.at(-1)?.id ?? null) : null };
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/reconciliations/:id/drift.csv',
    schema: {
      operationId: 'exportDrift',
      tags: ['reconciliations'],
      summary: 'All differences of the run as CSV, streamed',
      params: idParams,
      response: csvAnswer,
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      await mustBeThere(id);
      return sendCsv(request, reply, { name: id, columns: DRIFT_COLUMNS, rows: streamRunDrift(producer.db, id) });
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/reconciliations/:id/repair',
    bodyLimit: CHOICE_LIMIT,
    schema: {
      operationId: 'repairDrift',
      tags: ['reconciliations'],
      summary: 'Repair changed fields, also days later',
      description: 'It files ordinary update requests from the stored rows. A repeat files nothing twice.',
      params: idParams,
      body: choiceBody.optional(),
      response: answers({ 200: repairShape.describe('There was nothing to file'), 202: repairShape }),
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      const done = await repairRun(producer, id, { ...parseChoice(request.body), actor: actorOf(request) });
      return reply.code(done.filed.length > 0 ? 202 : 200).send(await repairAnswer(producer.db, id, done));
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/reconciliations/:id/accept',
    bodyLimit: CHOICE_LIMIT,
    schema: {
      operationId: 'acceptDrift',
      tags: ['reconciliations'],
      summary: 'Accept what the account shows',
      params: idParams,
      body: choiceBody.optional(),
      response: answers({ 200: acceptShape }),
    },
    handler: async (request) => {
      const { id } = request.params;
      const done = await acceptRun(producer, id, parseChoice(request.body), actorOf(request));
      request.log.info({ runId: id, actor: actorOf(request), ...done.accepted }, 'drift was accepted');
      return acceptAnswer(producer.db, id, done);
    },
  });
}
