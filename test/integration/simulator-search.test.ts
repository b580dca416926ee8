import type Telnyx from 'telnyx';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench } from '../support/simulator-bench.ts';

// What a search filter does, in the form in which it goes over the wire.

let on: Bench;
beforeEach(async () => {
  on = await Bench.open();
});
afterEach(() => on.close());

type Row = NonNullable<Telnyx.AvailablePhoneNumberListResponse['data']>[number];

const LOCAL = 'filter[country_code]=US&filter[phone_number_type]=local&filter[limit]=20';
const TOLL_FREE = 'filter[country_code]=US&filter[phone_number_type]=toll_free&filter[limit]=1000';

/** A search as it is written, which no client has put into another form. */
async function raw(query: string): Promise<{ status: number; rows: Row[]; codes: (string | undefined)[] }> {
  const answer = await fetch(`${on.sim.url}/available_phone_numbers?${query}`, { headers: { authorization: 'Bearer KEY_SIM' } });
  const body = (await answer.json()) as { data?: Row[]; errors?: { code?: string }[] };
  return { status: answer.status, rows: body.data ?? [], codes: (body.errors ?? []).map((error) => error.code) };
}

const features = (row: Row) => row.features?.map((feature) => feature.name);

describe('filter[features]', () => {
  it.each([
    ['brackets, once a value', 'filter[features][]=sms&filter[features][]=voice'],
    ['one bracket', 'filter[features][]=sms'],
    ['one plain value', 'filter[features]=sms'],
    ['plain, once a value', 'filter[features]=sms&filter[features]=voice'],
  ])('%s: works', async (_form, filter) => {
    const { rows } = await raw(`${LOCAL}&${filter}`);
    expect(rows).toHaveLength(20);
    for (const row of rows) expect(features(row)).toEqual(expect.arrayContaining(['sms', 'voice']));
  });

  it.each(['filter[features]=sms,voice', 'filter[features][]=sms,voice'])(
    'a comma list is one name that no number has: %s',
    async (list) => {
      expect(await raw(`${LOCAL}&${list}`)).toEqual({ status: 200, rows: [], codes: [] });
      on.sim.behave({ featureCommas: 'split' });
      expect((await raw(`${LOCAL}&${list}`)).rows).toHaveLength(20);
    },
  );

  it('all of them are wanted: a feature that numbers lack leaves them out', async () => {
    const { rows } = await raw(`${LOCAL.replace('=20', '=2000')}&filter[features][]=voice`);
    const without = rows.filter((row) => !features(row)?.includes('sms'));
    expect(without.length).toBeGreaterThan(0);
    expect(await raw(`${LOCAL}&filter[features][]=international_sms`)).toMatchObject({ status: 400, codes: ['10031'] });
  });
});

it('a search that finds nothing can answer with an empty list', async () => {
  const nothing = `${LOCAL}&filter[national_destination_code]=999`;
  expect(await raw(nothing)).toMatchObject({ status: 400, codes: ['10031'] });
  on.sim.behave({ noneFound: 'empty' });
  expect(await raw(nothing)).toEqual({ status: 200, rows: [], codes: [] });
});

it('filter[rate_center] keeps to the rate center, which each row shows', async () => {
  const { rows } = await raw(`${LOCAL}&filter[rate_center]=AUSTIN`);
  expect(rows).toHaveLength(20);
  for (const row of rows) expect(row.region_information).toContainEqual({ region_type: 'rate_center', region_name: 'AUSTIN' });
});

it('filter[exclude_held_numbers] leaves out what this account has reserved', async () => {
  const [row] = (await raw(`${LOCAL}&filter[reservable]=true`)).rows;
  const phone_number = row?.phone_number ?? '';
  await on.client.numberReservations.create({ phone_numbers: [{ phone_number }] });
  const seen = async (more: string) => (await raw(LOCAL + more)).rows.some((found) => found.phone_number === phone_number);
  expect([await seen('&filter[exclude_held_numbers]=true'), await seen('')]).toEqual([false, true]);
});

describe('filter[quickship]', () => {
  it('leaves out toll-free numbers that need longer, and is ignored elsewhere', async () => {
    const { rows } = await raw(TOLL_FREE);
    const quick = rows.filter((row) => row.quickship);
    expect(quick.length).toBeGreaterThan(0);
    expect(rows.length).toBeGreaterThan(quick.length);
    expect((await raw(`${TOLL_FREE}&filter[quickship]=true`)).rows).toEqual(quick);
    expect((await raw(`${LOCAL}&filter[quickship]=true`)).rows).toEqual((await raw(LOCAL)).rows);
  });

  it('the others stay pending for two days; lines beside them do not wait', async () => {
    const { rows } = await raw(`${TOLL_FREE}&filter[national_destination_code]=888`);
    const slow = rows.find((row) => !row.quickship)?.phone_number ?? '';
    const quick = rows.find((row) => row.quickship)?.phone_number ?? '';
    const { data } = await on.client.numberOrders.create({
      phone_numbers: [{ phone_number: slow }, { phone_number: quick }],
    });
    const check = async () => {
      const order = (await on.client.numberOrders.retrieve(data?.id ?? '')).data;
      return [order?.status, ...(order?.phone_numbers ?? []).map((line) => line.status)];
    };
    on.pass(1200);
    expect(await check()).toEqual(['pending', 'pending', 'success']);
    on.pass(172_799_999);
    expect(await check()).toEqual(['pending', 'pending', 'success']);
    on.pass(1);
    expect(await check()).toEqual(['success', 'success', 'success']);
    expect(on.sim.ledger().bought.map((bought) => bought.phone_number)).toEqual([quick, slow]);
  });

  it('paperwork that is never given cancels its own line only', async () => {
    const { rows } = await raw(`${TOLL_FREE}&filter[national_destination_code]=888`);
    const { rows: foreign } = await raw('filter[country_code]=GB&filter[phone_number_type]=local&filter[limit]=1');
    const numbers = [rows.find((row) => !row.quickship), foreign[0]].map((row) => ({ phone_number: row?.phone_number ?? '' }));
    const { data } = await on.client.numberOrders.create({ phone_numbers: numbers });
    on.pass(15 * 86_400_000);
    const order = (await on.client.numberOrders.retrieve(data?.id ?? '')).data;
    expect(order?.phone_numbers?.map((line) => String(line.status))).toEqual(['success', 'cancelled']);
  });
});

describe('filter[limit]', () => {
  it.each([
    [{ most: 30 }, { status: 400, code: '10031', detail: 'limit must be between 1 and 30' }],
    [
      { most: 30, code: '10015', detail: 'limit is too large' },
      { status: 422, code: '10015', detail: 'limit is too large' },
    ],
    [
      { most: 30, code: '10031', status: 422 },
      { status: 422, code: '10031', detail: 'limit must be between 1 and 30' },
    ],
  ])('above what is taken is refused with %j', async (how, { status, ...error }) => {
    on.sim.faults({ faults: [{ kind: 'limit_refused', ...how }] });
    const expected = { status, error: { errors: [{ ...error, source: { parameter: 'filter[limit]' } }] } };
    await expect(on.found(31)).rejects.toMatchObject(expected);
    expect(await on.found(30)).toHaveLength(30);
    expect(on.sim.faultStates()).toMatchObject([{ seen: 1, struck: 1 }]);
  });

  it('rows can be capped without a word, and then they are the same again', async () => {
    on.sim.faults({ faults: [{ kind: 'rows_capped', most: 30 }] });
    const first = await on.found(100);
    expect(first).toHaveLength(30);
    expect(await on.found(200)).toEqual(first);
    expect(await on.found(10)).toEqual(first.slice(0, 10));
  });
});
