import { describe, expect, it } from 'vitest';
import { failure, json, N1, N2, telnyx } from '../support/telnyx-server.ts';

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
