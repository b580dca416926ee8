import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/index.ts';
import { buying, causesOf, ordering } from '../support/buys.ts';
import { deliveredTo, expectAgreement, expectInventory } from '../support/expect-agreement.ts';
import { useHarness } from '../support/harness.ts';

describe('numbers that get lost on the way', () => {
  const h = useHarness(() => ({ limits: { orderSize: 10 } }));

  const losses: [string, Fault][] = [
    ['some lines fail and the order calls itself a success', { kind: 'order_partial', fraction: 0.5, order_status: 'success' }],
    ['some lines fail and the order calls itself a failure', { kind: 'order_partial', fraction: 0.3, order_status: 'failure' }],
    ['some lines fail and their numbers are on sale again', { kind: 'order_partial', count: 3, return_to_pool: true }],
    [
      'one number was sold meanwhile and Telnyx refuses the whole order (85001)',
      { kind: 'sold_to_other', count: 1, mode: 'order' },
    ],
    [
      'three numbers were sold meanwhile and Telnyx refuses the whole order (85001)',
      { kind: 'sold_to_other', count: 3, mode: 'order' },
    ],
    ['some numbers were sold meanwhile and only their lines fail', { kind: 'sold_to_other', count: 4, mode: 'line' }],
    ['the whole order fails', { kind: 'order_failure' }],
    ['the order is cancelled by Telnyx', { kind: 'order_cancelled' }],
  ];

  it.each(losses)('I5 %s: exactly what is missing is replaced', async (_, fault) => {
    h().faults({ ...fault, times: 1 });
    const view = await h().run(buying(20, '872'));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 20 } });
    await expectAgreement(h(), view.id);
    expect((await deliveredTo(h(), view.id)).every((b) => b.duplicate_attempts === 0)).toBe(true);
  });

  it('85000, the search is too long ago: the same numbers are searched and ordered once more', async () => {
    h().faults({ kind: 'error_before', match: ordering, status: 422, code: '85000', times: 1 });
    const view = await h().run(buying(10, '415'));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
    expect(await causesOf(h(), view.id)).toEqual(['planned', 'claim', 'try_later', 'claim', 'accepted', 'finished']);
    await expectAgreement(h(), view.id);
  });

  it('a burst of 429 is waited out; nothing is lost and no attempt is used up', async () => {
    h().faults(
      { kind: 'rate_limited', match: ordering, times: 2, seconds: 1 },
      { kind: 'rate_limited', match: { family: 'search' }, times: 1, seconds: 1 },
    );
    const view = await h().run(buying(20, '312'));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 20 } });
    expect((await h().chunks(view.id)).map((c) => c.attempt)).toEqual([1, 1]);
    await expectAgreement(h(), view.id);
  });

  it('waits for ownership that lags behind the order', async () => {
    h().faults({ kind: 'lag', ownership: 700, inventory: 700 });
    const view = await h().run(buying(10, '312'));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
    expect((await h().items(view.id)).every((i) => i.telnyxId !== null)).toBe(true);
    await expectAgreement(h(), view.id);
  });

  it('follows an order that is pending for long', async () => {
    h().faults({ kind: 'order_pending', ms: 1_500, times: 1 });
    const view = await h().run(buying(10, '312'));
    expect(view).toMatchObject({ status: 'succeeded', counts: { succeeded: 10 } });
    await expectAgreement(h(), view.id);
  });

  it('the inventory is what the account owns after all of these', async () => {
    await expectInventory(h());
  });
});
