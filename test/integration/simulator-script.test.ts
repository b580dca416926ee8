import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type Telnyx from 'telnyx';
import { describe, expect, it } from 'vitest';
import { FAULT_KINDS } from '../../src/simulator/fault-kinds.ts';
import { type Fault, FIELD_SHAPE, ScriptError, type Simulator } from '../../src/simulator/index.ts';
import { eachWithSimulator } from '../support/simulator.ts';
import { ROOT } from '../support/sources.ts';

let clock = Date.parse('2026-10-01T00:00:00Z');
let simulator: Simulator;
let client: Telnyx;

eachWithSimulator({ numbers: 2000, owned: 60, now: () => clock }, (started, itsClient) => {
  simulator = started;
  client = itsClient;
});

async function post(script: unknown): Promise<{ status: number; body: unknown }> {
  const body = typeof script === 'string' ? script : JSON.stringify(script);
  const answer = await fetch(`${simulator.controlUrl}/_sim/faults`, { method: 'POST', body });
  return { status: answer.status, body: await answer.json() };
}

describe('a fault is checked to its last key', () => {
  it.each([
    [{ kind: 'error_before', probabilty: 0.5 }, 'probabilty', 'probability'],
    [{ kind: 'error_before', match: { famly: 'orders' } }, 'match.famly', 'family'],
    [{ kind: 'error_befor' }, 'kind', 'error_before'],
    [{ kind: 'portal-release', count: 1 }, 'kind', 'portal_release'],
    [{ kind: 'rate_limited', match: { family: 'order' } }, 'match.family', 'orders'],
    [{ kind: 'rate_limited', reset: 'second' }, 'reset', 'seconds'],
    [{ kind: 'sold_to_other', shape: '1027' }, 'shape', '10027'],
    [{ kind: 'unknown_enum', resource: 'number_orders' }, 'resource', 'number_order'],
    [{ kind: 'portal_set', field: 'conection_id', value: '1' }, 'field', 'connection_id'],
    [{ kind: 'paperwork_approve', customerReference: 'x' }, 'customerReference', 'customer_reference'],
  ])('%j: names the place and the word that was meant', async (fault, path, nearest) => {
    const { status, body } = await post({ faults: [{ kind: 'no_id' }, fault] });
    expect([status, body]).toMatchObject([400, { problems: [{ path: `faults[1].${path}`, nearest }] }]);
    expect(body).toMatchObject({ error: expect.stringContaining(`did you mean "${nearest}"?`) });
    expect(simulator.faultStates(), 'nothing of it was set').toEqual([]);
  });

  it.each([
    [{ kind: 'html', times: '1' }, 'times'],
    [{ kind: 'html', times: 1.5 }, 'times'],
    [{ kind: 'html', probability: 2 }, 'probability'],
    [{ kind: 'html', forMs: -1 }, 'forMs'],
    [{ kind: 'html', page: 2 }, 'page'],
    [{ kind: 'html', match: 'orders' }, 'match'],
    [{ kind: 'html', match: { method: 'FETCH' } }, 'match.method'],
    [{ kind: 'html', match: { path: '(' } }, 'match.path'],
    [{ kind: 'html', match: { path: '/v2/number_orders' } }, 'match.path'],
    [{ kind: 'webhook_late', match: { family: 'orders' } }, 'match'],
    [{ kind: 'error_after', status: 50 }, 'status'],
    [{ kind: 'order_partial', fraction: 50 }, 'fraction'],
    [{ kind: 'lag' }, 'kind'],
    [{ kind: 'lag', orders: '60s' }, 'orders'],
    [{ kind: 'portal_release', numbers: ['+13125550100'] }, 'numbers[0]'],
    [{ kind: 'portal_release', numbers: [] }, 'numbers'],
    [{ kind: 'portal_tags', count: 1 }, 'tags'],
    [{ kind: 'portal_set', count: 1, field: 'hd_voice_enabled', value: 'yes' }, 'value'],
    [{ kind: 'sold_to_other', mode: 'line', shape: '85001' }, 'mode'],
    [{ kind: 'sold_to_other', shape: 'conflict', named: true }, 'named'],
    [{ kind: 'sell_between' }, 'fraction'],
    [{ kind: 'sell_between', fraction: 0.1, count: 1 }, 'count'],
    [{ kind: 'limit_refused' }, 'most'],
    [{ kind: 'rows_capped', most: 0 }, 'most'],
    [{ kind: 'date_skewed' }, 'by'],
    [{ kind: 'error_before', pointer: 'billing_group_id' }, 'pointer'],
    [{ kind: 'portal_lock', count: 1, times: 2 }, 'times'],
    [{ kind: 'portal_lock', count: 1, everyMs: 5, after: 1 }, 'everyMs'],
    [{}, 'kind'],
    ['html', ''],
  ])('%j: names the place', async (fault, path) => {
    const { status, body } = await post([fault]);
    expect([status, body]).toMatchObject([400, { problems: [{ path: path === '' ? 'faults[0]' : `faults[0].${path}` }] }]);
    expect(simulator.faultStates()).toEqual([]);
  });

  it.each([
    [{ fault: [{ kind: 'html' }] }, 'fault'],
    [{ seed: 'x', faults: [] }, 'seed'],
    [{ faults: { kind: 'html' } }, 'faults'],
    ['"html"', ''],
  ])('%j is no script', async (script, path) => {
    expect(await post(script)).toMatchObject({ status: 400, body: { problems: [{ path }] } });
  });

  it('lists every mistake at once, and keeps what was set before', async () => {
    simulator.faults({ faults: [{ kind: 'no_id' }] });
    const script = {
      clear: true,
      faults: [
        { kind: 'slow', ms: 'long' },
        { kind: 'htm', tims: 1 },
      ],
    };
    const { body } = await post(script);
    expect(body).toMatchObject({ problems: [{ path: 'faults[0].ms' }, { path: 'faults[1].kind' }] });
    expect(() => simulator.faults(JSON.parse(JSON.stringify(script)))).toThrow(ScriptError);
    expect(simulator.faultStates().map(({ fault }) => fault.kind)).toEqual(['no_id']);
  });

  it('takes a list as well, and shows what is set and how often it struck', async () => {
    expect(await post([{ kind: 'error_before', times: 1 }])).toEqual({ status: 200, body: { ok: true } });
    await expect(client.balance.retrieve()).rejects.toMatchObject({ status: 500 });
    await client.balance.retrieve();
    const shown: unknown = await (await fetch(`${simulator.controlUrl}/_sim/faults`)).json();
    expect(shown).toEqual({ faults: [{ fault: { kind: 'error_before', times: 1 }, seen: 2, struck: 1 }] });
  });

  it('docs/reference.md names every kind', () => {
    const page = readFileSync(join(ROOT, 'docs/reference.md'), 'utf8');
    expect(FAULT_KINDS.filter((kind) => !page.includes(`\`${kind}\``))).toEqual([]);
  });

  it('docs/reference.md names every setting', () => {
    const page = readFileSync(join(ROOT, 'docs/reference.md'), 'utf8');
    expect(Object.keys(FIELD_SHAPE).filter((setting) => !new RegExp(`^\\|[^|]*\`${setting}\``, 'm').test(page))).toEqual([]);
  });
});

describe('the counters are the same for every kind', () => {
  const REFERENCE = 'chunk-1';

  /** One check that each condition can spoil: `x` when it did. */
  const CHECKS: Record<string, { fault: Fault; check: () => Promise<boolean> }> = {
    lag: {
      fault: { kind: 'lag', deletions: 600_000 },
      check: async () => (await client.phoneNumbers.list({ filter: { tag: 'gone' } })).data.length > 0,
    },
    late_ids: {
      fault: { kind: 'late_ids' },
      check: async () => {
        const { data } = await client.phoneNumbers.actions.verifyOwnership({ phone_numbers: simulator.ownedNumbers().slice(-1) });
        return data?.not_found?.length === 1;
      },
    },
    reference_prefix: {
      fault: { kind: 'reference_prefix' },
      check: async () =>
        (await client.numberOrders.list({ filter: { customer_reference: REFERENCE.slice(0, 5) } })).data.length > 0,
    },
    rate_reset_epoch: {
      fault: { kind: 'rate_reset_epoch' },
      check: async () => {
        const { response } = await client.balance.retrieve().withResponse();
        return Number(response.headers.get('x-ratelimit-reset')) > 1e9;
      },
    },
    page_fails: {
      fault: { kind: 'page_fails', page: 1 },
      check: () =>
        client.phoneNumbers.list().then(
          () => false,
          () => true,
        ),
    },
    total_off: {
      fault: { kind: 'total_off', by: 500 },
      check: async () => JSON.stringify(await client.numberReservations.list()).includes('"total_results":500'),
    },
  };

  async function buyOne(): Promise<void> {
    const filter = { country_code: 'US', phone_number_type: 'local' as const, limit: 1 };
    const { data = [] } = await client.availablePhoneNumbers.list({ filter });
    const phone_numbers = data.map((row) => ({ phone_number: row.phone_number ?? '' }));
    await client.numberOrders.create({ phone_numbers, customer_reference: REFERENCE });
    clock += 10_000;
  }

  async function seen(check: () => Promise<boolean>, count: number): Promise<string> {
    let marks = '';
    for (let n = 0; n < count; n += 1) marks += (await check()) ? 'x' : 'o';
    return marks;
  }

  it.each(Object.keys(CHECKS))('%s lets pass, strikes as often as told, and rolls its own seeded dice', async (kind) => {
    const { fault, check } = CHECKS[kind] ?? { fault: { kind: 'no_id' }, check: async () => false };
    const [gone = ''] = simulator.ownedNumbers();
    simulator.setTags([gone], ['gone']);
    simulator.releaseInPortal([gone]);
    await buyOne();
    clock += 1;
    simulator.faults({ clear: true, faults: [{ ...fault, after: 2, times: 2 }] });
    expect(await seen(check, 6)).toBe('ooxxoo');
    const rolled = async (seed: number): Promise<string> => {
      simulator.faults({ clear: true, seed, faults: [{ ...fault, probability: 0.5 }] });
      return seen(check, 16);
    };
    const once = await rolled(11);
    expect(once).toMatch(/x.*o|o.*x/);
    expect(await rolled(11)).toBe(once);
    expect(await rolled(12)).not.toBe(once);
  });

  it('a condition with a match holds there only, and is counted once a request', async () => {
    await buyOne();
    simulator.faults({
      faults: [{ kind: 'lag', ownership: 600_000, inventory: 600_000, times: 2, match: { family: 'ownership' } }],
    });
    const numbers = simulator.ownedNumbers();
    expect((await client.phoneNumbers.slimList({ 'page[size]': 250 })).data).toHaveLength(61);
    const ask = async () => (await client.phoneNumbers.actions.verifyOwnership({ phone_numbers: numbers })).data?.found?.length;
    expect([await ask(), await ask(), await ask()]).toEqual([60, 60, 61]);
    expect(simulator.faultStates()).toMatchObject([{ seen: 3, struck: 2 }]);
  });

  it('two pages fail, each for itself', async () => {
    const faults: Fault[] = [
      { kind: 'page_fails', page: 2, times: 1 },
      { kind: 'page_fails', page: 3, times: 1, status: 503 },
    ];
    simulator.faults({ faults });
    const page = (number: number) => client.phoneNumbers.list({ 'page[size]': 20, 'page[number]': number });
    await page(1);
    await expect(page(2)).rejects.toMatchObject({ status: 500 });
    await expect(page(3)).rejects.toMatchObject({ status: 503 });
    expect((await page(2)).data).toHaveLength(20);
    expect((await page(3)).data).toHaveLength(20);
  });

  it('what strikes does not depend on requests of other kinds in between', async () => {
    const run = async (between: boolean): Promise<string> => {
      const faults: Fault[] = [
        { kind: 'error_before', match: { path: '/balance' }, probability: 0.5 },
        { kind: 'error_before', match: { path: '/number_orders' }, probability: 0.5 },
      ];
      simulator.faults({ clear: true, seed: 3, faults });
      const failed = (call: PromiseLike<unknown>) =>
        Promise.resolve(call).then(
          () => false,
          () => true,
        );
      return seen(async () => {
        if (between) await failed(client.numberOrders.list());
        return failed(client.balance.retrieve());
      }, 16);
    };
    expect(await run(true)).toBe(await run(false));
  });
});
