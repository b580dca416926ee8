import { describe, expect, it } from 'vitest';
import { failure, json, N1, N2, refusal, telnyx } from '../support/telnyx-server.ts';

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
