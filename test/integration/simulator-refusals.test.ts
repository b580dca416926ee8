import Telnyx from 'telnyx';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fault, OLD_SHAPE, ScriptError, type Simulator } from '../../src/simulator/index.ts';
import { Bench } from '../support/simulator-bench.ts';

// What an order is refused with whose numbers cannot be had: in the field's shape, and in every other that can be asked for.

let on: Bench;
beforeEach(async () => {
  on = await Bench.open();
});
afterEach(() => on.close());

interface Refused {
  status: number;
  errors: readonly { code?: string; title: string; detail?: string; source?: { pointer?: string } }[];
}

async function refusal(call: PromiseLike<unknown>): Promise<Refused> {
  const error = await Promise.resolve(call).then(
    () => new Error('it was not refused'),
    (caught: unknown) => caught,
  );
  if (!(error instanceof Telnyx.APIError)) throw error;
  return { status: Number(error.status), errors: (error.error as { errors: Refused['errors'] }).errors };
}

function order(numbers: readonly string[]): PromiseLike<Telnyx.NumberOrderCreateResponse> {
  return on.client.numberOrders.create({ phone_numbers: numbers.map((phone_number) => ({ phone_number })) });
}

/** Every way for a number not to be had: gone, never searched, searched too long ago, masked. */
async function hopeless(): Promise<{ all: string[]; gone: string; good: string[] }> {
  const [old = ''] = await on.found(1, '773');
  on.pass(86_400_001);
  const [gone = '', ...good] = await on.found(4);
  await order([gone]);
  return { all: [gone, '+13125550100', old, '+13122xxxxxx'], gone, good };
}

function unrecognized(numbers: readonly string[]): Refused {
  const list = numbers.map((e164) => `'${e164}'`).join(', ');
  const detail = `We don't recognize the number(s) [${list}]. Did you first search for the number(s)?`;
  return { status: 422, errors: [{ code: '10027', title: 'Unprocessable Entity', detail, source: { pointer: '/' } }] };
}

const unavailable = (text: string): Refused => ({
  status: 409,
  errors: [{ code: '85001', title: 'Number no longer available', detail: text, source: { pointer: '/phone_numbers' } }],
});
const UNNAMED = 'One or more of the numbers are no longer available';

describe('as in the field', () => {
  it('one 422 10027 names exactly the numbers that cannot be had, for whatever reason, and refuses the whole order', async () => {
    const { all, good } = await hopeless();
    const [first = '', second = '', third = '', fourth = ''] = all;
    const asked = [good[0] ?? '', first, second, good[1] ?? '', third, fourth];
    expect(await refusal(order(asked))).toEqual(unrecognized(all));
    expect(on.sim.ledger().orders, 'only the first').toHaveLength(1);
    await order(good);
  });

  it('says so in the words that the field has', async () => {
    expect((await refusal(order(['+13125550100', '+13125550101']))).errors[0]?.detail).toBe(
      "We don't recognize the number(s) ['+13125550100', '+13125550101']. Did you first search for the number(s)?",
    );
  });

  it('our own numbers are not recognized either, and the attempt is written down', async () => {
    const numbers = await on.found(2);
    await order(numbers);
    on.pass(5000);
    expect(await refusal(order(numbers))).toEqual(unrecognized(numbers));
    expect(on.sim.ledger().bought.map((entry) => entry.duplicate_attempts)).toEqual([1, 1]);
  });
});

describe('on request', () => {
  it.each([
    [{ refusal: '85001' }, () => unavailable(UNNAMED)],
    [
      { refusal: '85001', refusalNames: true },
      (gone: string) => unavailable(`The following numbers are no longer available: ${gone}`),
    ],
    [{ refusal: 'conflict' }, () => ({ status: 409, errors: [{ title: 'Conflict' }] })],
    [{ refusal: 'conflict_10012' }, () => ({ status: 409, errors: [{ code: '10012', title: 'Conflict' }] })],
    [OLD_SHAPE, (gone: string) => unavailable(`The following numbers are no longer available: ${gone}`)],
  ] as const)('%j', async (settings, expected) => {
    const { gone, good } = await hopeless();
    on.sim.behave(settings);
    expect(await refusal(order([...good, gone]))).toEqual(expected(gone));
    expect(await refusal(order(['+13125550100', ...good]))).toMatchObject({ status: 422, errors: [{ code: '85000' }] });
  });

  it('numbers that are not searched can be refused as 85000 while gone ones are 10027, and the other way round', async () => {
    const { gone, good } = await hopeless();
    on.sim.behave({ unsearched: '85000' });
    expect(await refusal(order([...good, gone, '+13125550100']))).toEqual(unrecognized([gone]));
    expect(await refusal(order([...good, '+13125550100']))).toMatchObject({ errors: [{ code: '85000' }] });
    on.sim.behave({ refusal: '85001', unsearched: '10027' });
    expect(await refusal(order([...good, gone, '+13125550100']))).toEqual(unavailable(UNNAMED));
    expect(await refusal(order([...good, '+13125550100']))).toEqual(unrecognized(['+13125550100']));
  });

  it('a script, the control and the options set it; a reset brings the options back', async () => {
    on.sim.faults({ settings: { refusal: 'conflict' } });
    const control = async (changes?: object): Promise<[number, unknown]> => {
      const url = `${on.sim.controlUrl}/_sim/settings`;
      const answer = await fetch(url, changes === undefined ? {} : { method: 'POST', body: JSON.stringify(changes) });
      return [answer.status, await answer.json()];
    };
    expect(await control()).toEqual([200, expect.objectContaining({ refusal: 'conflict' })]);
    expect(await control({ unavailable: 'line' })).toMatchObject([200, { refusal: 'conflict', unavailable: 'line' }]);
    expect(on.sim.behaviour()).toMatchObject({ refusal: 'conflict', unavailable: 'line' });
    on.sim.reset();
    expect(await control()).toMatchObject([200, { refusal: '10027', unavailable: 'order' }]);
    const old = await Bench.open(OLD_SHAPE);
    old.sim.reset();
    expect(old.sim.behaviour()).toMatchObject(OLD_SHAPE);
    await old.close();
  });

  it.each([
    [{ refusals: '85001' }, 'refusals', 'refusal'],
    [{ refusal: 'conflict10012' }, 'refusal', 'conflict_10012'],
    [{ refusalNames: 'yes' }, 'refusalNames', undefined],
  ])('settings are checked to the last key: %j', async (settings, path, nearest) => {
    const wrong = JSON.parse(JSON.stringify(settings)) as Parameters<Simulator['behave']>[0];
    const post = async (to: string, body: unknown) =>
      (await fetch(on.sim.controlUrl + to, { method: 'POST', body: JSON.stringify(body) })).json();
    const suggestion = nearest === undefined ? {} : { nearest };
    expect(await post('/_sim/settings', wrong)).toMatchObject({ problems: [{ path, ...suggestion }] });
    expect(await post('/_sim/faults', { settings: wrong })).toMatchObject({
      problems: [{ path: `settings.${path}`, ...suggestion }],
    });
    expect(() => on.sim.behave(wrong)).toThrow(ScriptError);
    expect(on.sim.behaviour()).toMatchObject({ refusal: '10027', refusalNames: false });
  });
});

describe('a strike can have a shape of its own', () => {
  it.each([
    [{ shape: '10027' }, (gone: string[]) => unrecognized(gone)],
    [{ shape: '85001' }, () => unavailable(UNNAMED)],
    [
      { shape: '85001', named: true },
      (gone: string[]) => unavailable(`The following numbers are no longer available: ${gone.join(', ')}`),
    ],
    [{ shape: 'conflict' }, () => ({ status: 409, errors: [{ title: 'Conflict' }] })],
    [{ shape: 'conflict_10012' }, () => ({ status: 409, errors: [{ code: '10012', title: 'Conflict' }] })],
  ] as const)('sold_to_other with %j', async (how, expected) => {
    on.sim.behave({ refusal: how.shape === '85001' ? 'conflict' : '85001' });
    const numbers = await on.found(4);
    on.sim.faults({ faults: [{ kind: 'sold_to_other', count: 2, times: 1, ...how }] });
    const seen = await refusal(order(numbers));
    const gone = on.sim.ledger().sold_to_others;
    expect(seen).toEqual(expected(gone));
    expect([gone.length, gone.every((e164) => numbers.includes(e164))]).toEqual([2, true]);
    expect(await on.found(4)).not.toEqual(expect.arrayContaining(gone.slice(0, 1)));
    await order(numbers.filter((e164) => !gone.includes(e164)));
  });
});

describe('any request can be refused with any error', () => {
  it.each([
    [
      { status: 403, code: '10006', title: 'Not authorized' },
      { code: '10006', title: 'Not authorized' },
    ],
    [
      { status: 403, code: '10010' },
      { code: '10010', title: 'Simulated error' },
    ],
    [
      { status: 403, code: '10010', pointer: '/billing_group_id' },
      { code: '10010', title: 'Simulated error', source: { pointer: '/billing_group_id' } },
    ],
    [
      { status: 422, code: '10027', pointer: '/', detail: 'messaging_profile_id is not reachable here' },
      {
        code: '10027',
        title: 'Simulated error',
        detail: 'messaging_profile_id is not reachable here',
        source: { pointer: '/' },
      },
    ],
    [
      { status: 400, code: '10031', detail: 'limit is not acceptable' },
      { code: '10031', title: 'Simulated error', detail: 'limit is not acceptable' },
    ],
    [{ status: 402, code: 'none' }, { title: 'Simulated error' }],
  ])('%j', async (how, error) => {
    const faults = ['/number_orders', '/phone_numbers/jobs', '/available_phone_numbers'].map(
      (path): Fault => ({ kind: 'error_before', match: { path }, ...how }),
    );
    const numbers = await on.found(1);
    on.sim.faults({ faults });
    const expected = { status: how.status, errors: [error] };
    expect(await refusal(order(numbers))).toEqual(expected);
    expect(await refusal(on.client.phoneNumbers.jobs.list())).toEqual(expected);
    expect(await refusal(on.found(1))).toEqual(expected);
    await on.client.balance.retrieve();
    expect(on.sim.ledger()).toMatchObject({ orders: [], jobs: [] });
  });

  it('a 409 without a code, before it takes effect', async () => {
    on.sim.faults({ faults: [{ kind: 'conflict', code: 'none', title: 'Conflict', times: 1 }] });
    expect(await refusal(on.client.balance.retrieve())).toEqual({ status: 409, errors: [{ title: 'Conflict' }] });
  });
});
