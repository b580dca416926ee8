import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';

/** What a signed Telnyx event says. The order fields are set on number order events only. */
export interface WebhookEvent {
  /** Telnyx may deliver an event several times, always with the same id. */
  id: string;
  eventType: string;
  /** `null` also when the text is not a plausible time. */
  occurredAt: Date | null;
  /** The documented example of Telnyx has neither id nor status. Then only the reference identifies the order. */
  orderId: string | null;
  orderStatus: string | null;
  customerReference: string | null;
}

/** `malformed`: the signature is good, but the body is not what Telnyx documents. It is no attack, and it cannot be used. */
export type WebhookRefusal = 'no_key' | 'missing_header' | 'bad_timestamp' | 'stale' | 'bad_signature' | 'malformed';

export type WebhookVerdict = { ok: true; event: WebhookEvent } | { ok: false; reason: WebhookRefusal };

export type WebhookHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Seconds of tolerance in both directions, as in Telnyx's own verifier. */
const TOLERANCE_S = 300;

/** DER of an Ed25519 public key up to the 32 raw bytes that Telnyx hands out (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Checks Telnyx's Ed25519 signature over `timestamp|raw body` and reads the event. `rawBody` must be the bytes as received.
 * During a rotation several keys are valid at once. The SDK's own check is not used: it reads the clock itself and takes one key.
 */
export function verifyWebhook(
  rawBody: Buffer | string,
  headers: WebhookHeaders,
  publicKeys: string[],
  now: Date,
): WebhookVerdict {
  const keys = publicKeys.flatMap((text) => parseWebhookKey(text) ?? []);
  if (keys.length === 0) return { ok: false, reason: 'no_key' };
  const signature = header(headers, 'telnyx-signature-ed25519');
  const timestamp = header(headers, 'telnyx-timestamp');
  if (signature === null || timestamp === null) return { ok: false, reason: 'missing_header' };
  if (!/^\d{1,12}$/.test(timestamp)) return { ok: false, reason: 'bad_timestamp' };
  const age = Math.floor(now.getTime() / 1000) - Number(timestamp);
  if (Math.abs(age) > TOLERANCE_S) return { ok: false, reason: 'stale' };
  const signed = Buffer.concat([Buffer.from(`${timestamp}|`), Buffer.from(rawBody)]);
  const bytes = strictBase64(signature, 64);
  if (bytes === null || !keys.some((key) => verify(null, signed, key, bytes))) return { ok: false, reason: 'bad_signature' };
  const event = readEvent(rawBody.toString());
  return event === null ? { ok: false, reason: 'malformed' } : { ok: true, event };
}

/** A public key as the Telnyx portal shows it: the raw 32 bytes in base64. `null` when the text is no such thing. */
export function parseWebhookKey(text: string): KeyObject | null {
  const raw = strictBase64(text.trim(), 32);
  return raw === null ? null : createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

/** Telnyx's own ids are 36 characters long, and an order's reference may have 255. */
const LONGEST_ID = 200;
const LONGEST_TEXT = 255;

/** Text that Postgres and the queue can store: no NUL, no half of a surrogate pair, not endless. */
const stored = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .refine((value) => !value.includes('\0') && isWellFormed(value));
const id = stored(LONGEST_ID).regex(/^[\x21-\x7e]+$/);

/** A field that is absent, empty or of another type counts as missing. Text that cannot be stored makes the event unreadable. */
const optional = (schema: z.ZodType<string>) =>
  z.preprocess((value) => (typeof value === 'string' && value !== '' ? value : null), schema.nullable());

const envelope = z.object({
  data: z.object({ id, event_type: id, occurred_at: z.unknown().optional(), payload: z.unknown().optional() }),
});
const orderPayload = z.object({
  id: optional(id),
  status: optional(stored(LONGEST_TEXT)),
  customer_reference: optional(stored(LONGEST_TEXT)),
});

function readEvent(body: string): WebhookEvent | null {
  const parsed = envelope.safeParse(parseJson(body));
  if (!parsed.success) return null;
  const { id, event_type: eventType, occurred_at, payload } = parsed.data.data;
  const base = { id, eventType, occurredAt: timeOf(occurred_at) };
  if (!eventType.startsWith('number_order.')) return { ...base, orderId: null, orderStatus: null, customerReference: null };
  const order = orderPayload.safeParse(payload);
  if (!order.success) return null;
  const { id: orderId, status: orderStatus, customer_reference: customerReference } = order.data;
  return { ...base, orderId, orderStatus, customerReference };
}

/** Refuses years that JavaScript reads and Postgres cannot store. No event occurred in them. */
function timeOf(value: unknown): Date | null {
  const at = new Date(typeof value === 'string' ? value : Number.NaN);
  const year = at.getUTCFullYear();
  return year >= 2000 && year < 10_000 ? at : null;
}

/** `String.prototype.isWellFormed` of newer typings: a half of a surrogate pair does not survive UTF-8. */
function isWellFormed(value: string): boolean {
  return Buffer.from(value).toString() === value;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function header(headers: WebhookHeaders, name: string): string | null {
  for (const [key, value] of Object.entries(headers)) {
    if (key.toLowerCase() === name) return typeof value === 'string' && value !== '' ? value : null;
  }
  return null;
}

/** Node reads base64 leniently. This refuses a signature or key in any spelling but the strict one. */
function strictBase64(value: string, length: number): Buffer | null {
  if (value.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return null;
  const bytes = Buffer.from(value, 'base64');
  return bytes.length === length ? bytes : null;
}
