import { z } from 'zod';
import { withinDeadline } from '../../domain/deadline.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { acceptWebhook } from '../../producers/actions/accept-webhook.ts';
import { verifyWebhook, type WebhookEvent } from '../../telnyx/webhook-signature.ts';
import { type App, HTTP_TIMINGS, type HttpDeps } from '../deps.ts';
import { answers } from '../schemas.ts';

/** The largest body of an event, in bytes. An order of 1,000 numbers with its requirements is far smaller. */
const LARGEST_EVENT = 4 * 1024 * 1024;

/** The only event that wakes a poll. */
const USEFUL = 'number_order.complete';

const webhookAnswer = z
  .object({ status: z.enum(['new', 'known', 'ignored']) })
  .meta({ id: 'WebhookReceipt', description: 'The event was stored, was stored before, or is not needed' });

/**
 * Receives Telnyx's webhooks: the signature is checked here, the event is stored once, and a worker applies it. Answers: 200 when
 * the event is stored, known or not needed; 401 when Telnyx did not sign it; 400 when it is signed but not readable; 503 when it
 * is not stored, so that Telnyx delivers it again.
 */
export async function webhookRoutes(app: App, deps: HttpDeps): Promise<void> {
  const { webhookMs } = { ...HTTP_TIMINGS, ...deps.timings };
  await app.register(async (scope: App) => {
    // The signature covers the bytes as received, so nothing may parse them first.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.route({
      method: 'POST',
      url: '/webhooks/telnyx',
      config: { access: 'public' },
      bodyLimit: LARGEST_EVENT,
      schema: {
        operationId: 'receiveTelnyxWebhook',
        tags: ['webhooks'],
        summary: 'Events signed by Telnyx',
        security: [],
        response: answers({ 200: webhookAnswer }),
      },
      handler: async (request) => {
        const event = verified(deps, request.body, request.headers);
        const namesNothing = event.orderId === null && event.customerReference === null;
        if (event.eventType !== USEFUL || namesNothing) return { status: 'ignored' as const };
        return { status: await withinDeadline(store(deps, event), webhookMs, notStored) };
      },
    });
  });
}

function verified(deps: HttpDeps, body: unknown, headers: Readonly<Record<string, string | string[] | undefined>>): WebhookEvent {
  const raw = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const verdict = verifyWebhook(raw, headers, [...deps.webhookKeys], deps.clock.now());
  if (verdict.ok) return verdict.event;
  deps.log.warn({ reason: verdict.reason }, 'a webhook was refused');
  switch (verdict.reason) {
    case 'no_key':
      throw new ProvisioningError('webhooks_off', 'retry', 'no public key of Telnyx is configured (TELNYX_PUBLIC_KEY)');
    case 'malformed':
      throw new ProvisioningError('malformed_event', 'rejected', 'the body is signed, but is no event of Telnyx');
    case 'missing_header':
    case 'bad_timestamp':
    case 'stale':
    case 'bad_signature':
      // All refusals have one text, so that a forger does not learn which check failed.
      throw new ProvisioningError('bad_signature', 'rejected', 'the body is not signed by Telnyx');
  }
}

function store({ producer }: HttpDeps, event: WebhookEvent): Promise<'new' | 'known'> {
  const { id, eventType, orderId, customerReference, occurredAt } = event;
  return acceptWebhook(producer, { id, eventType, orderId, customerReference, occurredAt });
}

/** The answer when storing takes too long. Telnyx delivers the event again, and storing it twice does no harm. */
function notStored(): ProvisioningError {
  return new ProvisioningError('not_stored_in_time', 'retry', 'the event could not be stored in time; deliver it again');
}
