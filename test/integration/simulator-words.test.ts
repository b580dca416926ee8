import Telnyx from 'telnyx';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Fault, type Simulator, startSimulator } from '../../src/simulator/index.ts';

let clock = Date.parse('2026-10-01T00:00:00Z');
let simulator: Simulator;
let client: Telnyx;
let orderId: string;
let jobId: string;
let reservationId: string;

beforeEach(async () => {
  simulator = await startSimulator({ numbers: 2000, owned: 30, now: () => clock });
  client = new Telnyx({ apiKey: 'KEY_SIM', baseURL: simulator.url, maxRetries: 0 });
  const filter = { country_code: 'US', phone_number_type: 'local' as const, reservable: true, limit: 3 };
  const { data = [] } = await client.availablePhoneNumbers.list({ filter });
  const phone_numbers = data.map((row) => ({ phone_number: row.phone_number ?? '' }));
  reservationId = (await client.numberReservations.create({ phone_numbers })).data?.id ?? '';
  orderId = (await client.numberOrders.create({ phone_numbers })).data?.id ?? '';
  jobId = (await client.phoneNumbers.jobs.updateBatch({ phone_numbers: simulator.ownedNumbers(), tags: [] })).data?.id ?? '';
  // The order is in its list now.
  clock += 1100;
});

afterEach(async () => {
  await simulator.stop();
});

const WORD = 'not-seen-before';

/** Everything a client reads of these resources, by path. */
async function everything(): Promise<Record<string, string>> {
  const paths = [
    `/number_orders/${orderId}`,
    '/number_orders',
    `/sub_number_orders?filter[order_request_id]=${orderId}&filter[include_phone_numbers]=true`,
    '/number_order_phone_numbers',
    `/number_reservations/${reservationId}`,
    '/number_reservations',
    `/phone_numbers/jobs/${jobId}`,
    '/phone_numbers/jobs',
    '/phone_numbers',
    '/phone_numbers/slim',
    `/phone_numbers/${encodeURIComponent(simulator.ownedNumbers()[0] ?? '')}`,
  ];
  const texts: Record<string, string> = {};
  for (const path of paths) texts[path.split('?')[0] ?? ''] = JSON.stringify(await client.get(path));
  return texts;
}

/** The paths that show the word, with how often, ids left out. */
async function struckBy(fault: Fault): Promise<Record<string, number>> {
  simulator.faults({ clear: true, faults: [fault] });
  const texts = await everything();
  const ids = [orderId, jobId, reservationId, encodeURIComponent(simulator.ownedNumbers()[0] ?? '')];
  const found: Record<string, number> = {};
  for (const [path, text] of Object.entries(texts)) {
    const hits = text.split(`"${fault.value ?? WORD}"`).length - 1;
    if (hits > 0) found[ids.reduce((name, id) => name.replace(id, 'ID'), path)] = hits;
  }
  return found;
}

it.each([
  ['orders', { match: { path: '^/number_orders(/|$)' } }, { '/number_orders/ID': 1, '/number_orders': 1 }],
  ['orders wherever they are', { resource: 'number_order' }, { '/number_orders/ID': 1, '/number_orders': 1 }],
  [
    'order lines',
    { resource: 'number_order_phone_number' },
    { '/number_orders/ID': 3, '/sub_number_orders': 3, '/number_order_phone_numbers': 3 },
  ],
  [
    'what a line lacks',
    { resource: 'number_order_phone_number', field: 'requirements_status', value: 'mislaid', match: { path: '/number_orders/' } },
    { '/number_orders/ID': 3 },
  ],
  [
    'one line',
    { resource: 'number_order_phone_number', count: 1, match: { path: '/number_orders/' } },
    { '/number_orders/ID': 1 },
  ],
  ['sub orders', { resource: 'sub_number_order' }, { '/sub_number_orders': 1 }],
  ['jobs', { match: { path: '/phone_numbers/jobs' } }, { '/phone_numbers/jobs/ID': 1, '/phone_numbers/jobs': 1 }],
  [
    'the type of jobs',
    { resource: 'phone_numbers_job', field: 'type', match: { path: 'jobs/.+' } },
    { '/phone_numbers/jobs/ID': 1 },
  ],
  ['reservations', { resource: 'number_reservation' }, { '/number_reservations/ID': 1, '/number_reservations': 1 }],
  ['reserved numbers', { resource: 'reserved_phone_number' }, { '/number_reservations/ID': 3, '/number_reservations': 3 }],
  ['numbers', { resource: 'phone_number' }, { '/phone_numbers': 20, '/phone_numbers/slim': 20, '/phone_numbers/ID': 1 }],
  ['one number in four', { match: { path: '^/phone_numbers$' }, fraction: 0.25 }, { '/phone_numbers': 5 }],
  ['emergency of numbers', { field: 'emergency_status', match: { path: '/phone_numbers/slim' } }, { '/phone_numbers/slim': 20 }],
] as const)('an unknown word strikes %s and nothing else', async (_what, how, expected) => {
  expect(await struckBy({ kind: 'unknown_enum', ...how })).toEqual(expected);
  simulator.faults({ clear: true });
  for (const text of Object.values(await everything())) expect(text, 'only the replies are spoiled').not.toContain(WORD);
});

it('counts only replies in which it can strike, and two of them strike one reply', async () => {
  const faults: Fault[] = [
    { kind: 'unknown_enum', resource: 'number_order', times: 1 },
    { kind: 'unknown_enum', resource: 'number_order_phone_number', value: 'half-bought', times: 1 },
  ];
  simulator.faults({ faults });
  await client.balance.retrieve();
  await client.phoneNumbers.list();
  const order = async () => JSON.stringify(await client.numberOrders.retrieve(orderId));
  const spoiled = await order();
  expect([spoiled.includes(WORD), spoiled.includes('half-bought')]).toEqual([true, true]);
  expect(simulator.faultStates().map(({ seen, struck }) => [seen, struck])).toEqual([
    [1, 1],
    [1, 1],
  ]);
  expect(await order()).not.toContain(WORD);
});
