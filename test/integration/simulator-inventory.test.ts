import type Telnyx from 'telnyx';
import { describe, expect, it } from 'vitest';
import { SIMULATED_ACCOUNT, type Simulator } from '../../src/simulator/index.ts';
import { eachWithSimulator } from '../support/simulator.ts';

let clock = Date.parse('2026-10-01T00:00:00Z');
let simulator: Simulator;
let client: Telnyx;

eachWithSimulator({ numbers: 2000, owned: 600, now: () => clock }, (started, itsClient) => {
  simulator = started;
  client = itsClient;
});

function refused(status: number, code: string, pointer: string): object {
  return { status, error: { errors: [expect.objectContaining({ code, source: { pointer } })] } };
}

function ended(job: Telnyx.PhoneNumbers.PhoneNumbersJob | undefined): [string | undefined, number, number, number] {
  return [
    job?.status,
    job?.pending_operations?.length ?? -1,
    job?.successful_operations?.length ?? -1,
    job?.failed_operations?.length ?? -1,
  ];
}

describe('lists', () => {
  it('pages to the end with the SDK, sorted and capped at 250', async () => {
    const slim: string[] = [];
    for await (const row of client.phoneNumbers.slimList({ 'page[size]': 999, sort: 'phone_number' }))
      slim.push(row.phone_number ?? '');
    expect(slim).toEqual(simulator.ownedNumbers().sort());
    const page = await client.phoneNumbers.list({ 'page[size]': 250, 'page[number]': 2 });
    expect(page.meta).toEqual({ page_number: 2, total_pages: 3, page_size: 250, total_results: 600 });
    expect(page.data).toHaveLength(250);
    expect((await client.phoneNumbers.list()).data).toHaveLength(20);
  });

  it('filters, and shows the lock only on the full object', async () => {
    const [first = ''] = simulator.ownedNumbers();
    simulator.lock([first]);
    simulator.setTags([first], ['only-one']);
    const [full] = (await client.phoneNumbers.list({ filter: { tag: 'only-one' } })).data;
    expect(full).toMatchObject({ phone_number: first, deletion_lock_enabled: true, tags: ['only-one'] });
    const [slim] = (await client.phoneNumbers.slimList({ filter: { phone_number: first.slice(1) }, include_tags: true })).data;
    expect(slim).toMatchObject({ phone_number: first, tags: ['only-one'] });
    expect(slim).not.toHaveProperty('deletion_lock_enabled');
    expect((await client.phoneNumbers.voice.list({ filter: { phone_number: first.slice(1) } })).data).toHaveLength(1);
    const changed = { tech_prefix_enabled: true, usage_payment_method: 'channel' as const };
    await client.phoneNumbers.voice.update(first, changed);
    const channel = { 'voice.usage_payment_method': 'channel' as const };
    const { data: voices } = await client.phoneNumbers.voice.list({ filter: channel });
    expect(voices).toMatchObject([{ phone_number: first, ...changed }]);
    const elsewhere = { ...channel, connection_name: { contains: 'no-such-connection' } };
    expect((await client.phoneNumbers.voice.list({ filter: elsewhere })).data).toEqual([]);
    const query = { 'filter[phone_number]': simulator.ownedNumbers().slice(0, 3).join(',') };
    expect((await client.phoneNumbers.messaging.list(query)).data).toHaveLength(3);
  });
});

describe('one number', () => {
  it('is changed field by field and deleted once', async () => {
    const [e164 = ''] = simulator.ownedNumbers();
    const { data } = await client.phoneNumbers.update(e164, {
      tags: ['a', 'b'],
      customer_reference: 'x',
      hd_voice_enabled: true,
    });
    expect(data).toMatchObject({ tags: ['a', 'b'], customer_reference: 'x', hd_voice_enabled: true });
    const wrong = { messaging_profile_id: SIMULATED_ACCOUNT.messagingProfileIds[0] } as Telnyx.PhoneNumberUpdateParams;
    await expect(client.phoneNumbers.update(e164, wrong)).rejects.toMatchObject(refused(422, '10015', '/messaging_profile_id'));
    await expect(client.phoneNumbers.update(e164, { tags: ['a:b'] })).rejects.toMatchObject(refused(422, '10015', '/tags'));
    const voice = await client.phoneNumbers.voice.update(e164, {
      caller_id_name_enabled: true,
      tech_prefix_enabled: true,
    });
    expect(voice.data).toMatchObject({ tech_prefix_enabled: true });
    await client.phoneNumbers.messaging.update(e164, { messaging_profile_id: '' });
    expect((await client.phoneNumbers.messaging.retrieve(e164)).data?.messaging_profile_id).toBeNull();
    expect((await client.phoneNumbers.delete(data?.id ?? '')).data?.status).toBe('deleted');
    await expect(client.phoneNumbers.delete(e164)).rejects.toMatchObject({ status: 404 });
    expect(simulator.ledger().released).toMatchObject([{ phone_number: e164, job_id: null }]);
    expect((await client.phoneNumbers.list({ filter: { status: 'deleted' } })).data).toHaveLength(1);
  });

  it('provisions emergency service by the clock', async () => {
    const [e164 = ''] = simulator.ownedNumbers();
    const body = { emergency_enabled: true, emergency_address_id: SIMULATED_ACCOUNT.emergencyAddressIds[0] };
    const { data, response } = await client.phoneNumbers.actions.enableEmergency(e164, body).withResponse();
    expect([response.status, data.data?.emergency?.emergency_status]).toEqual([202, 'provisioning']);
    clock += 1000;
    expect((await client.phoneNumbers.retrieve(e164)).data?.emergency_status).toBe('active');
  });
});

describe('jobs', () => {
  it('moves through its phases and replaces tags', async () => {
    const numbers = simulator.ownedNumbers().slice(0, 100);
    const { data } = await client.phoneNumbers.jobs.updateBatch({
      phone_numbers: numbers,
      tags: ['new'],
      voice: { tech_prefix_enabled: true },
    });
    expect(ended(data)).toEqual(['pending', 100, 0, 0]);
    clock += 600;
    expect(ended((await client.phoneNumbers.jobs.retrieve(data?.id ?? '')).data)).toEqual(['in_progress', 50, 50, 0]);
    clock += 100;
    expect(ended((await client.phoneNumbers.jobs.retrieve(data?.id ?? '')).data)).toEqual(['completed', 0, 100, 0]);
    expect((await client.phoneNumbers.retrieve(numbers[0] ?? '')).data?.tags).toEqual(['new']);
    expect(simulator.ledger().changed).toHaveLength(100);
  });

  it('refuses bad batches', async () => {
    const [first = '', second = ''] = simulator.ownedNumbers();
    const id = (await client.phoneNumbers.retrieve(first)).data?.id ?? '';
    const { jobs } = client.phoneNumbers;
    const bad = refused(422, '10015', '/phone_numbers');
    await expect(jobs.deleteBatch({ phone_numbers: [first, '+12025550199'] })).rejects.toMatchObject(bad);
    await expect(jobs.deleteBatch({ phone_numbers: [] })).rejects.toMatchObject(bad);
    await expect(jobs.deleteBatch({ phone_numbers: [id, second] })).rejects.toMatchObject(bad);
    await expect(jobs.deleteBatch({ phone_numbers: Array.from({ length: 1001 }, (_, n) => String(n)) })).rejects.toMatchObject(
      bad,
    );
    await expect(jobs.updateBatch({ phone_numbers: [first] })).rejects.toMatchObject(refused(422, '10015', '/updateable_fields'));
    expect(simulator.ledger().jobs).toEqual([]);
    expect((await jobs.deleteBatch({ phone_numbers: [id] })).data?.phone_numbers).toEqual([{ id }]);
  });

  it('has 20 slots for updates and deletes, eaten by strangers too', async () => {
    const [first = '', second = ''] = simulator.ownedNumbers();
    simulator.openForeignJobs(19);
    await client.phoneNumbers.jobs.updateBatch({ phone_numbers: [first], tags: [] });
    const more = () => client.phoneNumbers.jobs.deleteBatch({ phone_numbers: [second] });
    await expect(more()).rejects.toMatchObject(refused(422, '10015', '/base'));
    await client.phoneNumbers.jobs.updateEmergencySettingsBatch({ phone_numbers: [first], emergency_enabled: false });
    simulator.closeForeignJobs();
    await more();
    expect(simulator.ledger().max_open_jobs).toBe(2);
  });

  it('releases numbers but not locked ones, and then refuses the same batch', async () => {
    const numbers = simulator.ownedNumbers().slice(0, 10);
    simulator.lock(numbers.slice(0, 1));
    const { data } = await client.phoneNumbers.jobs.deleteBatch({ phone_numbers: numbers });
    clock += 1000;
    const { data: done } = await client.phoneNumbers.jobs.retrieve(data?.id ?? '');
    expect(ended(done)).toEqual(['completed', 0, 9, 1]);
    expect(done?.failed_operations?.[0]).toMatchObject({ phone_number: numbers[0], errors: [{ code: '10035' }] });
    await expect(client.phoneNumbers.jobs.deleteBatch({ phone_numbers: numbers })).rejects.toMatchObject({
      status: 422,
    });
    expect(simulator.ledger().released).toHaveLength(9);
  });

  it('lists jobs newest first and takes several statuses only as repeated brackets', async () => {
    const [first = ''] = simulator.ownedNumbers();
    await client.phoneNumbers.jobs.updateBatch({ phone_numbers: [first], tags: [] });
    await client.phoneNumbers.jobs.deleteBatch({ phone_numbers: [first] });
    const types = (await client.phoneNumbers.jobs.list()).data.map((job) => job.type);
    expect(types).toEqual(['delete_phone_numbers', 'update_phone_numbers']);
    await expect(client.phoneNumbers.jobs.list({ filter: { status: ['pending'] } })).rejects.toMatchObject({
      status: 400,
    });
    const literal = { 'filter[status][]': 'pending' } as Telnyx.PhoneNumbers.JobListParams;
    expect((await client.phoneNumbers.jobs.list(literal)).data).toHaveLength(2);
  });

  it('changes everything a filter matches', async () => {
    const { data } = await client.phoneNumbers.jobs.updateBatch({
      phone_numbers: [],
      filter: { tag: 'solar' },
      tags: ['swept'],
    });
    const solar = data?.phone_numbers?.length ?? 0;
    clock += 10_000;
    expect((await client.phoneNumbers.list({ filter: { tag: 'swept' }, 'page[size]': 1 })).meta?.total_pages).toBe(solar);
    expect(solar).toBeGreaterThan(100);
  });
});

describe('bulk messaging', () => {
  it('ends by the clock; an empty profile unassigns', async () => {
    const numbers = [...simulator.ownedNumbers().slice(0, 2), '+12025550199'];
    const { data } = await client.messagingNumbersBulkUpdates.create({ messaging_profile_id: '', numbers });
    expect(data?.pending).toEqual(numbers);
    clock += 500;
    const { data: done } = await client.messagingNumbersBulkUpdates.retrieve(data?.order_id ?? '');
    expect([done?.pending, done?.success?.length, done?.failed]).toEqual([[], 2, ['+12025550199']]);
  });
});
