import { describe, expect, it } from 'vitest';
import { refreshBalance } from '../../src/account/gate.ts';
import { getAccount, openGate } from '../../src/db/account.ts';
import { ProvisioningError } from '../../src/domain/errors.ts';
import { cancelRequest } from '../../src/producers/actions/cancel.ts';
import { createTelnyxGateway } from '../../src/telnyx/client.ts';
import { calls, expectAgreement } from '../support/expect-agreement.ts';
import { API_KEY, type Harness, useHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const buying = (quantity: number, more: object = {}) => ({
  kind: 'buy',
  lines: [{ national_destination_code: '312', quantity }],
  ...more,
});
const isOpen = async (h: Harness): Promise<boolean> => (await getAccount(h.db.sql)).gateOpen;
const refusing = (method: string, path: string, code = '10006', times?: number) => ({
  kind: 'error_before' as const,
  match: { method, path },
  status: 403,
  code,
  ...(times !== undefined && { times }),
});
const callsOf = (h: Harness, endpoint: string): number => Object.values(calls(h, endpoint)).reduce((sum, n) => sum + n, 0);

describe('a key that may not do what all work needs', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 20 } }),
    (harness) => harness.learnInventory(),
  );
  const owned = async (n: number): Promise<string[]> =>
    (await h().db.sql<{ phoneNumber: string }[]>`select phone_number from phone_numbers order by 1 limit ${n}`).map(
      (row) => row.phoneNumber,
    );
  const updating = async (): Promise<object> => ({
    kind: 'update',
    phone_numbers: await owned(3),
    set: { hd_voice_enabled: true },
  });
  const tagging = async (): Promise<object> => ({ kind: 'update', phone_numbers: await owned(3), set: { add_tags: ['x'] } });

  it.each<[string, string, () => Promise<object>]>([
    ['GET', '/available_phone_numbers', async () => buying(3)],
    ['POST', '/number_orders', async () => buying(3)],
    ['GET', '/number_orders/', async () => buying(3)],
    ['POST', '/phone_numbers/actions/verify_ownership', updating],
    ['POST', '/phone_numbers/jobs/update_phone_numbers', updating],
    ['GET', '/phone_numbers/jobs/', updating],
    ['GET', '/phone_numbers', tagging],
  ])('is told by a 403 of %s %s: the gate closes, and the request goes on when it is opened', async (method, path, body) => {
    const request = await body();
    h().faults(refusing(method, path, '10010', 1));
    const id = await h().submit(request);
    await until('the gate is closed', async () => !(await isOpen(h())));
    expect((await getAccount(h().db.sql)).reasonCode).toBe('forbidden');
    h().faults();
    await openGate(h().db.sql, { actor: 'anna', at: new Date() });
    expect(await h().ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 3 } });
    await expectAgreement(h(), id);
  });

  it('is told by a reconciliation too, which fails with the reason', async () => {
    h().faults(refusing('GET', '/phone_numbers'));
    expect((await h().reconcile()).run.status).toBe('failed');
    expect(await isOpen(h())).toBe(false);
    h().faults();
    await openGate(h().db.sql, { actor: 'anna', at: new Date() });
    expect((await h().reconcile()).run.status).toBe('completed');
  });
});

describe('a permission that one feature lacks', () => {
  const h = useHarness(
    () => ({ simulator: { owned: 20 }, limits: { orderSize: 2 }, timings: { balanceMs: 0 } }),
    (harness) => harness.learnInventory(),
  );

  it('neither closes the gate nor stops a buy: it goes out unreserved and unpriced against the balance, and both are told once', async () => {
    h().faults(refusing('GET', '/balance'), refusing('POST', '/number_reservations', '10010'));
    const first = await h().run(buying(8, { reserve: true }));
    const asked = () => [callsOf(h(), 'GET /balance'), callsOf(h(), 'POST /number_reservations')];
    const before = asked();
    const second = await h().run(buying(8, { reserve: true }));
    for (const view of [first, second]) expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 8 } });
    expect(asked(), 'nobody asks again for a while').toEqual(before);
    expect(await isOpen(h())).toBe(true);
    for (const operation of ['balance', 'reservations.create'])
      expect(
        h()
          .logged()
          .split('\n')
          .filter((line) => line.includes(`the account may not use ${operation}`)),
      ).toHaveLength(1);
    expect(h().logged()).not.toMatch(/"level":"?(warn|40)"?.*ordering without a reservation/);
    for (const view of [first, second]) await expectAgreement(h(), view.id);
  });

  it('fails the numbers of a messaging update with the reason, and the gate stays open', async () => {
    h().faults(refusing('POST', '/messaging_numbers_bulk_updates'));
    const numbers = await h().db.sql<{ phoneNumber: string }[]>`select phone_number from phone_numbers order by 1 limit 2`;
    const view = await h().run({
      kind: 'update',
      phone_numbers: numbers.map((n) => n.phoneNumber),
      set: { messaging_profile_id: '3fa85f64-5717-4562-b3fc-2c963f66afa6' },
    });
    expect(view).toMatchObject({ status: 'failed', counts: { failed: 2 } });
    const [item] = await h().items(view.id);
    expect([item?.reasonCode, item?.reason]).toEqual(['feature_not_permitted', expect.stringContaining('no permission')]);
    expect(await isOpen(h())).toBe(true);
  });

  it('to read a messaging update does not hold its slot for ever: the numbers are read back', async () => {
    h().faults(refusing('GET', '/messaging_numbers_bulk_updates'));
    const numbers = await h().db.sql<{ phoneNumber: string }[]>`select phone_number from phone_numbers order by 1 limit 2`;
    const view = await h().run({
      kind: 'update',
      phone_numbers: numbers.map((n) => n.phoneNumber),
      set: { messaging_profile_id: '3fa85f64-5717-4562-b3fc-2c963f66afa7' },
    });
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 2 } });
    expect(await isOpen(h())).toBe(true);
  });
});

describe('who only asks how the account is', () => {
  const h = useHarness();

  it.each([401, 402, 403])('never moves the gate, whatever %i it is told by whichever call', async (status) => {
    h().faults({ kind: 'error_before', status, code: status === 401 ? '10009' : '10006' });
    const gateway = createTelnyxGateway({ apiKey: API_KEY, baseURL: h().sim.url });
    const fails = async (call: Promise<unknown>) =>
      expect(await call.catch((error: unknown) => error)).toBeInstanceOf(ProvisioningError);
    try {
      await fails(refreshBalance({ ...h().deps, telnyx: gateway }));
      await fails(gateway.balance());
      await fails(gateway.search({ countryCode: 'US', phoneNumberType: 'local', bestEffort: false, limit: 1 }));
      await fails(gateway.listJobs('update_phone_numbers', new Date()));
      await fails(gateway.listNumbers({ pageNumber: 1, pageSize: 1 }));
      await fails(gateway.verifyOwnership(['+13125550100']));
    } finally {
      await gateway.close();
    }
    expect(await isOpen(h())).toBe(true);
  });
});

describe('a cancel that Telnyx carries out in part', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));

  it('is told on the request with the order and the counts, and goes on with every poll', async () => {
    const { telnyx } = h().deps;
    const { cancelOrder } = telnyx;
    telnyx.cancelOrder = async () => ({ done: 20, total: 45, why: 'the list of sub orders shows 20 of at least 45' });
    try {
      h().faults({ kind: 'order_pending', times: 1 });
      const id = await h().submit(buying(3));
      const orderId = await until('the order is at Telnyx', async () => (await h().chunks(id))[0]?.telnyxId);
      await cancelRequest(h().deps, id, 'anna');
      const error = await until('the request says so', async () => (await h().view(id)).error);
      expect(error).toMatchObject({ code: 'cancel_incomplete' });
      expect(error.message).toContain(`20 of 45 parts of order ${orderId} are cancelled; the others stay at Telnyx`);
      expect(h().logged()).toContain(error.message);
      Object.assign(telnyx, { cancelOrder });
      expect(await h().ended(id)).toMatchObject({ status: 'cancelled', counts: { cancelled: 3 } });
      await expectAgreement(h(), id);
    } finally {
      Object.assign(telnyx, { cancelOrder });
    }
  });
});
