import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, expect, vi } from 'vitest';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { createTelnyxGateway, type TelnyxGatewayOptions } from '../../src/telnyx/client.ts';
import type { SearchCriteria, TelnyxGateway } from '../../src/telnyx/gateway.ts';
import type { CallInfo } from '../../src/telnyx/transport.ts';

export const KEY = 'KEY0199SECRETSECRET';
const FAST = { search: 500, orders: 500, jobs: 500, reads: 500, messaging: 500, ownership: 500, reservations: 500 };

export interface Hit {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
  headers: IncomingMessage['headers'];
}

export type Answer = (res: ServerResponse, hit: Hit, nth: number) => void;

const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const thing of open.splice(0)) await thing.close();
});

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (res) => {
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
export const refusal = (status: number, code: string, pointer = ''): Answer =>
  json(status, { errors: [{ code, title: 'No', source: { pointer } }] });

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

/** Makes the gateway on a server that answers with `answer`. Both are closed after the test. */
export async function telnyx(
  answer: Answer,
  options: Partial<TelnyxGatewayOptions> = {},
): Promise<{ gateway: TelnyxGateway; hits: Hit[]; calls: CallInfo[] }> {
  const hits: Hit[] = [];
  const calls: CallInfo[] = [];
  const server = createServer((req, res) => {
    let text = '';
    req.on('data', (part: Buffer) => (text += part.toString()));
    req.on('end', () => {
      const url = new URL(req.url ?? '', 'http://x');
      const hit = {
        method: req.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        body: text === '' ? null : JSON.parse(text),
        headers: req.headers,
      };
      hits.push(hit);
      answer(res, hit, hits.length);
    });
  });
  const port = await listen(server);
  const gateway = createTelnyxGateway({
    apiKey: KEY,
    baseURL: `http://127.0.0.1:${port}/v2`,
    rates: FAST,
    onCall: (c) => calls.push(c),
    ...options,
  });
  open.push(gateway, {
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return { gateway, hits, calls };
}

/** Returns the error of a refused call, and checks that the key is nowhere in it. */
export async function failure(call: Promise<unknown>): Promise<ProvisioningError> {
  const thrown = await call.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof ProvisioningError)) throw new Error(`expected a ProvisioningError, got ${String(thrown)}`);
  const everything = `${thrown.message} ${JSON.stringify(thrown.details)} ${String(thrown.cause)} ${thrown.stack ?? ''}`;
  expect(everything).not.toContain(KEY);
  return thrown;
}

export const N1 = '+13125550101';
export const N2 = '+13125550102';
export const order = (gateway: TelnyxGateway) => gateway.createOrder([N1, N2], 'ref-1', {});

export const US: SearchCriteria = { countryCode: 'US', phoneNumberType: 'local', bestEffort: false, limit: 10 };
export const row = (phone_number: string, more: object = {}): object => ({
  phone_number,
  best_effort: false,
  features: [{ name: 'sms' }, { name: 'voice' }],
  region_information: [
    { region_type: 'state', region_name: 'IL' },
    { region_type: 'location', region_name: 'Chicago' },
  ],
  cost_information: { upfront_cost: '1.00', monthly_cost: '1.10', currency: 'USD' },
  ...more,
});
