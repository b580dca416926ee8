import { createServer, type Server } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { approveRequest } from '../../src/producers/actions/approve.ts';
import { cancelRequest } from '../../src/producers/actions/cancel.ts';
import { createTelnyxGateway } from '../../src/telnyx/client.ts';
import { onSale, reasonsOf } from '../support/buys.ts';
import { expectAgreement } from '../support/expect-agreement.ts';
import { API_KEY, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

describe('a buy of listed numbers', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 20 } }),
    (harness) => harness.learnInventory(),
  );

  it('I7 buys those that are for sale, and says of each other why not', async () => {
    const free = (await onSale(h(), '415', 10)).slice(0, 10);
    const [ours = ''] = h().sim.ownedNumbers();
    const [sold = ''] = h().sim.buyInPortal(1);
    const view = await h().run({ kind: 'buy', phone_numbers: [...free, ours, sold, '+13125550123'] });
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { asked: 13, succeeded: 10, failed: 3 } });
    expect(await reasonsOf(h(), view.id)).toEqual({
      [ours]: 'already_ours',
      [sold]: 'number_unavailable',
      '+13125550123': 'number_unavailable',
    });
    await expectAgreement(h(), view.id);
  });

  it('I4 gives a number that two buys name to one of them', async () => {
    const numbers = (await onSale(h(), '628', 12)).slice(0, 12);
    const views = await Promise.all([
      h().run({ kind: 'buy', phone_numbers: numbers }),
      h().run({ kind: 'buy', phone_numbers: numbers }),
    ]);
    expect(views.reduce((sum, v) => sum + v.counts.succeeded, 0)).toBe(12);
    for (const view of views) {
      const reasons = Object.values(await reasonsOf(h(), view.id));
      expect(reasons.every((r) => ['claimed_elsewhere', 'already_ours', 'number_unavailable'].includes(r))).toBe(true);
      await expectAgreement(h(), view.id);
    }
  });

  it('fails a listed number that is sold to somebody else meanwhile, without a substitute', async () => {
    const numbers = (await onSale(h(), '213', 8)).slice(0, 8);
    h().faults({ kind: 'sold_to_other', count: 2, times: 1, mode: 'order' });
    const view = await h().run({ kind: 'buy', phone_numbers: numbers });
    expect(view).toMatchObject({ status: 'partially_succeeded', counts: { succeeded: 6, failed: 2 } });
    expect(Object.values(await reasonsOf(h(), view.id))).toEqual(['number_unavailable', 'number_unavailable']);
    await expectAgreement(h(), view.id);
  });

  it('I4 orders a list once although two workers cut it into orders at the same time', async () => {
    const numbers = (await onSale(h(), '602', 6)).slice(0, 6);
    await h().stop();
    const id = await h().submit({ kind: 'buy', phone_numbers: numbers });
    const [line] = await h().db.sql<{ id: string }[]>`select id from lines where request_id = ${id}`;
    const job = { lineId: line?.id ?? '', requestId: id };
    const ctx = { log: h().deps.log, signal: new AbortController().signal, attempt: 1, lastAttempt: false };
    await h().handlers['line.fill'](job, ctx);
    // The lease of the first is over, but it is still there.
    const expire = () => h().db.sql`update lines set lease_until = now() - interval '1 minute' where id = ${job.lineId}`;
    let isDone = false;
    const first = h()
      .handlers['line.fill'](job, ctx)
      .finally(() => {
        isDone = true;
      });
    // Or it was quick and is through already: then the second has nothing to cut.
    await until(
      'the first has the lease',
      async () =>
        isDone || (await h().db.sql`select 1 from lines where id = ${job.lineId} and lease_until is not null`).length > 0,
    );
    await expire();
    await Promise.all([first, h().handlers['line.fill'](job, ctx)]);
    expect(await h().chunks(id)).toHaveLength(1);
    await h().start();
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 6 } });
    await expectAgreement(h(), id);
  });
});

describe('I7 a server that answers a search with fewer rows than asked', () => {
  const h = useHarness(() => ({ simulator: { numbers: 7_000 } }));
  const open: { close(): Promise<void> | void }[] = [];
  afterAll(async () => {
    for (const thing of open) await thing.close();
  });

  /** Searches go through a server that gives at most `cap` rows, `meta` only as it likes. */
  async function capped(cap: number, total: 'not said' | 'its own rows' | 'all there are'): Promise<void> {
    const upstream = async (query: URLSearchParams, limit: number) => {
      query.set('filter[limit]', String(limit));
      const answer = await fetch(`${h().sim.url}/available_phone_numbers?${query}`, {
        headers: { authorization: `Bearer ${API_KEY}` },
      });
      return { status: answer.status, body: (await answer.json()) as { data?: unknown[] } };
    };
    const server = createServer(async (req, res) => {
      const query = new URL(req.url ?? '', 'http://x').searchParams;
      const all = await upstream(query, 100_000);
      const rows = all.body.data?.slice(0, Math.min(cap, Number(query.get('filter[limit]') ?? cap)));
      const counted = total === 'its own rows' ? rows?.length : all.body.data?.length;
      const meta = total === 'not said' ? {} : { meta: { total_results: counted } };
      res.writeHead(all.status, { 'content-type': 'application/json' });
      res.end(JSON.stringify(rows === undefined ? all.body : { data: rows, ...meta }));
    });
    const baseURL = `http://127.0.0.1:${await listen(server)}/v2`;
    const gateway = createTelnyxGateway({ apiKey: API_KEY, baseURL, rates: { search: 500 } });
    h().deps.telnyx.search = gateway.search;
    open.push(gateway, { close: () => void server.close() });
  }
  const listen = (server: Server): Promise<number> =>
    new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  const searches = (): number =>
    Object.values(h().sim.ledger().calls.by_endpoint['GET /available_phone_numbers'] ?? {}).reduce((sum, n) => sum + n, 0);

  it.each([
    // More than all patterns show at once: it takes a second pass.
    [50, 'not said', '312', 700],
    [50, 'all there are', '773', 400],
    [250, 'its own rows', '872', 400],
  ] as const)('caps at %i (total: %s): numbers that are on sale are bought', async (cap, total, ndc, quantity) => {
    await capped(cap, total);
    const view = await h().run({ kind: 'buy', lines: [{ national_destination_code: ndc, quantity }] });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: quantity } });
    await expectAgreement(h(), view.id);
  });

  it.each([
    [50, 'not said'],
    [250, 'its own rows'],
  ] as const)('caps at %i (total: %s): listed numbers that are on sale are found behind the others', async (cap, total) => {
    await capped(10_000, 'not said');
    const free = await onSale(h(), '646', 10_000);
    // The last ones: a capped answer never shows them before the first.
    const numbers = free.slice(-40);
    expect(free.length).toBeGreaterThan(250 + 40);
    await capped(cap, total);
    const view = await h().run({ kind: 'buy', phone_numbers: [...numbers, '+16465550123'] });
    expect(view).toMatchObject({ counts: { succeeded: 40, failed: 1 } });
    expect(await reasonsOf(h(), view.id)).toEqual({ '+16465550123': 'number_unavailable' });
    await expectAgreement(h(), view.id);
  });

  it('an area that is truly exhausted costs few calls', async () => {
    await capped(250, 'its own rows');
    for (const [ndc, most] of [
      ['616', 12],
      ['512', 30],
    ] as const) {
      const there = (await onSale(h(), ndc, 250)).length;
      const before = searches();
      const view = await h().run({ kind: 'buy', lines: [{ national_destination_code: ndc, quantity: there + 5 }] });
      expect(view).toMatchObject({ counts: { succeeded: there, failed: 5 } });
      expect(await reasonsOf(h(), view.id)).toEqual({ empty: 'inventory_exhausted' });
      expect(searches() - before, `${there} in ${ndc}`).toBeLessThanOrEqual(most);
      await expectAgreement(h(), view.id);
    }
  });
});

describe('a large buy', () => {
  const h = useHarness(() => ({ simulator: { numbers: 11_000 }, limits: { orderSize: 500, approvalAbove: '5000.00' } }));

  it('I7 fills more than 1,000 numbers of one area code over several searches', async () => {
    const view = await h().run({
      kind: 'buy',
      lines: [{ national_destination_code: '312', quantity: 1_300 }],
      max_upfront_cost: '2000.00',
      max_monthly_cost: '2000.00',
    });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 1_300 } });
    await expectAgreement(h(), view.id);
  });

  it('waits for approval above the limit: nothing is searched or bought before, or at all when it is cancelled', async () => {
    const before = h().sim.ledger().calls.total;
    const id = await h().submit({ kind: 'buy', lines: [{ national_destination_code: '773', quantity: 600 }] });
    const never = await h().submit({ kind: 'buy', lines: [{ national_destination_code: '646', quantity: 600 }] });
    expect([(await h().view(id)).status, (await h().view(never)).status]).toEqual(['awaiting_approval', 'awaiting_approval']);
    await cancelRequest(h().deps, never, 'anna');
    expect(h().sim.ledger().calls.total).toBe(before);
    await approveRequest(h().deps, id, 'anna');
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 600 } });
    expect(await h().view(never)).toMatchObject({ status: 'cancelled', counts: { cancelled: 600 } });
    await expectAgreement(h(), id);
    await expectAgreement(h(), never);
  });
});
