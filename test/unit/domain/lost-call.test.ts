import { describe, expect, it } from 'vitest';
import { backoff } from '../../../src/domain/clock.ts';
import { type Check, type Evidence, seeing } from '../../../src/domain/evidence.ts';
import { decideLostCall, MAX_RESENDS } from '../../../src/domain/lost-call.ts';
import { DEFAULT_TIMINGS } from '../../../src/domain/timings.ts';

const t = { ...DEFAULT_TIMINGS, settleMs: 1_000, checkMinMs: 100, checkMaxMs: 300 };
const since = new Date('2026-01-01T00:00:00Z');
const at = (ms: number) => new Date(since.getTime() + ms);
const check = (found: string[] = [], owned = 0): Check => ({ at: since.toISOString(), found, owned });
const lost = (checks: Check[], resent = 0): Evidence =>
  seeing(null, { phase: 'unknown', because: 'timeout', checks }, { resent });
const order = (checks: Check[], ms: number, resent = 0) =>
  decideLostCall({ evidence: lost(checks, resent), numbers: 3, buys: true, since, now: at(ms) }, t);

describe('I3 what became of an order', () => {
  it('one order with our reference is adopted at once, two are a contradiction', () => {
    expect(order([check(['a'])], 0)).toEqual({ kind: 'adopt', telnyxId: 'a' });
    expect(order([check(['a', 'b'])], 0)).toMatchObject({ kind: 'contradiction' });
  });

  it('"not sent" needs the whole window and three checks, both', () => {
    const none = check();
    expect(order([], 5_000)).toMatchObject({ kind: 'check_again' });
    expect(order([none, none, none], 999)).toMatchObject({ kind: 'check_again' });
    expect(order([none, none], 5_000)).toMatchObject({ kind: 'check_again' });
    expect(order([none, none, none], 1_000)).toEqual({ kind: 'not_sent' });
  });

  it('numbers that are ours speak against "not sent": all are a purchase, some a contradiction', () => {
    const checks = (owned: number) => [check(), check(), check([], owned)];
    expect(order(checks(3), 1_000)).toEqual({ kind: 'owned_without_order' });
    expect(order(checks(1), 1_000)).toMatchObject({ kind: 'contradiction', why: expect.stringContaining('1 of 3') });
    expect(order(checks(1), 500), 'within the window nothing is said').toMatchObject({ kind: 'check_again' });
  });

  it('is not sent again for ever', () => {
    const checks = [check(), check(), check()];
    expect(order(checks, 1_000, MAX_RESENDS - 1)).toEqual({ kind: 'not_sent' });
    expect(order(checks, 1_000, MAX_RESENDS)).toMatchObject({ kind: 'contradiction' });
  });
});

describe('I3 what became of a batch job', () => {
  const job = (checks: Check[], ms: number) =>
    decideLostCall({ evidence: lost(checks), numbers: 3, buys: false, since, now: at(ms) }, t);

  it('the newest job over the same numbers is adopted; none is believed only after window and checks', () => {
    expect(job([check(['new', 'old'])], 0)).toEqual({ kind: 'adopt', telnyxId: 'new' });
    expect(job([check(), check(), check()], 500)).toMatchObject({ kind: 'check_again' });
    expect(job([check(), check(), check()], 1_500)).toEqual({ kind: 'not_sent' });
  });
});

it('waits double up to the longest one and never overflow', () => {
  expect([0, 1, 2, 3, 5_000].map((n) => backoff(n, 100, 500))).toEqual([100, 200, 400, 500, 500]);
  expect(backoff(-1, 100, 500)).toBe(100);
});
