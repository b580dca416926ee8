import { describe, expect, it } from 'vitest';
import { budgetOf, chargesOf, monthOf } from '../../../src/domain/budget.ts';
import { type GuardFacts, guardDelete } from '../../../src/domain/delete-guard.ts';
import { asError, invalid } from '../../../src/domain/errors.ts';
import { formatMoney, moneyOf, parseMoney } from '../../../src/domain/money.ts';
import { isFinalStatus, judgeNumber, type Patience } from '../../../src/domain/order-outcome.ts';
import { inSlices, isE164, nanpAreaCode } from '../../../src/domain/phone-number.ts';
import { type ItemCounts, type RequestSituation, requestStatus } from '../../../src/domain/request.ts';
import { checkedAgain, hiddenFor, isFresh, patienceFor } from '../../../src/domain/streaks.ts';
import { mergeTags, sameTags } from '../../../src/domain/tags.ts';

describe('money', () => {
  it.each(['0.00', '1.00', '0.0055', '12345678.90', '-3.50', '0.000001'])('%s survives reading and writing', (text) => {
    expect(formatMoney(parseMoney(text) ?? 0n)).toBe(text);
  });

  it('adds up exactly, where floats would lose cents', () => {
    const total = Array.from({ length: 1_000 }, () => parseMoney('0.10') ?? 0n).reduce((sum, n) => sum + n, 0n);
    expect(formatMoney(total)).toBe('100.00');
  });

  it.each(['', '1,00', 'free', '1e3', '.5', 'NaN'])('"%s" is no amount', (text) => {
    expect(parseMoney(text)).toBeNull();
    // Where money is spent, it is neither nothing nor enough.
    expect(() => moneyOf(text)).toThrow(expect.objectContaining({ code: 'unreadable_money', disposition: 'bug' }));
  });
});

describe('budgets', () => {
  it('a month is one of UTC, from its first moment to that of the next', () => {
    const { name, from, to } = monthOf(new Date('2026-12-31T23:59:59.999Z'));
    expect([name, from.toISOString(), to.toISOString()]).toEqual([
      '2026-12',
      '2026-12-01T00:00:00.000Z',
      '2027-01-01T00:00:00.000Z',
    ]);
  });

  it('only what is switched on costs, and what has no price is named', () => {
    const named = (on: boolean) => ({ kind: 'update', settings: { voice: { caller_id_name_enabled: on } } }) as const;
    const emergency = (on: boolean) =>
      ({ kind: 'emergency', emergency_enabled: on, emergency_address_id: on ? 'a' : null }) as const;
    const prices = { e911: '1.50', caller_id_name: '0.40' };
    expect(chargesOf([named(true), emergency(true)], prices)).toEqual({ update: '0.40', emergency: '1.50', unknown: [] });
    expect(chargesOf([named(false), emergency(false)], prices)).toEqual({ update: null, emergency: null, unknown: [] });
    expect(chargesOf([named(true), emergency(true)], {}).unknown).toEqual(['caller_id_name', 'e911']);
  });

  it('a name that is a property of every object has no budget', () => {
    expect([budgetOf({}, 'constructor'), budgetOf({ ops: '5' }, 'ops'), budgetOf({ ops: '5' }, null)]).toEqual([null, '5', null]);
  });
});

describe('phone numbers', () => {
  it('only whole E.164 numbers pass', () => {
    expect(['+13125550100', '+442071838750'].every(isE164)).toBe(true);
    for (const bad of ['13125550100', '+1312555', '+1 312 555 0100', '+49351xxxxxxx', '+0123456789', '+1234567890123456'])
      expect(isE164(bad), bad).toBe(false);
  });

  it('area codes are those of +1 numbers only', () => {
    expect([nanpAreaCode('+13125550100'), nanpAreaCode('+442071838750')]).toEqual(['312', null]);
  });

  it('slices keep every element and the order', () => {
    expect(inSlices([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(inSlices([], 2)).toEqual([]);
  });
});

describe('tags', () => {
  it('adding wins over removing, and what is there stays', () => {
    expect(mergeTags(['b', 'x'], { add: ['a', 'b'], remove: ['x', 'a'] })).toEqual(['a', 'b']);
    expect(mergeTags([], { add: [], remove: ['x'] })).toEqual([]);
  });

  it('their order means nothing', () => {
    expect([sameTags(['a', 'b'], ['b', 'a']), sameTags(['a'], ['a', 'b']), sameTags([], [])]).toEqual([true, false, true]);
  });
});

describe('I8 the guard before a release', () => {
  const plain: GuardFacts = {
    tags: [],
    deletionLockEnabled: false,
    emergencyEnabled: false,
    emergencyStatus: 'disabled',
    status: 'active',
  };
  const no = { includeLocked: false, includeEmergency: false };
  const all = { includeLocked: true, includeEmergency: true };
  const verdict = (facts: Partial<GuardFacts>, may = no) => {
    const v = guardDelete({ ...plain, ...facts }, may);
    return v.kind === 'keep' ? v.code : v.kind;
  };

  it('what Telnyx does not show is not taken for "off"', () => {
    expect(verdict({ deletionLockEnabled: undefined }, all)).toBe('lock_unknown');
    expect(verdict({ tags: undefined }, all)).toBe('tags_unknown');
    expect(verdict({ emergencyEnabled: undefined, emergencyStatus: 'active' })).toBe('emergency_enabled');
  });

  it.each([
    [undefined, undefined, 'emergency_unknown'],
    [undefined, 'brand-new-status', 'emergency_unknown'],
    [false, 'brand-new-status', 'emergency_unknown'],
    [false, 'provisioning_failed', 'emergency_unknown'],
    [false, '', 'emergency_unknown'],
    [false, undefined, 'release'],
    [undefined, 'disabled', 'release'],
    [false, 'disabled', 'release'],
  ])(
    'emergency services enabled: %j, status %j: %s, whatever the request says',
    (emergencyEnabled, emergencyStatus, expected) => {
      expect([verdict({ emergencyEnabled, emergencyStatus }), verdict({ emergencyEnabled, emergencyStatus }, all)]).toEqual([
        expected,
        expected,
      ]);
    },
  );

  it.each([
    [{}, 'release', 'release'],
    [{ deletionLockEnabled: true }, 'deletion_locked', 'unlock_first'],
    [{ emergencyEnabled: true }, 'emergency_enabled', 'disable_emergency_first'],
    [{ emergencyStatus: 'provisioning-failed' }, 'emergency_enabled', 'disable_emergency_first'],
    [{ emergencyStatus: 'deprovisioning' }, 'emergency_enabled', 'wait'],
    [{ emergencyEnabled: true, deletionLockEnabled: true }, 'emergency_enabled', 'disable_emergency_first'],
    [{ tags: ['protected'] }, 'protected', 'protected'],
    [{ status: 'port-out-pending' }, 'not_active', 'not_active'],
  ] as [Partial<GuardFacts>, string, string][])('%j: %s, and with both flags %s', (facts, without, withFlags) => {
    expect([verdict(facts), verdict(facts, all)]).toEqual([without, withFlags]);
  });
});

describe('I5 what an order says of a number, against what ownership says', () => {
  const judge = (lineStatus: string | null, owned: boolean, checks = 1, windowOver = false, more: Partial<Patience> = {}) =>
    judgeNumber({ phoneNumber: '+13125550100', lineStatus, owned }, { checks, windowOver, linesOver: false, ...more });

  it('both must agree', () => {
    expect([judge('success', true), judge('success', false), judge('failure', true)]).toEqual(['bought', 'unclear', 'unclear']);
    expect([judge('failure', false, 1), judge('failure', false, 2)]).toEqual(['unclear', 'lost']);
  });

  it('after the window delivery wins over failure: a number that is ours is never called lost', () => {
    expect([judge('success', false, 9, true), judge('failure', true, 9, true), judge(null, true, 9, true)]).toEqual([
      'bought',
      'bought',
      'bought',
    ]);
  });

  it('a number without an order line needs more checks before it is called lost', () => {
    expect([judge(null, false, 2, true), judge(null, false, 3, false), judge(null, false, 3, true)]).toEqual([
      'unclear',
      'unclear',
      'lost',
    ]);
  });

  it('a line that is still open is not lost, whatever its order is called, until it was waited for long enough', () => {
    expect([judge('pending', false, 9, true), judge('pending', true, 9, false)]).toEqual(['unclear', 'unclear']);
    const long = { linesOver: true };
    expect([judge('pending', false, 9, true, long), judge('pending', true, 9, true, long)]).toEqual(['lost', 'bought']);
  });

  it('after a resend a failed line is lost only when the whole window is over: the first order may hold the number', () => {
    const resent = { resent: true };
    expect([judge('failure', false, 9, false, resent), judge('failure', false, 9, true, resent)]).toEqual(['unclear', 'lost']);
  });

  it('a status that nobody knows is not final', () => {
    expect(['pending', 'in-review', ''].some(isFinalStatus)).toBe(false);
    expect(['success', 'failure', 'cancelled', 'deleted'].every(isFinalStatus)).toBe(true);
  });
});

describe('I7 the status of a request', () => {
  const none: ItemCounts = { pending: 0, in_flight: 0, succeeded: 0, failed: 0, cancelled: 0, skipped: 0 };
  const quiet: Omit<RequestSituation, 'counts'> = {
    cancelRequested: false,
    awaitingApproval: false,
    paused: false,
    scheduled: false,
    openChunks: { needsAttention: 0, waiting: 0, other: 0 },
    searchingLines: 0,
  };
  const status = (counts: Partial<ItemCounts>, more: Partial<RequestSituation> = {}) =>
    requestStatus({ ...quiet, ...more, counts: { ...none, ...counts } });

  it.each([
    [{ succeeded: 3 }, 'succeeded'],
    [{ succeeded: 2, failed: 1 }, 'partially_succeeded'],
    [{ succeeded: 2, skipped: 1 }, 'partially_succeeded'],
    [{ succeeded: 2, cancelled: 1 }, 'partially_succeeded'],
    [{ failed: 3 }, 'failed'],
    [{ cancelled: 3 }, 'cancelled'],
    [{ failed: 1, cancelled: 2 }, 'failed'],
  ] as [Partial<ItemCounts>, string][])('%j has ended as %s', (counts, expected) => expect(status(counts)).toBe(expected));

  it('is never an end while an item is open', () => {
    for (const open of [{ pending: 1 }, { in_flight: 1 }])
      for (const more of [{ succeeded: 5 }, { failed: 5 }, { cancelled: 5 }])
        expect(['running', 'waiting', 'needs_attention', 'awaiting_approval']).toContain(status({ ...open, ...more }));
  });

  it('says what is waited for, the work of machines first', () => {
    const chunks = (needsAttention: number, waiting: number, other: number) => ({
      openChunks: { needsAttention, waiting, other },
    });
    expect(status({ in_flight: 1 }, chunks(0, 1, 0))).toBe('waiting');
    expect(status({ in_flight: 1 }, chunks(1, 1, 0))).toBe('needs_attention');
    expect(status({ in_flight: 1 }, chunks(1, 1, 1))).toBe('running');
    expect(status({ pending: 1 }, { ...chunks(0, 1, 0), searchingLines: 1 })).toBe('running');
    expect(status({ pending: 1 }, { awaitingApproval: true })).toBe('awaiting_approval');
    expect(status({ pending: 1 }, { paused: true, scheduled: true })).toBe('paused');
    expect(status({ pending: 1 }, { scheduled: true })).toBe('scheduled');
  });
});

describe('errors', () => {
  it('bad input lists every problem in one text', () => {
    const error = invalid([
      { path: 'lines.0.quantity', message: 'must be at least 1' },
      { path: '', message: 'names no number' },
    ]);
    expect([error.code, error.message, error.details]).toEqual([
      'validation_failed',
      'lines.0.quantity: must be at least 1; names no number',
      expect.arrayContaining([{ path: '', message: 'names no number' }]),
    ]);
  });

  it('whatever is thrown becomes an Error', () => {
    expect([asError('text').message, asError(new TypeError('x'))]).toEqual(['text', expect.any(TypeError)]);
  });
});

describe('I9 numbers that a source does not show', () => {
  const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));
  const [a, b] = ['+13125550100', '+13125550101'];

  it('a check that shows a number ends its streak; the others go on', () => {
    const first = checkedAgain(undefined, [a, b], at(0));
    const second = checkedAgain(first, [b], at(10));
    const third = checkedAgain(second, [a, b], at(20));
    expect(third).toEqual({
      [a]: { since: at(20).toISOString(), checks: 1 },
      [b]: { since: at(0).toISOString(), checks: 3 },
    });
  });

  it('hidden is only what several checks over the whole time did not show', () => {
    const one = checkedAgain(undefined, [a], at(0));
    expect(hiddenFor(one[a], at(60), 10_000)).toBe(false);
    const two = checkedAgain(one, [a], at(9));
    expect([hiddenFor(two[a], at(9), 10_000), hiddenFor(two[a], at(10), 10_000), hiddenFor(undefined, at(10), 0)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('five settling windows after a purchase its number is fresh no more', () => {
    const t = { settleMs: 1_000 };
    expect([isFresh(at(0), at(4), t), isFresh(at(0), at(5), t), isFresh(null, at(0), t)]).toEqual([true, false, false]);
    expect([patienceFor(at(0), at(4), t), patienceFor(at(0), at(9), t), patienceFor(null, at(0), t)]).toEqual([
      5_000, 1_000, 1_000,
    ]);
  });
});
