import { describe, expect, it, vi } from 'vitest';
import { failure, json, order, telnyx, US } from '../support/telnyx-server.ts';

describe('pacing', () => {
  it('a 429 pauses its family and no other, and says when to come back', async () => {
    const limited = json(429, { errors: [{ code: '10011' }] }, { 'x-ratelimit-limit': '10', 'x-ratelimit-reset': '60' });
    const { gateway, hits } = await telnyx((res, hit, nth) =>
      (hit.path.endsWith('/number_orders') ? limited : json(200, { data: [] }))(res, hit, nth),
    );
    expect(await failure(order(gateway))).toMatchObject({ code: 'rate_limited', disposition: 'retry', retryAfterMs: 60_000 });
    const second = await failure(order(gateway));
    expect([second.code, second.disposition]).toEqual(['rate_limited', 'retry']);
    expect(second.retryAfterMs).toBeGreaterThan(50_000);
    expect(hits).toHaveLength(1);
    expect((await gateway.search(US)).seen).toBe(0);
    expect(gateway.limits().find((l) => l.family === 'orders')).toMatchObject({
      announced: '10',
      pausedUntil: expect.any(String),
    });
  });

  it('a short pause is waited out', async () => {
    const { gateway, hits } = await telnyx((res, hit, nth) =>
      nth === 1 ? json(429, {}, { 'x-ratelimit-reset': '1' })(res, hit, nth) : json(200, { data: [] })(res, hit, nth),
    );
    await failure(gateway.search(US));
    const startedAt = Date.now();
    await gateway.search(US);
    expect(Date.now() - startedAt).toBeGreaterThan(800);
    expect(hits).toHaveLength(2);
  });

  it('an exhausted window is waited out before Telnyx has to refuse', async () => {
    const { gateway } = await telnyx(
      json(200, { data: [] }, { 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' }),
    );
    await gateway.search(US);
    const startedAt = Date.now();
    await gateway.search(US);
    expect(Date.now() - startedAt).toBeGreaterThan(800);
  });

  it('a rate that nobody set rises while the headers show room', async () => {
    const { gateway } = await telnyx(json(200, { data: [] }, { 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '90' }), {
      rates: {},
    });
    await gateway.search(US);
    await vi.waitFor(() => expect(gateway.limits().find((l) => l.family === 'search')?.perSecond).toBe(2.2));
  });

  it('keeps the rate of its family, and every call is reported', async () => {
    const { gateway, calls } = await telnyx(json(200, { data: [] }), { rates: { search: 20 } });
    const startedAt = Date.now();
    await Promise.all(Array.from({ length: 11 }, () => gateway.search(US)));
    expect(Date.now() - startedAt).toBeGreaterThan(480);
    expect(calls).toHaveLength(11);
    expect(calls[0]).toMatchObject({ family: 'search', operation: 'search', status: 200, code: 'ok' });
  });

  it('a closed gateway refuses without sending', async () => {
    const { gateway, hits } = await telnyx(json(200, { data: [] }));
    await gateway.close();
    expect(await failure(gateway.search(US))).toMatchObject({ code: 'stopping', disposition: 'retry' });
    expect(hits).toEqual([]);
  });

  it('a throwing metric does not make an accepted order ambiguous', async () => {
    const onCall = (): never => {
      throw new Error('metric');
    };
    const { gateway } = await telnyx(json(200, { data: { id: 'o', status: 'pending' } }), { onCall });
    expect((await order(gateway)).id).toBe('o');
  });
});
