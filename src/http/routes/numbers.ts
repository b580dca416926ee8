import { z } from 'zod';
import { defined } from '../../domain/defined.ts';
import { notFound } from '../../domain/errors.ts';
import { isE164 } from '../../domain/phone-number.ts';
import { filterFields } from '../../producers/intake/filter-shapes.ts';
import { readNumber } from '../../producers/read/history.ts';
import { readInventory } from '../../producers/read/read.ts';
import { NUMBER_COLUMNS, numberRows } from '../../producers/read/streams.ts';
import type { App, HttpDeps } from '../deps.ts';
import type { SendCsv } from '../downloads.ts';
import { cursorOption, pageAnswer, pageQuery } from '../paging.ts';
import { answers, csvAnswer, numberAnswer, numberWithHistory, pageOf } from '../schemas.ts';

const inventoryQuery = z.strictObject({ ...pageQuery, ...filterFields });
const wholeQuery = z.strictObject(filterFields);

const numberParams = z.object({ e164: z.string().refine(isE164, 'is not an E.164 number such as +13125550100') });

/** Routes of the inventory, our record of the account's numbers. */
export function numberRoutes(app: App, { producer: { db } }: HttpDeps, sendCsv: SendCsv): void {
  app.route({
    method: 'GET',
    url: '/v1/numbers',
    schema: {
      operationId: 'listNumbers',
      tags: ['numbers'],
      summary: 'The inventory, by number',
      querystring: inventoryQuery,
      response: answers({ 200: pageOf(numberAnswer) }),
    },
    handler: async ({ query: { limit, cursor, ...filter } }) =>
      pageAnswer(await readInventory(db, defined(filter), { limit, ...cursorOption(cursor, /^\+\d{8,15}$/) })),
  });

  app.route({
    method: 'GET',
    url: '/v1/numbers.csv',
    schema: {
      operationId: 'exportNumbers',
      tags: ['numbers'],
      summary: 'The inventory as CSV, streamed',
      querystring: wholeQuery,
      response: csvAnswer,
    },
    handler: (request, reply) => {
      const rows = numberRows(db, defined(request.query));
      return sendCsv(request, reply, { name: 'numbers', columns: NUMBER_COLUMNS, rows });
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/numbers/:e164',
    schema: {
      operationId: 'getNumber',
      tags: ['numbers'],
      summary: 'One number with its history',
      params: numberParams,
      response: answers({ 200: numberWithHistory }),
    },
    handler: async ({ params: { e164 } }) => {
      const found = await readNumber(db, e164);
      if (found === null) throw notFound(`${e164} was never ours`);
      return found;
    },
  });
}
