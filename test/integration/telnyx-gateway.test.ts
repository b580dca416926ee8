import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { createTelnyxGateway, type TelnyxGatewayOptions } from '../../src/telnyx/client.ts';
import type { SearchCriteria, TelnyxGateway } from '../../src/telnyx/gateway.ts';
import type { CallInfo } from '../../src/telnyx/transport.ts';

const KEY = 'KEY0199SECRETSECRET';
const FAST = { search: 500, orders: 500, jobs: 500, reads: 500, messaging: 500, ownership: 500, reservations: 500 };

interface Hit {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
  headers: IncomingMessage['headers'];
}

type Answer = (res: ServerResponse, hit: Hit, nth: number) => void;

const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const thing of open.splice(0)) await thing.close();
});

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (res) => {
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
const refusal = (status: number, code: string, pointer = ''): Answer =>
  json(status, { errors: [{ code, title: 'No', source: { pointer } }] });

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

async function telnyx(
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

async function failure(call: Promise<unknown>): Promise<ProvisioningError> {
  const thrown = await call.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof ProvisioningError)) throw new Error(`expected a ProvisioningError, got ${String(thrown)}`);
  const everything = `${thrown.message} ${JSON.stringify(thrown.details)} ${String(thrown.cause)} ${thrown.stack ?? ''}`;
  expect(everything).not.toContain(KEY);
  return thrown;
}

const N1 = '+13125550101';
const N2 = '+13125550102';
const order = (gateway: TelnyxGateway) => gateway.createOrder([N1, N2], 'ref-1', {});

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
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const gateway = createTelnyxGateway({ apiKey: KEY, baseURL: `http://127.0.0.1:${port}/v2` });
    open.push(gateway);
    const error = await failure(order(gateway));
    expect([error.code, error.disposition]).toEqual(['not_sent', 'retry']);
  });

  it('a reply that echoes the key does not bring it into the error', async () => {
    const { gateway } = await telnyx((res, hit) =>
      json(500, { errors: [{ code: '1', title: `you sent ${hit.headers.authorization}` }] })(res, hit, 1),
    );
    expect((await failure(order(gateway))).message).toContain('***');
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

const US: SearchCriteria = { countryCode: 'US', phoneNumberType: 'local', bestEffort: false, limit: 10 };
const row = (phone_number: string, more: object = {}): object => ({
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

describe('a search', () => {
  async function found(rows: object[], criteria: Partial<SearchCriteria> = {}): Promise<string[]> {
    const { gateway } = await telnyx(json(200, { data: rows }));
    const result = await gateway.search({ ...US, ...criteria });
    expect(result.seen).toBe(rows.length);
    return result.offers.map((o) => o.phoneNumber);
  }

  it('says type, limit and best effort explicitly and joins the features', async () => {
    const { gateway, hits } = await telnyx(json(200, { data: [row(N1)] }));
    const { offers } = await gateway.search({
      ...US,
      features: ['sms', 'voice'],
      nationalDestinationCode: '312',
      endsWith: '01',
    });
    expect(Object.fromEntries(hits[0]?.query ?? [])).toEqual({
      'filter[country_code]': 'US',
      'filter[phone_number_type]': 'local',
      'filter[limit]': '10',
      'filter[best_effort]': 'false',
      'filter[features]': 'sms,voice',
      'filter[national_destination_code]': '312',
      'filter[phone_number][ends_with]': '01',
    });
    expect(offers).toEqual([{ phoneNumber: N1, upfrontCost: '1.00', monthlyCost: '1.10', currency: 'USD', bestEffort: false }]);
  });

  it('reads 400 with 10031 as nothing found, and any other refusal as one', async () => {
    const { gateway } = await telnyx((res, hit, nth) => refusal(400, nth === 1 ? '10031' : '10032')(res, hit, nth));
    expect(await gateway.search(US)).toEqual({ offers: [], seen: 0, more: false });
    expect((await failure(gateway.search(US))).code).toBe('invalid_request');
  });

  it('drops masked numbers', async () => expect(await found([row('+1312555xxxx'), row(N1)])).toEqual([N1]));
  it('drops a wrong area code', async () =>
    expect(await found([row('+12125550100'), row(N1)], { nationalDestinationCode: '312' })).toEqual([N1]));
  it('drops another country', async () => expect(await found([row('+493512345678'), row(N1)])).toEqual([N1]));
  it('drops +1 numbers of other countries: Canada and Jamaica are not the US', async () => {
    expect(await found([row('+14165550100'), row('+18765550100'), row(N1)])).toEqual([N1]);
    expect(await found([row('+14165550100'), row(N1)], { countryCode: 'CA' })).toEqual(['+14165550100']);
    expect(await found([row('+14165550100', { best_effort: true })], { bestEffort: true })).toEqual([]);
  });
  it('believes the country that a row states, and drops one that states another', async () => {
    const stating = (region_name: string): object => ({ region_information: [{ region_type: 'country_code', region_name }] });
    expect(await found([row(N1, stating('CA')), row(N2, stating('us'))])).toEqual([N2]);
    // Neither a word that is no country code nor a code that the plan does not know contradicts.
    expect(await found([row(N1, stating('United States')), row('+18225550100')])).toEqual([N1, '+18225550100']);
  });
  it('drops other countries beyond +1 too', async () =>
    expect(await found([row('+493512345678'), row('+442071838750')], { countryCode: 'GB' })).toEqual(['+442071838750']));
  it('drops toll-free numbers in a search for local ones, and the other way round', async () => {
    const rows = [row('+18885550123'), row(N1)];
    expect(await found(rows)).toEqual([N1]);
    expect(await found(rows, { phoneNumberType: 'toll_free' })).toEqual(['+18885550123']);
    expect(await found(rows, { phoneNumberType: 'toll_free', countryCode: 'CA' })).toEqual(['+18885550123']);
  });
  it('drops near misses that nobody asked for', async () => expect(await found([row(N1, { best_effort: true })])).toEqual([]));
  it('keeps near misses on request', async () =>
    expect(
      await found([row('+17735550100', { best_effort: true })], { bestEffort: true, nationalDestinationCode: '312' }),
    ).toEqual(['+17735550100']));
  it('drops a number without a wanted feature', async () =>
    expect(await found([row(N1, { features: [{ name: 'sms' }] })], { features: ['voice'] })).toEqual([]));
  it('drops a number without a readable price', async () =>
    expect(
      await found([
        row(N1, { cost_information: { upfront_cost: 'free', monthly_cost: '1', currency: 'USD' } }),
        row(N2, { cost_information: null }),
      ]),
    ).toEqual([]));
  it('drops another state or city, whatever the case', async () => {
    expect(await found([row(N1)], { administrativeArea: 'il', locality: 'CHICAGO' })).toEqual([N1]);
    expect(await found([row(N1)], { administrativeArea: 'NY' })).toEqual([]);
    expect(await found([row(N1)], { locality: 'Joliet' })).toEqual([]);
  });
  it('keeps a number whose region is not stated or named otherwise', async () => {
    expect(await found([row(N1, { region_information: [] })], { administrativeArea: 'NY' })).toEqual([N1]);
    expect(await found([row(N1)], { administrativeArea: 'Illinois' })).toEqual([N1]);
  });
  it.each([
    [0, undefined, 1_000, false],
    [0, 900, 1_000, false],
    [49, undefined, 1_000, false],
    [49, 49, 1_000, false],
    [49, 50, 1_000, true],
    [50, undefined, 1_000, true],
    [50, 50, 1_000, true],
    [250, 7_000, 1_000, true],
    [9, undefined, 10, false],
    [10, undefined, 10, true],
  ])('%i rows of a total of %j, asked for with limit %i: more on sale is %j', async (rows, total_results, limit, more) => {
    const data = Array.from({ length: rows }, (_, i) => row(`+1312555${String(1_000 + i)}`));
    const { gateway } = await telnyx(json(200, { data, ...(total_results !== undefined && { meta: { total_results } }) }));
    expect(await gateway.search({ ...US, limit })).toMatchObject({ seen: rows, more });
  });
  it('drops digits that were not asked for, and doubles', async () => {
    expect(await found([row(N1), row(N2), row(N1)], { endsWith: '01' })).toEqual([N1]);
    expect(await found([row(N1)], { nationalDestinationCode: '312', startsWith: '777' })).toEqual([]);
  });
});

describe('orders', () => {
  it('carry settings and requirement groups, and come back with their lines', async () => {
    const { gateway, hits } = await telnyx(
      json(200, {
        data: {
          id: 'o-1',
          status: 'brand-new-status',
          customer_reference: 'ref-1',
          requirements_met: false,
          sub_number_orders_ids: ['s-1'],
          phone_numbers: [
            { id: 'line', phone_number: N1, status: 'pending', requirements_met: false },
            { phone_number: 'masked' },
          ],
        },
      }),
    );
    const made = await gateway.createOrder([N1, N2, N1], 'ref-1', {
      connection_id: 'c',
      requirement_group_id: 'g',
      reserve: true,
    });
    expect(hits[0]?.body).toEqual({
      customer_reference: 'ref-1',
      connection_id: 'c',
      phone_numbers: [N1, N2].map((phone_number) => ({ phone_number, requirement_group_id: 'g' })),
    });
    expect(made).toEqual({
      id: 'o-1',
      status: 'brand-new-status',
      customerReference: 'ref-1',
      requirementsMet: false,
      createdAt: null,
      unmetLineId: 'line',
      subOrderIds: ['s-1'],
      lines: [{ phoneNumber: N1, status: 'pending', requirementsMet: false }],
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['an id of a sub order that is no text', { sub_number_orders_ids: ['s-1', 7] }],
    ['sub orders that are no list', { sub_number_orders_ids: 's-1' }],
    ['a line that is nothing', { phone_numbers: [null, 'x', { phone_number: N1, status: 'success' }] }],
    ['a list of lines that is none', { phone_numbers: { count: 1 } }],
  ])('%s does not make an accepted order one of unknown outcome', async (_what, odd) => {
    const { gateway } = await telnyx(json(200, { data: { id: 'o-1', status: 'pending', ...odd } }));
    const made = await order(gateway);
    expect([made.id, made.subOrderIds]).toEqual(['o-1', []]);
    expect(made.lines.map((l) => l.phoneNumber)).toEqual(Array.isArray(odd['phone_numbers']) ? [N1] : []);
  });

  it('paperwork that is missing is told by its status, and where none is shown by whether a value was given', async () => {
    const regulatory_requirements = [
      { field_type: 'address', field_value: 'a-1' },
      { field_type: 'document' },
      { field_type: 'textual', field_value: '' },
      { field_type: 'datetime', status: 'approved' },
      { field_type: 'passport', status: 'pending-approval', field_value: 'p-1' },
    ];
    const { gateway } = await telnyx(json(200, { data: { id: 'line', deadline: 'soon', regulatory_requirements } }));
    expect(await gateway.paperwork('line')).toEqual({
      deadline: 'soon',
      missing: ['document', 'textual', 'passport pending-approval'],
    });
  });

  it('are found by the exact reference only, over all pages', async () => {
    const pages: Record<string, unknown[]> = {
      '1': [{ id: 'a', customer_reference: 'ref-10' }, { id: 'b', customer_reference: 'REF-1' }, { id: 'c' }],
      '2': [{ id: 'd', customer_reference: 'ref-1', phone_numbers: [{ id: 'x', phone_number: N1 }] }],
    };
    const { gateway, hits } = await telnyx((res, hit, nth) => {
      const page = hit.query.get('page[number]') ?? '';
      json(200, { data: pages[page] ?? [], meta: { page_number: Number(page), total_pages: 2 } })(res, hit, nth);
    });
    expect((await gateway.findOrders('ref-1')).map((o) => [o.id, o.lines])).toEqual([['d', []]]);
    expect(hits).toHaveLength(2);
    expect(hits[0]?.query.get('filter[customer_reference]')).toBe('ref-1');
  });

  it.each<[string, Answer]>([
    ['HTML', (res) => void res.writeHead(200, { 'content-type': 'text/html' }).end('<p>')],
    ['no data', json(200, {})],
    ['204', (res) => void res.writeHead(204).end()],
  ])('a list that answers %s is never taken for "no such order"', async (_what, answer) => {
    const { gateway } = await telnyx(answer);
    expect((await failure(gateway.findOrders('ref-1'))).disposition).toBe('retry');
  });

  it('a list without end is never taken for "no such order"', async () => {
    const { gateway } = await telnyx(json(200, { data: [{ id: 'a', customer_reference: 'other' }] }));
    expect((await failure(gateway.findOrders('ref-1'))).code).toBe('unknown_outcome');
  });

  it('cancel every sub order, passing over those that are no longer pending', async () => {
    const { gateway, hits } = await telnyx((res, hit, nth) =>
      (nth === 1 ? refusal(422, '10015') : json(200, { data: { id: 's' } }))(res, hit, nth),
    );
    await gateway.cancelOrder({
      id: 'o',
      status: 'pending',
      customerReference: null,
      requirementsMet: null,
      createdAt: null,
      unmetLineId: 'line',
      subOrderIds: ['s1', 's2'],
      lines: [],
    });
    expect(hits.map((h) => `${h.method} ${h.path}`)).toEqual([
      'PATCH /v2/sub_number_orders/s1/cancel',
      'PATCH /v2/sub_number_orders/s2/cancel',
    ]);
  });

  it('a reservation counts as held only what the answer shows as held', async () => {
    const { gateway, hits } = await telnyx(
      json(200, {
        data: {
          id: 'r',
          phone_numbers: [
            { phone_number: N1, status: 'success' },
            { phone_number: N2, status: 'failed', errors: 'on hold' },
          ],
        },
      }),
    );
    expect(await gateway.reserve([N1, N2, '+13125550103'], 'ref')).toEqual({
      id: 'r',
      held: [N1],
      refused: [N2, '+13125550103'],
    });
    expect(hits[0]?.body).toEqual({
      customer_reference: 'ref',
      phone_numbers: [N1, N2, '+13125550103'].map((phone_number) => ({ phone_number })),
    });
  });
});

describe('batch jobs', () => {
  const at = (iso: string, more: object = {}): object => ({
    id: iso,
    type: 'update_phone_numbers',
    status: 'pending',
    created_at: iso,
    ...more,
  });

  it('an update never sends a filter, nor a field that Telnyx does not know', async () => {
    const { gateway, hits } = await telnyx(json(202, { data: at('2026-10-01T00:00:00Z') }));
    const settings = { tags: ['a'], deletion_lock_enabled: true, filter: { tag: 'x' }, messaging_profile_id: 'p' };
    await gateway.updateNumbers([N1], settings);
    expect([...(hits[0]?.query.keys() ?? [])]).toEqual([]);
    expect(hits[0]?.body).toEqual({ phone_numbers: [N1], tags: ['a'], deletion_lock_enabled: true });
  });

  it('nothing to change, no numbers or too many never reach Telnyx', async () => {
    const { gateway, hits } = await telnyx(json(202, {}));
    const many = Array.from({ length: 1_001 }, (_, i) => `+1312555${String(i).padStart(4, '0')}`);
    for (const call of [gateway.updateNumbers([N1], {}), gateway.deleteNumbers([]), gateway.deleteNumbers(many)]) {
      expect((await failure(call)).disposition).toBe('bug');
    }
    expect(hits).toEqual([]);
  });

  it('the job cap is back-pressure and foreign numbers are a refusal', async () => {
    const { gateway } = await telnyx((res, hit, nth) =>
      refusal(422, '10015', nth === 1 ? '/base' : '/phone_numbers')(res, hit, nth),
    );
    expect(await failure(gateway.deleteNumbers([N1]))).toMatchObject({ code: 'job_cap', disposition: 'retry' });
    expect(await failure(gateway.deleteNumbers([N1]))).toMatchObject({ code: 'not_owned', disposition: 'rejected' });
  });

  it('switching emergency off sends no address', async () => {
    const { gateway, hits } = await telnyx(json(202, { data: at('2026-10-01T00:00:00Z') }));
    await gateway.updateEmergency([N1], false, 'adr');
    expect(hits[0]?.body).toEqual({ emergency_enabled: false, emergency_address_id: null, phone_numbers: [N1] });
  });

  it('inputs shown by id are resolved through the operations, and partial results are kept', async () => {
    const { gateway } = await telnyx(
      json(200, {
        data: at('2026-10-01T00:00:00Z', {
          status: 'completed',
          phone_numbers: [{ id: '1' }, { phone_number: N2 }, { id: '3' }],
          successful_operations: [{ id: '1', phone_number: N1 }],
          failed_operations: [
            { id: '2', phone_number: N2, errors: [{ code: '10036', title: 'Busy', detail: 'being processed' }] },
          ],
        }),
      }),
    );
    expect(await gateway.getJob('j')).toMatchObject({
      terminal: true,
      phoneNumbers: [N1, N2],
      succeeded: [N1],
      failed: [{ phoneNumber: N2, code: '10036', message: 'Busy - being processed' }],
    });
  });

  it('the list stops at jobs older than asked, less five seconds, and compares on its own', async () => {
    const pages: Record<string, object[]> = {
      '1': [at('2026-10-01T00:00:10Z'), at('2026-10-01T00:00:05Z', { type: 'delete_phone_numbers' })],
      '2': [at('2026-10-01T00:00:20Z'), at('2026-09-30T23:59:56Z'), at('2026-09-30T23:59:54Z')],
      '3': [at('2026-09-30T00:00:00Z')],
    };
    const { gateway, hits } = await telnyx((res, hit, nth) => {
      const page = hit.query.get('page[number]') ?? '';
      json(200, { data: pages[page], meta: { page_number: Number(page), total_pages: 3 } })(res, hit, nth);
    });
    const jobs = await gateway.listJobs('update_phone_numbers', new Date('2026-10-01T00:00:00Z'));
    expect(jobs.map((j) => j.createdAt)).toEqual(['2026-10-01T00:00:20Z', '2026-10-01T00:00:10Z', '2026-09-30T23:59:56Z']);
    expect(hits).toHaveLength(2);
    expect(Object.fromEntries(hits[0]?.query ?? [])).toEqual({
      'filter[type]': 'update_phone_numbers',
      'page[number]': '1',
      'page[size]': '250',
    });
  });

  it('messaging assigns without touching other settings, and reads the three lists', async () => {
    const { gateway, hits } = await telnyx(json(200, { data: { order_id: 'm', pending: [N1], success: [N2], failed: [] } }));
    expect(await gateway.updateMessaging([N1, N2], 'p')).toEqual({ id: 'm', pending: [N1], succeeded: [N2], failed: [] });
    await gateway.updateMessaging([N1], '');
    expect(hits.map((h) => h.body)).toEqual([
      { messaging_profile_id: 'p', numbers: [N1, N2], assign_only: true },
      { messaging_profile_id: '', numbers: [N1] },
    ]);
  });
});

describe('numbers of the account', () => {
  const shown = {
    id: '1583466971586889004',
    phone_number: N1,
    status: 'purchase_pending',
    tags: ['a'],
    deletion_lock_enabled: true,
    messaging_profile_id: 'UNAVAILABLE',
  };

  it('never store UNAVAILABLE, keep ids as text, and write statuses with hyphens', async () => {
    const data = [
      shown,
      { ...shown, phone_number: N2, messaging_profile_id: null },
      { ...shown, id: '77', phone_number: '12345' },
    ];
    const { gateway, hits } = await telnyx(json(200, { data, meta: { page_number: 1, total_pages: 4, total_results: 900 } }));
    const page = await gateway.listNumbers({ pageNumber: 1, pageSize: 500, digits: '+1 (312)' });
    expect(page).toMatchObject({ pageNumber: 1, totalPages: 4, totalResults: 900, leftOut: ['77'] });
    expect(page.numbers.map((n) => [n.phoneNumber, n.messagingProfileId])).toEqual([
      [N1, undefined],
      [N2, null],
    ]);
    expect(page.numbers[0]).toMatchObject({
      telnyxId: '1583466971586889004',
      status: 'purchase-pending',
      deletionLockEnabled: true,
      connectionId: null,
    });
    expect(Object.fromEntries(hits[0]?.query ?? [])).toEqual({
      'page[number]': '1',
      'page[size]': '250',
      sort: 'phone_number',
      handle_messaging_profile_error: 'true',
      'filter[phone_number]': '1312',
    });
  });

  it('a flag that is not shown is not taken for off', async () => {
    const { gateway } = await telnyx(json(200, { data: [{ id: '1', phone_number: N1, status: 'active' }] }));
    const { numbers, totalResults } = await gateway.listNumbers({ pageNumber: 1, pageSize: 250 });
    expect(totalResults).toBeNull();
    expect(numbers[0]).toMatchObject({
      deletionLockEnabled: undefined,
      emergencyEnabled: undefined,
      emergencyStatus: undefined,
      messagingProfileId: undefined,
      tags: undefined,
    });
  });

  it('tags that are not shown, or that are odd, are neither "no tags" nor the end of the page', async () => {
    const rows = [{}, { tags: null }, { tags: 'a' }, { tags: ['a', 7] }, { tags: [] }, { tags: ['a'] }];
    const data = rows.map((r, i) => ({ id: `${i}`, phone_number: `+1312555010${i}`, status: 'active', ...r }));
    const { gateway } = await telnyx(json(200, { data }));
    const { numbers } = await gateway.listNumbers({ pageNumber: 1, pageSize: 250 });
    expect(numbers.map((n) => n.tags)).toEqual([undefined, undefined, undefined, undefined, [], ['a']]);
  });

  it('ownership is a read: a lost answer may be repeated; only numbers that were asked are returned', async () => {
    const { gateway } = await telnyx((res, hit, nth) => {
      if (nth === 1) res.destroy();
      else
        json(200, {
          data: {
            found: [
              { id: '9', number_val_e164: N1 },
              { id: '8', number_val_e164: '+19998887777' },
            ],
            not_found: [N2],
          },
        })(res, hit, nth);
    });
    expect((await failure(gateway.verifyOwnership([N1, N2]))).disposition).toBe('retry');
    expect(await gateway.verifyOwnership([N1, N2])).toEqual(new Map([[N1, '9']]));
    expect(await gateway.verifyOwnership([])).toEqual(new Map());
  });
});

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

  it('the rate rises while the headers show room', async () => {
    const { gateway } = await telnyx(json(200, { data: [] }, { 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '90' }), {
      rates: { search: 50 },
    });
    await gateway.search(US);
    await vi.waitFor(() => expect(gateway.limits().find((l) => l.family === 'search')?.perSecond).toBe(55));
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
