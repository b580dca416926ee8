import { addAbortSignal, finished, pipeline, Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import { z } from 'zod';
import { ITEM_STATUSES } from '../../domain/request.ts';
import { listItems, lookAtChunks, streamItems } from '../../producers/look.ts';
import { type App, HTTP_TIMINGS, type HttpDeps } from '../deps.ts';
import { cursorOption, given, pageAnswer, pageQuery, ROW } from '../paging.ts';
import { createPlaces, cutWhenIdle } from '../places.ts';
import { answers, chunkAnswer, errorBody, idParams, itemAnswer, pageOf } from '../schemas.ts';
import { viewOf } from './requests.ts';

const COLUMNS = ['phone_number', 'status', 'reason_code', 'reason', 'line', 'chunk_id', 'telnyx_id', 'updated_at'] as const;

const DOWNLOADS = { each: 4, all: 40 };

const itemQuery = z.strictObject({ ...pageQuery, status: z.enum(ITEM_STATUSES).optional() });

/** What became of each number of a request. */
export function requestItemRoutes(app: App, { producer: { db }, timings }: HttpDeps): void {
  const { idleReaderMs, longestDownloadMs } = { ...HTTP_TIMINGS, ...timings };
  const places = createPlaces('downloads', DOWNLOADS);
  app.route({
    method: 'GET',
    url: '/v1/requests/:id/items',
    schema: {
      tags: ['requests'],
      summary: 'Items in the order they were asked for',
      params: idParams,
      querystring: itemQuery,
      response: answers({ 200: pageOf(itemAnswer) }),
    },
    handler: async ({ params: { id }, query: { cursor, ...filter } }) => {
      await viewOf(db, id);
      return pageAnswer(await listItems(db, id, { limit: filter.limit, ...given(filter), ...cursorOption(cursor, ROW) }));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/requests/:id/items.csv',
    schema: {
      tags: ['requests'],
      summary: 'All items as CSV, streamed',
      params: idParams,
      response: {
        200: { description: 'CSV with a header', content: { 'text/csv': { schema: z.unknown().meta({ type: 'string' }) } } },
        '4xx': errorBody,
      },
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      await viewOf(db, id);
      const leave = places.take(request);
      finished(reply.raw, leave);
      cutWhenIdle(request, idleReaderMs);
      const csv = stringify({ header: true, columns: [...COLUMNS] });
      addAbortSignal(AbortSignal.timeout(longestDownloadMs), csv);
      // Ends the reading of pages too when the client goes away; what was cut shows as a cut transfer.
      pipeline(Readable.from(streamItems(db, id)), csv, (err) => {
        if (err !== null && err !== undefined) request.log.warn({ err, requestId: id }, 'a CSV was cut');
      });
      return reply.type('text/csv; charset=utf-8').header('content-disposition', `attachment; filename="${id}.csv"`).send(csv);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/requests/:id/chunks',
    schema: {
      tags: ['requests'],
      summary: 'The calls to Telnyx that carry the request',
      params: idParams,
      response: answers({ 200: pageOf(chunkAnswer) }),
    },
    handler: async ({ params: { id } }) => {
      await viewOf(db, id);
      return pageAnswer({ data: await lookAtChunks(db, id), nextCursor: null });
    },
  });
}
