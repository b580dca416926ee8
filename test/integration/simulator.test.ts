import Telnyx from 'telnyx';
import { describe, expect, it } from 'vitest';
import { OLD_SHAPE, SIMULATED_ACCOUNT, SIMULATED_BAD_IDS, type Simulator, startSimulator } from '../../src/simulator/index.ts';
import { eachWithSimulator } from '../support/simulator.ts';

let clock = Date.parse('2026-10-01T00:00:00Z');
let simulator: Simulator;
let client: Telnyx;

eachWithSimulator({ numbers: 20_000, owned: 600, now: () => clock }, (started, itsClient) => {
  simulator = started;
  client = itsClient;
});

async function find(ndc: string, limit: number, extra: object = {}): Promise<string[]> {
  const { data = [] } = await client.availablePhoneNumbers.list({
    filter: { country_code: 'US', phone_number_type: 'local', national_destination_code: ndc, limit, ...extra },
  });
  return data.flatMap((row) => row.phone_number ?? []);
}

async function order(numbers: string[], customer_reference = 'ref-1'): Promise<Telnyx.NumberOrderWithPhoneNumbers> {
  const { data } = await client.numberOrders.create({
    phone_numbers: numbers.map((phone_number) => ({ phone_number })),
    customer_reference,
    connection_id: SIMULATED_ACCOUNT.connectionIds[0],
    messaging_profile_id: SIMULATED_ACCOUNT.messagingProfileIds[0],
  });
  if (!data) throw new Error('no order');
  return data;
}

function refused(status: number, code: string, pointer?: string): object {
  const source = pointer === undefined ? {} : { source: { pointer } };
  return { status, error: { errors: [expect.objectContaining({ code, ...source })] } };
}

describe('search', () => {
  it('has enough of the big areas and sells valid, distinct numbers', async () => {
    for (const [ndc, least] of [
      ['312', 1500],
      ['646', 1000],
      ['773', 1000],
      ['872', 1000],
    ] as const) {
      const numbers = await find(ndc, 5000);
      expect(numbers.length).toBeGreaterThanOrEqual(least);
      expect(new Set(numbers).size).toBe(numbers.length);
      for (const number of numbers) expect(number).toMatch(new RegExp(`^\\+1${ndc}[2-9]\\d{6}$`));
    }
  });

  it('answers no match with 400 and 10031, and ignores what it does not know', async () => {
    await expect(find('999', 5)).rejects.toMatchObject(refused(400, '10031'));
    await expect(find('312', 5, { phone_number: { contains: '5*5' } })).rejects.toMatchObject(refused(400, '10031'));
    const stray = await client.get<{ data: { phone_number: string }[] }>(
      '/available_phone_numbers?national_destination_code=312',
    );
    expect(stray.data.some((row) => !row.phone_number.startsWith('+1312'))).toBe(true);
  });

  it('filters by place, features and digits, and by comma lists when told to', async () => {
    simulator.behave({ featureCommas: 'split' });
    const { data = [] } = await client.availablePhoneNumbers.list({
      filter: {
        country_code: 'US',
        phone_number_type: 'local',
        administrative_area: 'IL',
        locality: 'Chicago',
        features: ['sms', 'voice'],
        limit: 20,
      },
    });
    expect(data).toHaveLength(20);
    for (const row of data) {
      expect(row.features?.map((feature) => feature.name)).toEqual(expect.arrayContaining(['sms', 'voice']));
      expect(row.region_information).toContainEqual({ region_type: 'state', region_name: 'IL' });
    }
    const digits = data[0]?.phone_number?.slice(2) ?? '';
    const { data: exact } = await client.availablePhoneNumbers.list({ filter: { phone_number: { contains: digits } } });
    expect(exact?.map((row) => row.phone_number)).toEqual([data[0]?.phone_number]);
  });

  it('mixes in near misses only on best effort, and dear toll-free numbers without a type', async () => {
    const { data = [], meta } = await client.availablePhoneNumbers.list({
      filter: {
        country_code: 'US',
        phone_number_type: 'local',
        national_destination_code: '206',
        best_effort: true,
        limit: 1000,
      },
    });
    const near = data.filter((row) => row.best_effort);
    expect(data).toHaveLength(1000);
    expect(meta?.best_effort_results).toBe(near.length);
    expect(near.every((row) => !row.phone_number?.startsWith('+1206'))).toBe(true);
    const untyped = await client.availablePhoneNumbers.list({ filter: { country_code: 'US', limit: 20 } });
    expect(
      untyped.data?.some(
        (row) => row.cost_information?.upfront_cost === '500.00' && row.cost_information.monthly_cost === '40.00',
      ),
    ).toBe(true);
  });
});

describe('orders', () => {
  it('buys: pending, then success, charged once, visible late', async () => {
    const numbers = await find('312', 3);
    const created = await order(numbers);
    expect(created).toMatchObject({ status: 'pending', phone_numbers_count: 3, requirements_met: true });
    expect((await client.numberOrders.list({ filter: { customer_reference: 'ref-1' } })).data).toEqual([]);
    clock += 1200;
    const { data: done } = await client.numberOrders.retrieve(created.id ?? '');
    expect(done?.phone_numbers?.map((line) => line.status)).toEqual(['success', 'success', 'success']);
    const [listed] = (await client.numberOrders.list({ filter: { customer_reference: 'ref-1' } })).data;
    expect(Object.keys(listed?.phone_numbers?.[0] ?? {})).toEqual(['id', 'phone_number']);

    expect((await client.phoneNumbers.actions.verifyOwnership({ phone_numbers: numbers })).data?.found).toEqual([]);
    clock += 1500;
    const found = (await client.phoneNumbers.actions.verifyOwnership({ phone_numbers: numbers })).data?.found ?? [];
    expect(found.map((row) => row.number_val_e164)).toEqual(numbers);
    expect(found[0]?.id).toMatch(/^\d{19}$/);
    expect(found.map((row) => row.id)).not.toContain(created.phone_numbers?.[0]?.id);
    await expect(client.phoneNumbers.retrieve(numbers[0] ?? '')).rejects.toMatchObject(refused(404, '10005'));
    clock += 500;
    const { data: number } = await client.phoneNumbers.retrieve(numbers[0] ?? '');
    expect(number).toMatchObject({
      id: found[0]?.id,
      status: 'active',
      phone_number_type: 'longcode',
      messaging_profile_id: SIMULATED_ACCOUNT.messagingProfileIds[0],
    });

    const ledger = simulator.ledger();
    expect(ledger.bought.map((entry) => entry.phone_number)).toEqual(numbers);
    const upfront = ledger.bought.reduce((sum, entry) => sum + Number(entry.upfront), 0);
    const monthly = ledger.bought.reduce((sum, entry) => sum + Number(entry.monthly), 0);
    expect(ledger.charged).toMatchObject({
      lines: 3,
      upfront: upfront.toFixed(2),
      monthly: monthly.toFixed(2),
      currency: 'USD',
    });
    expect((await client.balance.retrieve()).data?.available_credit).toBe((100_000 - upfront - monthly).toFixed(2));
  });

  it('answers a repeated order with 409 and 85001 and charges nothing twice', async () => {
    simulator.behave(OLD_SHAPE);
    const numbers = await find('773', 2);
    await order(numbers);
    await expect(order(numbers)).rejects.toMatchObject(refused(409, '85001'));
    clock += 5000;
    await expect(order(numbers)).rejects.toMatchObject(refused(409, '85001'));
    expect(simulator.ledger().bought.map((entry) => entry.duplicate_attempts)).toEqual([2, 2]);
    expect(await find('773', 5000)).not.toContain(numbers[0]);
  });

  it('wants a recent search, valid ids and enough money', async () => {
    await expect(order(['+13125550100'])).rejects.toMatchObject(refused(422, '10027', '/'));
    const numbers = await find('872', 1);
    clock += 86_400_001;
    await expect(order(numbers)).rejects.toMatchObject(refused(422, '10027', '/'));
    const phone_numbers = (await find('872', 1)).map((phone_number) => ({ phone_number }));
    await expect(
      client.numberOrders.create({ phone_numbers, connection_id: SIMULATED_BAD_IDS.connectionId }),
    ).rejects.toMatchObject(refused(422, '85004'));
    await expect(client.numberOrders.create({ phone_numbers, messaging_profile_id: 'x' })).rejects.toMatchObject(
      refused(422, '85005'),
    );
    const poor = await startSimulator({ numbers: 500, owned: 0, balance: '1.00', now: () => clock });
    client = new Telnyx({ apiKey: 'KEY_SIM', baseURL: poor.url, maxRetries: 0 });
    await expect(find('312', 1).then((found) => order(found))).rejects.toMatchObject(refused(402, '20100'));
    await poor.stop();
  });

  it('holds foreign numbers for paperwork until somebody decides', async () => {
    const { data = [] } = await client.availablePhoneNumbers.list({
      filter: { country_code: 'GB', phone_number_type: 'local', limit: 2 },
    });
    const uk = data.flatMap((row) => row.phone_number ?? []);
    const us = await find('312', 1);
    const created = await order([...uk, ...us]);
    expect(created.sub_number_orders_ids).toHaveLength(2);
    clock += 10_000;
    const { data: waiting } = await client.numberOrders.retrieve(created.id ?? '');
    expect(waiting).toMatchObject({ status: 'pending', requirements_met: false });
    const subs = await client.subNumberOrders.list({ filter: { order_request_id: created.id ?? '' } });
    expect(subs.data?.map((sub) => [sub.country_code, sub.status])).toEqual([
      ['GB', 'pending'],
      ['US', 'success'],
    ]);
    const lines = await client.numberOrderPhoneNumbers.list({ filter: { country_code: 'GB' } });
    expect(lines.data?.[0]?.deadline).toBe(new Date(clock - 10_000 + 14 * 86_400_000).toISOString());
    simulator.decideOrder(created.id ?? '', 'approve');
    expect((await client.numberOrders.retrieve(created.id ?? '')).data).toMatchObject({
      status: 'success',
      requirements_met: true,
    });
    await expect(client.subNumberOrders.cancel(subs.data?.[0]?.id ?? '')).rejects.toMatchObject({ status: 422 });
  });

  it('cancels sub orders while pending, and reserves for half an hour', async () => {
    const [first = '', second = ''] = await find('646', 2, { reservable: true });
    const cancelled = await order([first]);
    const { data: sub } = await client.subNumberOrders.cancel(cancelled.sub_number_orders_ids?.[0] ?? '');
    expect(sub?.status).toBe('cancelled');
    expect(simulator.ledger().bought).toEqual([]);
    const reserved = await client.numberReservations.create({
      phone_numbers: [{ phone_number: second }],
      customer_reference: 'hold',
    });
    const again = await client.numberReservations.create({ phone_numbers: [{ phone_number: second }] });
    expect([reserved.data?.status, again.data?.status]).toEqual(['success', 'failure']);
    expect(await find('646', 5000, { exclude_held_numbers: true })).not.toContain(second);
    const extended = await client.numberReservations.actions.extend(reserved.data?.id ?? '');
    expect(extended.data?.phone_numbers?.[0]?.expired_at).toBe(new Date(clock + 3_600_000).toISOString());
    expect((await client.numberReservations.list({ filter: { customer_reference: 'hold' } })).data).toHaveLength(1);
    await order([second], 'from-hold');
    clock += 1200;
    expect(simulator.ledger().bought).toHaveLength(1);
  });
});

describe('the account', () => {
  it('refuses another key and unknown paths', async () => {
    const stranger = new Telnyx({ apiKey: 'OTHER', baseURL: simulator.url, maxRetries: 0 });
    await expect(stranger.balance.retrieve()).rejects.toMatchObject(refused(401, '10009'));
    await expect(client.get('/no_such_thing')).rejects.toMatchObject(refused(404, '10005'));
  });

  it('limits each family and announces it on every answer', async () => {
    const limited = await startSimulator({ numbers: 500, owned: 5, rates: { reads: 2 }, now: () => clock });
    const guest = new Telnyx({ apiKey: 'KEY_SIM', baseURL: limited.url, maxRetries: 0 });
    const { response } = await guest.balance.retrieve().withResponse();
    expect([response.headers.get('x-ratelimit-limit'), response.headers.get('x-ratelimit-remaining')]).toEqual(['2', '1']);
    await guest.balance.retrieve();
    await expect(guest.balance.retrieve()).rejects.toMatchObject(refused(429, '10011'));
    clock += 1000;
    await guest.balance.retrieve();
    expect(limited.ledger().max_calls_per_second).toEqual({ reads: 3 });
    await limited.stop();
  });

  it('is controlled over HTTP and starts anew on reset', async () => {
    const before = simulator.ownedNumbers();
    const post = (path: string, body: object) =>
      fetch(simulator.controlUrl + path, { method: 'POST', body: JSON.stringify(body) });
    expect((await post('/_sim/portal', { action: 'release', phone_numbers: before.slice(0, 2) })).status).toBe(200);
    expect((await post('/_sim/portal', { action: 'buy', count: 3 })).status).toBe(200);
    expect((await post('/_sim/faults', { faults: [{ kind: 'nonsense' }] })).status).toBe(400);
    const misspelt = await post('/_sim/portal', { action: 'lock', phone_numbers: before.slice(0, 2), lock: false });
    expect([misspelt.status, await misspelt.text()]).toEqual([400, expect.stringContaining('lock')]);
    const strange = { action: 'set_field', phone_numbers: before.slice(0, 2), field: 'colour', value: 'red' };
    expect((await post('/_sim/portal', strange)).status).toBe(400);
    await client.balance.retrieve();
    const summary: unknown = await (await fetch(`${simulator.controlUrl}/_sim/ledger?summary=true`)).json();
    expect(summary).toMatchObject({
      owned_count: 601,
      bought: 0,
      portal: 2,
      calls: { total: 1, by_endpoint: { 'GET /balance': { 200: 1 } } },
    });
    const csv = await (await fetch(`${simulator.controlUrl}/_sim/numbers?owned=true&format=csv`)).text();
    expect(csv.trim().split('\n')).toHaveLength(602);
    await post('/_sim/reset', {});
    expect(simulator.ownedNumbers()).toEqual(before);
    expect(simulator.ledger().portal).toEqual([]);
  });
});
