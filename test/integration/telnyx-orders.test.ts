import { describe, expect, it } from 'vitest';
import { type Answer, failure, json, N1, N2, order, refusal, telnyx } from '../support/telnyx-server.ts';

describe('orders', () => {
  it('carry settings and requirement groups, and come back with their lines', async () => {
    const { gateway, hits } = await telnyx(
      json(200, {
        data: {
          id: 'o-1',
          status: 'brand-new-status',
          customer_reference: 'ref-1',
          requirements_met: false,
          sub_number_orders_ids: ['s-1'],
          phone_numbers: [
            { id: 'line', phone_number: N1, status: 'pending', requirements_met: false },
            { phone_number: 'masked' },
          ],
        },
      }),
    );
    const made = await gateway.createOrder([N1, N2, N1], 'ref-1', {
      connection_id: 'c',
      requirement_group_id: 'g',
      reserve: true,
    });
    expect(hits[0]?.body).toEqual({
      customer_reference: 'ref-1',
      connection_id: 'c',
      phone_numbers: [N1, N2].map((phone_number) => ({ phone_number, requirement_group_id: 'g' })),
    });
    expect(made).toEqual({
      id: 'o-1',
      status: 'brand-new-status',
      customerReference: 'ref-1',
      requirementsMet: false,
      createdAt: null,
      unmetLineId: 'line',
      subOrderIds: ['s-1'],
      lines: [{ phoneNumber: N1, status: 'pending', requirementsMet: false }],
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['an id of a sub order that is no text', { sub_number_orders_ids: ['s-1', 7] }],
    ['sub orders that are no list', { sub_number_orders_ids: 's-1' }],
    ['a line that is nothing', { phone_numbers: [null, 'x', { phone_number: N1, status: 'success' }] }],
    ['a list of lines that is none', { phone_numbers: { count: 1 } }],
  ])('%s does not make an accepted order one of unknown outcome', async (_what, odd) => {
    const { gateway } = await telnyx(json(200, { data: { id: 'o-1', status: 'pending', ...odd } }));
    const made = await order(gateway);
    expect([made.id, made.subOrderIds]).toEqual(['o-1', []]);
    expect(made.lines.map((l) => l.phoneNumber)).toEqual(Array.isArray(odd['phone_numbers']) ? [N1] : []);
  });

  it('paperwork that is missing is told by its status, and where none is shown by whether a value was given', async () => {
    const regulatory_requirements = [
      { field_type: 'address', field_value: 'a-1' },
      { field_type: 'document' },
      { field_type: 'textual', field_value: '' },
      { field_type: 'datetime', status: 'approved' },
      { field_type: 'passport', status: 'pending-approval', field_value: 'p-1' },
    ];
    const { gateway } = await telnyx(json(200, { data: { id: 'line', deadline: 'soon', regulatory_requirements } }));
    expect(await gateway.paperwork('line')).toEqual({
      deadline: 'soon',
      missing: ['document', 'textual', 'passport pending-approval'],
    });
  });

  it('are found by the exact reference only, over all pages', async () => {
    const pages: Record<string, unknown[]> = {
      '1': [{ id: 'a', customer_reference: 'ref-10' }, { id: 'b', customer_reference: 'REF-1' }, { id: 'c' }],
      '2': [{ id: 'd', customer_reference: 'ref-1', phone_numbers: [{ id: 'x', phone_number: N1 }] }],
    };
    const { gateway, hits } = await telnyx((res, hit, nth) => {
      const page = hit.query.get('page[number]') ?? '';
      json(200, { data: pages[page] ?? [], meta: { page_number: Number(page), total_pages: 2 } })(res, hit, nth);
    });
    expect((await gateway.findOrders('ref-1')).map((o) => [o.id, o.lines])).toEqual([['d', []]]);
    expect(hits).toHaveLength(2);
    expect(hits[0]?.query.get('filter[customer_reference]')).toBe('ref-1');
  });

  it.each<[string, Answer]>([
    ['HTML', (res) => void res.writeHead(200, { 'content-type': 'text/html' }).end('<p>')],
    ['no data', json(200, {})],
    ['204', (res) => void res.writeHead(204).end()],
  ])('a list that answers %s is never taken for "no such order"', async (_what, answer) => {
    const { gateway } = await telnyx(answer);
    expect((await failure(gateway.findOrders('ref-1'))).disposition).toBe('retry');
  });

  it('a list without end is never taken for "no such order"', async () => {
    const { gateway } = await telnyx(json(200, { data: [{ id: 'a', customer_reference: 'other' }] }));
    expect((await failure(gateway.findOrders('ref-1'))).code).toBe('unknown_outcome');
  });

  it('cancel every sub order, passing over those that are no longer pending', async () => {
    const { gateway, hits } = await telnyx((res, hit, nth) =>
      (nth === 1 ? refusal(422, '10015') : json(200, { data: { id: 's' } }))(res, hit, nth),
    );
    await gateway.cancelOrder({
      id: 'o',
      status: 'pending',
      customerReference: null,
      requirementsMet: null,
      createdAt: null,
      unmetLineId: 'line',
      subOrderIds: ['s1', 's2'],
      lines: [],
    });
    expect(hits.map((h) => `${h.method} ${h.path}`)).toEqual([
      'PATCH /v2/sub_number_orders/s1/cancel',
      'PATCH /v2/sub_number_orders/s2/cancel',
    ]);
  });

  it('a reservation counts as held only what the answer shows as held', async () => {
    const { gateway, hits } = await telnyx(
      json(200, {
        data: {
          id: 'r',
          phone_numbers: [
            { phone_number: N1, status: 'success' },
            { phone_number: N2, status: 'failed', errors: 'on hold' },
          ],
        },
      }),
    );
    expect(await gateway.reserve([N1, N2, '+13125550103'], 'ref')).toEqual({
      id: 'r',
      held: [N1],
      refused: [N2, '+13125550103'],
    });
    expect(hits[0]?.body).toEqual({
      customer_reference: 'ref',
      phone_numbers: [N1, N2, '+13125550103'].map((phone_number) => ({ phone_number })),
    });
  });
});
