import { z } from 'zod';
import { defined } from '../../domain/defined.ts';
import { notFound } from '../../domain/errors.ts';
import { isE164 } from '../../domain/phone-number.ts';
import { filterFields } from '../../producers/intake/filter-shapes.ts';
import { readNumber } from '../../producers/read/history.ts';
import { readInventory } from '../../producers/read/read.ts';
import type { App, HttpDeps } from '../deps.ts';
import { cursorOption, pageAnswer, pageQuery } from '../paging.ts';
import { answers, numberAnswer, numberWithHistory, pageOf } from '../schemas.ts';

const inventoryQuery = z.strictObject({ ...pageQuery, ...filterFields });

const numberParams = z.object({ e164: z.string().refine(isE164, 'is not an E.164 number such as +13125550100') });

/** Routes of the inventory, our record of the account's numbers. */
export function numberRoutes(app: App, { producer: { db } }: HttpDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/numbers',
    schema: {
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
    url: '/v1/numbers/:e164',
    schema: {
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
