import { z } from 'zod';
import { defined } from '../../domain/defined.ts';
import { ITEM_STATUSES } from '../../domain/request.ts';
import { ITEM_COLUMNS, listItems, readChunks, streamItems } from '../../producers/read/read.ts';
import type { App, HttpDeps } from '../deps.ts';
import type { SendCsv } from '../downloads.ts';
import { cursorOption, pageAnswer, pageQuery, ROW } from '../paging.ts';
import { answers, chunkAnswer, csvAnswer, idParams, itemAnswer, pageOf } from '../schemas.ts';
import { viewOf } from './requests.ts';

const itemQuery = z.strictObject({ ...pageQuery, status: z.enum(ITEM_STATUSES).optional() });

/** Routes for the items and chunks of a request. */
export function requestItemRoutes(app: App, { producer: { db } }: HttpDeps, sendCsv: SendCsv): void {
  app.route({
    method: 'GET',
    url: '/v1/requests/:id/items',
    schema: {
      operationId: 'listRequestItems',
      tags: ['requests'],
      summary: 'Items in the order they were asked for',
      params: idParams,
      querystring: itemQuery,
      response: answers({ 200: pageOf(itemAnswer) }),
    },
    handler: async ({ params: { id }, query: { cursor, ...filter } }) => {
      await viewOf(db, id);
      return pageAnswer(await listItems(db, id, { limit: filter.limit, ...defined(filter), ...cursorOption(cursor, ROW) }));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/requests/:id/items.csv',
    schema: {
      operationId: 'exportRequestItems',
      tags: ['requests'],
      summary: 'All items as CSV, streamed',
      params: idParams,
      response: csvAnswer,
    },
    handler: async (request, reply) => {
      const { id } = request.params;
      await viewOf(db, id);
      return sendCsv(request, reply, { name: id, columns: ITEM_COLUMNS, rows: streamItems(db, id) });
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/requests/:id/chunks',
    schema: {
      operationId: 'listRequestChunks',
      tags: ['requests'],
      summary: 'The calls to Telnyx that carry the request',
      params: idParams,
      response: answers({ 200: pageOf(chunkAnswer) }),
    },
    handler: async ({ params: { id } }) => {
      await viewOf(db, id);
      return pageAnswer({ data: await readChunks(db, id), nextCursor: null });
    },
  });
}
