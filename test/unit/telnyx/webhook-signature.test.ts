import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import Telnyx from 'telnyx';
import { describe, expect, it } from 'vitest';
import { parseWebhookKey, verifyWebhook } from '../../../src/telnyx/webhook-signature.ts';

const now = new Date();
const seconds = Math.floor(now.getTime() / 1000);

function keyPair(): { text: string; secret: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { text: publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64'), secret: privateKey };
}

const { text: key, secret } = keyPair();
const body = JSON.stringify({
  data: {
    id: 'ev-1',
    event_type: 'number_order.complete',
    occurred_at: '2026-10-01T00:00:00Z',
    payload: { id: 'order-1', status: 'success', customer_reference: 'ref-ö' },
    record_type: 'event',
  },
  meta: { attempt: 1, delivered_to: 'https://example.test' },
});

function signed(text: string, at = seconds, by = secret): Record<string, string> {
  const signature = sign(null, Buffer.from(`${at}|${text}`), by).toString('base64');
  return { 'telnyx-signature-ed25519': signature, 'telnyx-timestamp': String(at) };
}

describe('a webhook', () => {
  it('that Telnyx signed is read, as text and as bytes, whatever the case of the header names', () => {
    const expected = {
      ok: true,
      event: {
        id: 'ev-1',
        eventType: 'number_order.complete',
        occurredAt: new Date('2026-10-01T00:00:00Z'),
        orderId: 'order-1',
        orderStatus: 'success',
        customerReference: 'ref-ö',
      },
    };
    expect(verifyWebhook(body, signed(body), [key], now)).toEqual(expected);
    const upper = Object.fromEntries(Object.entries(signed(body)).map(([k, v]) => [k.toUpperCase(), v]));
    expect(verifyWebhook(Buffer.from(body), upper, [key], now)).toEqual(expected);
  });

  it('signed with either of two keys is accepted during a rotation', () => {
    const older = keyPair();
    expect(verifyWebhook(body, signed(body, seconds, older.secret), [key, older.text], now).ok).toBe(true);
    expect(verifyWebhook(body, signed(body), ['nonsense', key], now).ok).toBe(true);
  });

  it('of another kind is read without an order', () => {
    const other = JSON.stringify({ data: { id: 'ev-2', event_type: 'advanced_order.status_update', payload: 7 } });
    expect(verifyWebhook(other, signed(other), [key], now)).toMatchObject({
      ok: true,
      event: { orderId: null, orderStatus: null },
    });
  });

  it.each([
    ['a changed body', body.replace('success', 'failure'), signed(body), 'bad_signature'],
    ['the signature of a stranger', body, signed(body, seconds, keyPair().secret), 'bad_signature'],
    ['a signature that is no base64', body, { ...signed(body), 'telnyx-signature-ed25519': '!!' }, 'bad_signature'],
    ['a changed timestamp', body, { ...signed(body), 'telnyx-timestamp': String(seconds - 1) }, 'bad_signature'],
    ['a timestamp that is no number', body, { ...signed(body), 'telnyx-timestamp': 'now' }, 'bad_timestamp'],
    ['no signature', body, { 'telnyx-timestamp': String(seconds) }, 'missing_header'],
    ['no timestamp', body, { 'telnyx-signature-ed25519': 'AAAA' }, 'missing_header'],
    ['an old timestamp', body, signed(body, seconds - 301), 'stale'],
    ['a timestamp of the future', body, signed(body, seconds + 301), 'stale'],
    ['a signed body that is no JSON', 'hello', signed('hello'), 'malformed'],
    ['a signed order event without an order', '{"data":{"id":"e","event_type":"number_order.complete"}}', null, 'malformed'],
  ])('with %s is refused and says why', (_what, text, headers, reason) => {
    expect(verifyWebhook(text, headers ?? signed(text), [key], now)).toEqual({ ok: false, reason });
  });

  it('is accepted up to 300 seconds either way', () => {
    expect(verifyWebhook(body, signed(body, seconds - 300), [key], now).ok).toBe(true);
    expect(verifyWebhook(body, signed(body, seconds + 300), [key], now).ok).toBe(true);
  });

  it('is refused when no usable key is configured', () => {
    expect(verifyWebhook(body, signed(body), ['', 'nonsense'], now)).toEqual({ ok: false, reason: 'no_key' });
    expect(parseWebhookKey('nonsense')).toBeNull();
  });

  it('is judged as the SDK judges it', async () => {
    const client = new Telnyx({ apiKey: 'x', publicKey: key });
    const cases: [string, Record<string, string>][] = [
      [body, signed(body)],
      [`${body} `, signed(body)],
      [body, signed(body, seconds - 290)],
      [body, signed(body, seconds - 310)],
      [body, signed(body, seconds, keyPair().secret)],
      [body, {}],
    ];
    for (const [text, headers] of cases) {
      const theirs = await client.webhooks.unwrap(text, { headers }).then(
        () => true,
        () => false,
      );
      expect(verifyWebhook(text, headers, [key], new Date()).ok).toBe(theirs);
    }
  });
});
