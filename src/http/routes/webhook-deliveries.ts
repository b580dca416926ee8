import { z } from 'zod';
import { defined } from '../../domain/defined.ts';
import { DELIVERY_STATUSES, OUTGOING_EVENTS, type OutgoingEvent } from '../../domain/outgoing.ts';
import { readDeliveries } from '../../producers/read/deliveries.ts';
import type { App, HttpDeps } from '../deps.ts';
import { cursorOption, pageAnswer, pageQuery, ROW } from '../paging.ts';
import { answers, pageOf } from '../schemas.ts';

/** Sound: these are all keys of a literal. */
const TYPES = Object.keys(OUTGOING_EVENTS) as OutgoingEvent[];

const listQuery = z.strictObject({ ...pageQuery, status: z.enum(DELIVERY_STATUSES).optional() });

const moment = z.string().meta({ format: 'date-time', description: 'ISO 8601, UTC' });

const deliveryAnswer = z
  .object({
    id: z.string(),
    webhook_id: z.string().describe('The `webhook-id` of the message; the same for every address and every attempt'),
    type: z.enum(TYPES),
    timestamp: moment,
    url: z.string().describe('The address without its query'),
    status: z.enum(DELIVERY_STATUSES),
    attempts: z.int().min(0),
    next_attempt_at: moment.nullable(),
    ended_at: moment.nullable().describe('When it was accepted or given up'),
    last_status: z.int().nullable().describe('The HTTP status of the last answer'),
    last_error: z.string().nullable(),
  })
  .meta({ id: 'WebhookDelivery', description: 'A message for one address of PROVISIONER_WEBHOOK_URLS' });

/** The route that shows what users were told by webhooks. */
export function webhookDeliveryRoutes(app: App, { producer }: HttpDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/webhook-deliveries',
    schema: {
      operationId: 'listWebhookDeliveries',
      tags: ['webhooks'],
      summary: 'Outgoing webhooks of the last 30 days, newest first',
      querystring: listQuery,
      response: answers({ 200: pageOf(deliveryAnswer) }),
    },
    handler: async ({ query: { limit, cursor, status } }) =>
      pageAnswer(await readDeliveries(producer.db, { limit, ...defined({ status }), ...cursorOption(cursor, ROW) })),
  });
}
