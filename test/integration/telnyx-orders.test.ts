import { beforeEach, describe, expect, it } from 'vitest';
import type { Order } from '../../src/telnyx/gateway.ts';
import { type Answer, failure, json, N1, N2, order, refusal, telnyx } from '../support/telnyx-server.ts';

const NO_SUB_ORDERS: Order = {
  id: 'o',
  status: 'pending',
  customerReference: null,
  requirementsMet: null,
  createdAt: null,
  updatedAt: null,
  unmetLineId: null,
  subOrderIds: [],
  lines: [],
};

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
      updatedAt: null,
      unmetLineId: 'line',
      subOrderIds: ['s-1'],
      lines: [{ phoneNumber: N1, status: 'pending', requirementsMet: false }],
    });
  });

  it('rely on no idempotency key: none is sent', async () => {
    const { gateway, hits } = await telnyx(json(200, { data: { id: 'o-1', status: 'pending' } }));
    await order(gateway);
    expect(Object.keys(hits[0]?.headers ?? {}).filter((name) => name.includes('idempotency'))).toEqual([]);
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
      updatedAt: null,
      unmetLineId: 'line',
      subOrderIds: ['s1', 's2'],
      lines: [],
    });
    expect(hits.map((h) => `${h.method} ${h.path}`)).toEqual([
      'PATCH /v2/sub_number_orders/s1/cancel',
      'PATCH /v2/sub_number_orders/s2/cancel',
    ]);
  });

  describe('whose sub orders only their list shows', () => {
    const ORDER = { ...NO_SUB_ORDERS, id: 'o' };
    const sub = (n: number, more: object = {}): object => ({ id: `s${n}`, order_request_id: 'o', status: 'pending', ...more });
    const subs = (from: number, to: number): object[] => Array.from({ length: to - from + 1 }, (_, i) => sub(from + i));
    const isCancel = ({ method }: { method: string }): boolean => method === 'PATCH';
    const listed =
      (list: (page: string | null, status: string | null, cancelled: number) => object): Answer =>
      (res, hit, nth) => {
        if (isCancel(hit)) {
          cancels += 1;
          return json(200, { data: { id: 's' } })(res, hit, nth);
        }
        return json(200, list(hit.query.get('page[number]'), hit.query.get('filter[status]'), cancels))(res, hit, nth);
      };
    let cancels = 0;
    beforeEach(() => {
      cancels = 0;
    });
    const cancelled = (hits: { method: string; path: string }[]): Set<string> =>
      new Set(hits.filter(isCancel).map((h) => h.path.split('/')[3] ?? ''));

    it('are cancelled beyond the first page, and the first page is asked for as documented', async () => {
      const { gateway, hits } = await telnyx(
        listed((page) => {
          const at = Number(page ?? '1');
          const data = subs(20 * at - 19, Math.min(20 * at, 45));
          return { data, meta: { page_number: at, total_pages: 3, total_results: 45 } };
        }),
      );
      expect(await gateway.cancelOrder(ORDER)).toEqual({ done: 45, total: 45, why: null });
      expect(cancelled(hits).size).toBe(45);
      expect([...(hits[0]?.query ?? [])]).toEqual([['filter[order_request_id]', 'o']]);
      expect(hits.filter((h) => !isCancel(h)).map((h) => h.query.get('page[number]'))).toEqual([null, '2', '3']);
    });

    it('are all reached where pages are not known, because those that are left move up', async () => {
      const { gateway, hits } = await telnyx(
        listed((_page, status, done) =>
          status === 'pending'
            ? { data: subs(done + 1, Math.min(done + 20, 45)), meta: { total_results: 45 - done, total_pages: 1 } }
            : { data: subs(1, 20), meta: { page_number: 1, total_pages: 3, total_results: 45 } },
        ),
      );
      expect(await gateway.cancelOrder(ORDER)).toEqual({ done: 45, total: 45, why: null });
      expect(cancelled(hits).size).toBe(45);
    });

    it('are counted where the list cannot show all', async () => {
      const page = { data: subs(1, 20), meta: { page_number: 1, total_pages: 3, total_results: 45 } };
      const { gateway, hits } = await telnyx(listed(() => page));
      expect(await gateway.cancelOrder(ORDER)).toEqual({
        done: 20,
        total: 45,
        why: 'the list of sub orders shows 20 of at least 45',
      });
      expect(hits.filter((h) => !isCancel(h)).length).toBeLessThanOrEqual(4);
    });

    it.each([
      ['a full page without meta that repeats', listed(() => ({ data: subs(1, 20) })), 20],
      ['a short page without meta', listed(() => ({ data: subs(1, 3) })), 3],
      ['more rows than a page without meta', listed(() => ({ data: subs(1, 45) })), 45],
      ['pages without meta', listed((page) => ({ data: page === null ? subs(1, 20) : page === '2' ? subs(21, 24) : [] })), 24],
    ])('are complete by %s', async (_what, answer, total) => {
      const { gateway } = await telnyx(answer);
      expect(await gateway.cancelOrder(ORDER)).toEqual({ done: total, total, why: null });
    });

    it('are cancelled as far as they are known when a later page fails', async () => {
      const { gateway } = await telnyx((res, hit, nth) => {
        if (hit.query.get('page[number]') === '2' || hit.query.get('filter[status]') === 'pending')
          return refusal(422, '10031')(res, hit, nth);
        return listed(() => ({ data: subs(1, 20), meta: { total_results: 21, total_pages: 2 } }))(res, hit, nth);
      });
      expect(await gateway.cancelOrder(ORDER)).toMatchObject({ done: 20, total: 21 });
    });

    it('of a stranger are never cancelled, and ended ones are not asked again', async () => {
      const data = [
        sub(1),
        sub(2, { order_request_id: 'other' }),
        sub(3, { status: 'success' }),
        sub(4, { order_request_id: null }),
      ];
      const { gateway, hits } = await telnyx(listed(() => ({ data, meta: { total_results: 4, total_pages: 1 } })));
      await gateway.cancelOrder(ORDER);
      expect([...cancelled(hits)].sort()).toEqual(['s1', 's4']);
    });
  });

  it('a cancel that the key may not make is told, and one of unknown outcome keeps no other from being cancelled', async () => {
    const forbidden = await telnyx(refusal(403, '10010'));
    expect(await forbidden.gateway.cancelOrder({ ...NO_SUB_ORDERS, subOrderIds: ['s1', 's2'] })).toMatchObject({
      done: 0,
      total: 2,
      why: expect.stringContaining('10010'),
    });
    const broken = await telnyx((res, hit, nth) =>
      (hit.path.includes('s1') ? refusal(500, '10007') : json(200, { data: { id: 's' } }))(res, hit, nth),
    );
    const failed = await failure(broken.gateway.cancelOrder({ ...NO_SUB_ORDERS, subOrderIds: ['s1', 's2'] }));
    expect([failed.disposition, broken.hits.length]).toEqual(['ambiguous', 2]);
  });

  it.each(['10006', '10010', '10038'])(
    'go out unreserved after one 403 %s to a reservation, without asking again',
    async (code) => {
      const { gateway, hits } = await telnyx(refusal(403, code));
      for (let i = 0; i < 3; i += 1) {
        const refused = await failure(gateway.reserve([N1], 'ref'));
        expect([refused.code, refused.disposition]).toEqual(['feature_not_permitted', 'rejected']);
      }
      expect(hits).toHaveLength(1);
    },
  );

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
