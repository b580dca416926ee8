import type Telnyx from 'telnyx';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/index.ts';
import { Bench } from '../support/simulator-bench.ts';

// Emergency service: a pool of jobs of its own, a status that settles by the clock, and addresses that really change.

const OLD = '1315261609962112019';
const NEW = '1315261609962112020';

let on: Bench;
beforeEach(async () => {
  on = await Bench.open();
});
afterEach(() => on.close());

type Job = Telnyx.PhoneNumbers.PhoneNumbersJob;

/** An emergency job for some numbers, once it has had its time. */
async function job(numbers: readonly string[], emergency_address_id: string | null): Promise<Job> {
  const { data } = await on.client.phoneNumbers.jobs.updateEmergencySettingsBatch({
    phone_numbers: [...numbers],
    emergency_enabled: emergency_address_id !== null,
    ...(emergency_address_id === null ? {} : { emergency_address_id }),
  });
  on.pass(600);
  return (await on.client.phoneNumbers.jobs.retrieve(data?.id ?? '')).data ?? {};
}

/** Status and address of each number, by every endpoint that shows them. */
async function shown(numbers: readonly string[]): Promise<unknown[]> {
  const seen = await Promise.all(
    numbers.map(async (e164) => {
      const { data } = await on.client.phoneNumbers.retrieve(e164);
      const [slim] = (await on.client.phoneNumbers.slimList({ filter: { phone_number: e164.slice(1) } })).data;
      const [voice] = (await on.client.phoneNumbers.voice.list({ filter: { phone_number: e164.slice(1) } })).data;
      const one = [data?.emergency_status, data?.emergency_address_id ?? ''];
      expect([slim?.emergency_status, slim?.emergency_address_id]).toEqual(one);
      expect([voice?.emergency?.emergency_status, voice?.emergency?.emergency_address_id]).toEqual(one);
      return one;
    }),
  );
  return seen.flat();
}

const done = (ended: Job) => [ended.status, ended.successful_operations?.length, ended.failed_operations?.length];

it('is provisioned after the job, by the clock, and ends the same way', async () => {
  on.sim.behave({ emergencyMs: 60_000 });
  const [e164 = ''] = on.owned();
  expect(done(await job([e164], OLD))).toEqual(['completed', 1, 0]);
  expect(await shown([e164])).toEqual(['provisioning', OLD]);
  on.pass(60_000);
  expect(await shown([e164])).toEqual(['active', OLD]);
  await job([e164], null);
  expect(await shown([e164])).toEqual(['deprovisioning', '']);
  on.pass(60_000);
  expect(await shown([e164])).toEqual(['disabled', '']);
});

it('another address of a number that has the service already really is another', async () => {
  const [e164 = ''] = on.owned();
  await job([e164], OLD);
  on.pass(1000);
  await job([e164], NEW);
  expect(await shown([e164])).toEqual(['active', NEW]);
  const addresses = on.sim.ledger().changed.map(({ fields }) => fields['emergency_address_id']);
  expect(addresses).toEqual([OLD, NEW]);
});

describe('what goes wrong', () => {
  const numbers = () => on.owned().slice(0, 2);
  beforeEach(async () => {
    await job(numbers(), OLD);
    on.pass(1000);
  });

  it.each([
    [{ kind: 'emergency_stuck' }, 2, ['provisioning', NEW, 'active', NEW]],
    [{ kind: 'emergency_failed' }, 2, ['provisioning-failed', NEW, 'active', NEW]],
    [{ kind: 'emergency_address_kept' }, 2, ['active', OLD, 'active', NEW]],
    [{ kind: 'emergency_address_kept', listed: false }, 1, ['active', OLD, 'active', NEW]],
  ] as [Fault, number, string[]][])('%j', async (fault, listed, expected) => {
    on.sim.faults({ faults: [{ ...fault, count: 1, times: 1 }] });
    expect(done(await job(numbers(), NEW))).toEqual(['completed', listed, 0]);
    on.pass(3_600_000);
    expect(await shown(numbers())).toEqual(expected);
    const told = on.sim.ledger().changed.filter(({ fields }) => fields['emergency_address_id'] === NEW);
    expect(told).toHaveLength(expected.filter((word) => word === NEW).length);
    await job(numbers(), NEW);
    on.pass(1000);
    expect(await shown(numbers())).toEqual([fault.kind === 'emergency_stuck' ? 'provisioning' : 'active', NEW, 'active', NEW]);
  });

  it('only enabling can go wrong, and updates are left alone', async () => {
    on.sim.faults({ faults: [{ kind: 'emergency_stuck' }, { kind: 'emergency_address_kept' }] });
    await on.endOfJob();
    await job(numbers(), null);
    expect(on.sim.faultStates().map(({ seen }) => seen)).toEqual([0, 0]);
  });
});

it('its jobs have a cap of their own: they neither take the slots of updates and deletes, nor need them', async () => {
  on.sim.behave({ emergencyJobSlots: 3 });
  on.sim.openForeignJobs(20);
  const { jobs } = on.client.phoneNumbers;
  const [first = '', second = ''] = on.owned();
  const enable = () => jobs.updateEmergencySettingsBatch({ phone_numbers: [first], emergency_enabled: false });
  const full = (cap: number) => ({
    status: 422,
    error: { errors: [{ code: '10015', source: { pointer: '/base' }, detail: expect.stringContaining(`at most ${cap} `) }] },
  });
  for (let n = 0; n < 3; n += 1) await enable();
  await expect(enable()).rejects.toMatchObject(full(3));
  await expect(jobs.deleteBatch({ phone_numbers: [second] })).rejects.toMatchObject(full(20));
  on.sim.closeForeignJobs();
  await jobs.deleteBatch({ phone_numbers: [second] });
  expect(on.sim.ledger()).toMatchObject({ max_open_jobs: 1, max_open_emergency_jobs: 3 });
  on.sim.behave({ emergencyJobSlots: 500 });
  for (let n = 3; n < 500; n += 1) await enable();
  await expect(enable()).rejects.toMatchObject(full(500));
});
