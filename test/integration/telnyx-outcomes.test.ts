import type { ServerResponse } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { freePort } from '../../src/app/embedded-postgres/free-port.ts';
import { createTelnyxGateway } from '../../src/telnyx/client.ts';
import { type Answer, failure, json, KEY, order, refusal, telnyx } from '../support/telnyx-server.ts';

describe('an order whose outcome is not known', () => {
  const cut: Answer = (res) => {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
    res.write('{"data":');
    setTimeout(() => res.destroy(), 20);
  };
  const spoiled =
    (status: number, then: (res: ServerResponse) => void): Answer =>
    (res) => {
      res.writeHead(status, { 'content-type': 'application/json', 'content-length': '500' });
      res.write('{"errors":[{"code":"850');
      then(res);
    };
  it.each<[string, Answer]>([
    [
      'a body that stalls after the headers',
      (res) => void res.writeHead(200, { 'content-type': 'application/json' }).write('{"data":'),
    ],
    ['no answer at all', () => undefined],
    ['a body that is cut', cut],
    ['a reset before the headers', (res) => res.destroy()],
    ['broken JSON', (res) => void res.writeHead(200, { 'content-type': 'application/json' }).end('{"data":{')],
    ['HTML', (res) => void res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>ok</h1>')],
    ['204', (res) => void res.writeHead(204).end()],
    ['an empty body', (res) => void res.writeHead(200, { 'content-type': 'application/json' }).end()],
    ['no data', json(200, {})],
    ['no id', json(200, { data: { status: 'pending' } })],
    ['an empty id', json(200, { data: { id: '' } })],
    ['500', refusal(500, '10007')],
    ['502 with HTML', (res) => void res.writeHead(502, { 'content-type': 'text/html' }).end('<h1>bad gateway</h1>')],
    ['503', json(503, {}, { 'retry-after': '0' })],
    ['408', json(408, {})],
    ['409 without a code', json(409, {})],
    ['an answer that asks for a retry', json(500, {}, { 'x-should-retry': 'true', 'retry-after': '0' })],
    ['a redirect', (res) => void res.writeHead(307, { location: '/v2/number_orders' }).end()],
    ...[400, 409, 422].flatMap((status): [string, Answer][] => [
      [`${status} with HTML`, (res) => void res.writeHead(status, { 'content-type': 'text/html' }).end('<h1>no</h1>')],
      [`${status} without a body`, (res) => void res.writeHead(status).end()],
      [`${status} whose body is cut`, spoiled(status, (res) => setTimeout(() => res.destroy(), 20))],
      [`${status} whose body stalls`, spoiled(status, () => undefined)],
    ]),
  ])('%s: ambiguous, within the deadline, and sent exactly once', async (_what, answer) => {
    const { gateway, hits } = await telnyx(answer, { deadlines: { orders: 1_500 } });
    const startedAt = Date.now();
    expect((await failure(order(gateway))).disposition).toBe('ambiguous');
    expect(Date.now() - startedAt).toBeLessThan(6_000);
    expect(hits).toHaveLength(1);
    expect(hits[0]?.headers['x-stainless-retry-count']).toBe('0');
  });

  it('a refused connection means that nothing was sent', async () => {
    const { gateway } = await telnyx(json(200, {}), { baseURL: `http://127.0.0.1:${await freePort()}/v2` });
    const error = await failure(order(gateway));
    expect([error.code, error.disposition]).toEqual(['not_sent', 'retry']);
  });

  it('a reply that echoes the key does not bring it into the error', async () => {
    const { gateway } = await telnyx((res, hit) =>
      json(500, { errors: [{ code: '1', title: `you sent ${hit.headers.authorization}` }] })(res, hit, 1),
    );
    expect((await failure(order(gateway))).message).toContain('[redacted]');
  });
});

describe('the API key', () => {
  it.each([undefined, '', '  ', 'two words', 'line\nbreak'])('%j is refused when the gateway is made', (apiKey) => {
    const thrown = (() => {
      try {
        createTelnyxGateway({ apiKey });
        return null;
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toMatchObject({ code: 'bad_key', disposition: 'account' });
  });

  it('cannot be replaced by the environment', async () => {
    vi.stubEnv('TELNYX_CLIENT_ID', 'id');
    vi.stubEnv('TELNYX_CLIENT_SECRET', 'secret');
    vi.stubEnv('TELNYX_API_KEY', 'OTHER');
    vi.stubEnv('TELNYX_CUSTOM_HEADERS', 'Authorization: Bearer OTHER');
    const { gateway, hits } = await telnyx(json(200, { data: { balance: '1.00', available_credit: '2.00', currency: 'USD' } }));
    expect(await gateway.balance()).toEqual({ balance: '1.00', availableCredit: '2.00', currency: 'USD' });
    expect(hits[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });
});
