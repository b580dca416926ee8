import type Telnyx from 'telnyx';
import { describe, expect, it } from 'vitest';
import type { Fault, Simulator } from '../../src/simulator/index.ts';
import { eachWithSimulator } from '../support/simulator.ts';

let clock = Date.parse('2026-10-01T00:00:00Z');
let simulator: Simulator;
let client: Telnyx;

eachWithSimulator({ numbers: 2000, owned: 40, now: () => clock }, (started, itsClient) => {
  simulator = started;
  client = itsClient;
});

/** Sets faults as a file or another process does. */
async function script(...faults: Fault[]): Promise<void> {
  const answer = await fetch(`${simulator.controlUrl}/_sim/faults`, { method: 'POST', body: JSON.stringify({ faults }) });
  expect(await answer.json()).toEqual({ ok: true });
}

const owned = (): string[] => simulator.ownedNumbers();
const acts = (): [string, number][] => simulator.ledger().portal.map((act) => [act.action, act.phone_numbers.length]);
const number = async (e164: string) => (await client.phoneNumbers.retrieve(e164)).data;

async function order(country: 'US' | 'GB' = 'US', customer_reference = 'chunk-1'): Promise<string> {
  const filter = { country_code: country, phone_number_type: 'local' as const, limit: 2 };
  const { data = [] } = await client.availablePhoneNumbers.list({ filter });
  const phone_numbers = data.map((row) => ({ phone_number: row.phone_number ?? '' }));
  return (await client.numberOrders.create({ phone_numbers, customer_reference })).data?.id ?? '';
}

const statusOf = async (id: string): Promise<string> => String((await client.numberOrders.retrieve(id)).data?.status);

describe('people in the portal, by script', () => {
  it('release and port out numbers after a while, chosen by the seed', async () => {
    const before = owned();
    await script({ kind: 'portal_release', count: 3, afterMs: 5000 }, { kind: 'portal_port_out', fraction: 0.1, afterMs: 6000 });
    clock += 4999;
    expect(owned()).toHaveLength(40);
    clock += 1;
    expect(owned()).toHaveLength(37);
    expect(simulator.ledger().released, 'not by us').toEqual([]);
    clock += 1000;
    expect(acts()).toEqual([
      ['release', 3],
      ['port_out', 4],
    ]);
    const [released, ported] = simulator.ledger().portal;
    expect(before.slice(0, 3)).not.toEqual(released?.phone_numbers);
    expect(await number(ported?.phone_numbers[0] ?? '')).toMatchObject({ status: 'ported-out' });
    simulator.reset();
    await script({ kind: 'portal_release', count: 3, afterMs: 5000 });
    clock += 5000;
    expect(simulator.ledger().portal[0]?.phone_numbers, 'the same seed').toEqual(released?.phone_numbers);
  });

  it('change what is on numbers: lock, tags, connection, emergency, by name and at once', async () => {
    const numbers = owned().slice(0, 2);
    await script(
      { kind: 'portal_lock', numbers },
      { kind: 'portal_tags', numbers, tags: ['theirs'] },
      { kind: 'portal_set', numbers, field: 'connection_id', value: '1293384261075731500' },
      { kind: 'portal_emergency', numbers, emergency: 'provisioning' },
    );
    for (const e164 of numbers) {
      expect(await number(e164)).toMatchObject({
        deletion_lock_enabled: true,
        tags: ['theirs'],
        connection_id: '1293384261075731500',
        emergency_status: 'provisioning',
      });
    }
    await script({ kind: 'portal_lock', numbers, locked: false });
    expect(await number(numbers[0] ?? '')).toMatchObject({ deletion_lock_enabled: false });
    expect(simulator.ledger().changed, 'not by us').toEqual([]);
  });

  it('buy numbers, and fill the job slots for a while', async () => {
    await script(
      { kind: 'portal_buy', count: 2, afterMs: 10 },
      { kind: 'portal_foreign_jobs', count: 20, afterMs: 20 },
      { kind: 'portal_foreign_jobs_end', afterMs: 30 },
    );
    const update = () => client.phoneNumbers.jobs.updateBatch({ phone_numbers: owned().slice(0, 1), tags: [] });
    clock += 20;
    expect(owned()).toHaveLength(42);
    await expect(update()).rejects.toMatchObject({ status: 422 });
    clock += 10;
    await update();
  });

  it('come again every so often, until their time is over', async () => {
    await script(
      { kind: 'portal_release', count: 1, afterMs: 100, everyMs: 1000, times: 3 },
      { kind: 'portal_tags', count: 1, tags: ['x'], everyMs: 1000, forMs: 1500 },
    );
    clock += 60_000;
    expect(acts().filter(([action]) => action === 'release')).toHaveLength(3);
    expect(acts().filter(([action]) => action === 'tags')).toHaveLength(2);
    expect(owned()).toHaveLength(37);
    const times = simulator.ledger().portal.flatMap((act) => (act.action === 'release' ? [Date.parse(act.at)] : []));
    expect(times.map((at) => at - clock + 60_000)).toEqual([100, 1100, 2100]);
  });

  it('strike just before a request: what the caller has just seen as owned is gone', async () => {
    const numbers = owned().slice(0, 10);
    await script({ kind: 'portal_port_out', numbers: numbers.slice(0, 1), match: { method: 'POST', path: 'jobs/' }, after: 1 });
    const release = (part: string[]) => client.phoneNumbers.jobs.deleteBatch({ phone_numbers: part });
    await release(numbers.slice(5));
    expect((await client.phoneNumbers.actions.verifyOwnership({ phone_numbers: numbers.slice(0, 5) })).data?.not_found).toEqual(
      [],
    );
    await expect(release(numbers.slice(0, 5))).rejects.toMatchObject({ status: 422 });
    expect(simulator.faultStates()).toMatchObject([{ seen: 2, struck: 1 }]);
  });

  it('wait for numbers that are on sale still, and take them when we have bought them', async () => {
    const filter = { country_code: 'US', phone_number_type: 'local' as const, limit: 2 };
    const { data = [] } = await client.availablePhoneNumbers.list({ filter });
    await script({ kind: 'portal_release', numbers: data.map((row) => row.phone_number ?? ''), afterMs: 100 });
    clock += 500;
    expect(acts()).toEqual([]);
    await order();
    clock += 1200;
    expect(simulator.ledger().bought).toHaveLength(2);
    expect(acts()).toEqual([['release', 2]]);
    expect(owned()).toHaveLength(40);
  });
});

describe('paperwork, by script', () => {
  it.each([
    ['paperwork_approve', 'success', 2],
    ['paperwork_decline', 'failure', 0],
    ['paperwork_cancel', 'cancelled', 0],
  ] as const)('%s, some time after each order was made', async (kind, status, bought) => {
    await script({ kind, ms: 5000, times: 2 });
    const [gb, us] = [await order('GB'), await order('US', 'chunk-2')];
    clock += 4999;
    expect([await statusOf(gb), await statusOf(us)]).toEqual(['pending', 'success']);
    clock += 1;
    expect(await statusOf(gb)).toBe(status);
    clock += 1000;
    const second = await order('GB', 'chunk-3');
    clock += 4000;
    expect(await statusOf(second)).toBe('pending');
    clock += 1000;
    expect(await statusOf(second)).toBe(status);
    expect(simulator.ledger().bought).toHaveLength(2 + 2 * bought);
    expect(acts()).toEqual(Array.from({ length: 2 }, () => [kind.slice('paperwork_'.length), 2]));
  });

  it('for one order only, or for those of a reference', async () => {
    const ids = [await order('GB', 'a'), await order('GB', 'b'), await order('GB', 'c')];
    await script(
      { kind: 'paperwork_cancel', order_id: ids[0] ?? '' },
      { kind: 'paperwork_approve', customer_reference: 'b', afterMs: 10 },
    );
    clock += 10;
    expect(await Promise.all(ids.map(statusOf))).toEqual(['cancelled', 'success', 'pending']);
  });

  it('a deadline of its own cancels what nobody decided, and a decision before it counts although nobody looked', async () => {
    simulator.faults({ faults: [{ kind: 'paperwork', ms: 60_000 }] });
    const late = await order('US', 'late');
    const { data } = await client.numberOrderPhoneNumbers.list();
    expect(data?.[0]?.deadline).toBe(new Date(clock + 60_000).toISOString());
    clock += 60_000;
    expect(await statusOf(late)).toBe('cancelled');
    const decided = await order('US', 'decided');
    await script({ kind: 'paperwork_approve', afterMs: 30_000 });
    clock += 600_000;
    expect(await statusOf(decided)).toBe('success');
  });
});
