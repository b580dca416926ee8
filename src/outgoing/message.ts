import { Webhook } from 'standardwebhooks';
import { packageVersion } from '../config/version.ts';
import type { WebhookTarget } from '../config/webhook-targets.ts';
import type { LeasedDelivery } from '../db/webhook-deliveries.ts';

/** A message in the form of Standard Webhooks: the same body and id in every attempt, and a signature of this moment. */
export function messageOf(
  { messageId, type, at, data }: Pick<LeasedDelivery, 'messageId' | 'type' | 'at' | 'data'>,
  { signingKey }: Pick<WebhookTarget, 'signingKey'>,
  now: Date,
): { headers: Record<string, string>; body: string } {
  const body = JSON.stringify({ type, timestamp: at.toISOString(), data });
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': `provisioner/${packageVersion()}`,
    'webhook-id': messageId,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    ...(signingKey !== null && { 'webhook-signature': new Webhook(signingKey.reveal()).sign(messageId, now, body) }),
  };
  return { headers, body };
}
