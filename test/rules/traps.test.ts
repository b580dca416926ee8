import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createTelnyxGateway } from '../../src/telnyx/client.ts';
import type { TelnyxGateway } from '../../src/telnyx/gateway.ts';
import { sourcesIn } from '../support/sources.ts';

// Traps of the Telnyx API that no other test covers. docs/guarantees.md lists all of them.

interface Sent {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A gateway, and what reached the server behind it. */
async function telnyx(answer: (res: ServerResponse) => void): Promise<{ gateway: TelnyxGateway; sent: Sent[] }> {
  const sent: Sent[] = [];
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (part: Buffer) => (body += part.toString()));
    req.on('end', () => {
      sent.push({ path: req.url ?? '', headers: req.headers, body });
      answer(res);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const gateway = createTelnyxGateway({ apiKey: 'KEY0123', baseURL: `http://127.0.0.1:${port}/v2` });
  open.push(
    () => gateway.close(),
    () => {
      server.closeAllConnections();
      server.close();
    },
  );
  return { gateway, sent };
}

const NUMBER = '+13125550101';

describe('traps of the Telnyx API', () => {
  it('no idempotency key is sent: what identifies an order is the reference in its body', async () => {
    const { gateway, sent } = await telnyx((res) =>
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data: { id: 'o-1', status: 'pending' } })),
    );
    await gateway.createOrder([NUMBER], 'ref-1', {});
    expect(sent.map(({ body }) => JSON.parse(body))).toEqual([
      { customer_reference: 'ref-1', phone_numbers: [{ phone_number: NUMBER }] },
    ]);
    expect(Object.keys(sent[0]?.headers ?? {}).filter((name) => name.includes('idempotency'))).toEqual([]);
    expect(sourcesIn('src/telnyx').filter(({ text }) => text.includes('idempotencyKey'))).toEqual([]);
  });

  it('orders by count are never made: no source names their endpoint', () => {
    const sources = sourcesIn('src');
    expect(sources.some(({ text }) => text.includes('numberOrders.create('))).toBe(true);
    expect(sources.filter(({ text }) => /inexplicit/i.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('a 429 is never taken for an empty answer, whatever its body says', async () => {
    const { gateway, sent } = await telnyx((res) =>
      res
        .writeHead(429, { 'content-type': 'application/json', 'x-ratelimit-reset': '60' })
        .end(JSON.stringify({ data: [], meta: { total_results: 0, total_pages: 1 } })),
    );
    const criteria = { countryCode: 'US', phoneNumberType: 'local', bestEffort: false, limit: 10 } as const;
    const calls = [
      () => gateway.search(criteria),
      () => gateway.findOrders('ref-1'),
      () => gateway.listJobs('update_phone_numbers', new Date(0)),
      () => gateway.verifyOwnership([NUMBER]),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'rate_limited', disposition: 'retry' });
    expect(sent.map(({ path }) => path.split('?')[0])).toContain('/v2/available_phone_numbers');
  });
});
