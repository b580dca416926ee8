import { describe, expect, it } from 'vitest';
import { backoff, decideJob, decideOrder, type Look, MAX_RESENDS } from '../../../src/domain/submission.ts';
import { DEFAULT_TIMINGS } from '../../../src/domain/timings.ts';

const t = { ...DEFAULT_TIMINGS, settleMs: 1_000, lookMinMs: 100, lookMaxMs: 300 };
const since = new Date('2026-01-01T00:00:00Z');
const at = (ms: number) => new Date(since.getTime() + ms);
const look = (found: string[] = [], owned = 0): Look => ({ at: since.toISOString(), found, owned });
const order = (looks: Look[], ms: number, resent = 0) =>
  decideOrder({ evidence: { because: 'timeout', looks, resent }, numbers: 3, since, now: at(ms) }, t);

describe('I3 what became of an order', () => {
  it('one order with our reference is adopted at once, two are a contradiction', () => {
    expect(order([look(['a'])], 0)).toEqual({ kind: 'adopt', telnyxId: 'a' });
    expect(order([look(['a', 'b'])], 0)).toMatchObject({ kind: 'contradiction' });
  });

  it('"not sent" needs the whole window and three looks, both', () => {
    const none = look();
    expect(order([], 5_000)).toMatchObject({ kind: 'look_again' });
    expect(order([none, none, none], 999)).toMatchObject({ kind: 'look_again' });
    expect(order([none, none], 5_000)).toMatchObject({ kind: 'look_again' });
    expect(order([none, none, none], 1_000)).toEqual({ kind: 'not_sent' });
  });

  it('numbers that are ours speak against "not sent": all are a purchase, some a contradiction', () => {
    const looks = (owned: number) => [look(), look(), look([], owned)];
    expect(order(looks(3), 1_000)).toEqual({ kind: 'owned_without_order' });
    expect(order(looks(1), 1_000)).toMatchObject({ kind: 'contradiction', why: expect.stringContaining('1 of 3') });
    expect(order(looks(1), 500), 'within the window nothing is said').toMatchObject({ kind: 'look_again' });
  });

  it('is not sent again for ever', () => {
    const looks = [look(), look(), look()];
    expect(order(looks, 1_000, MAX_RESENDS - 1)).toEqual({ kind: 'not_sent' });
    expect(order(looks, 1_000, MAX_RESENDS)).toMatchObject({ kind: 'contradiction' });
  });
});

describe('I3 what became of a batch job', () => {
  const job = (looks: Look[], ms: number) => decideJob({ because: 'timeout', looks }, since, at(ms), t);
  it('the newest job over the same numbers is adopted; none is believed only after window and looks', () => {
    expect(job([look(['new', 'old'])], 0)).toEqual({ kind: 'adopt', telnyxId: 'new' });
    expect(job([look(), look(), look()], 500)).toMatchObject({ kind: 'look_again' });
    expect(job([look(), look(), look()], 1_500)).toEqual({ kind: 'not_sent' });
  });
});

it('waits double up to the longest one and never overflow', () => {
  expect([0, 1, 2, 3, 5_000].map((n) => backoff(n, 100, 500))).toEqual([100, 200, 400, 500, 500]);
  expect(backoff(-1, 100, 500)).toBe(100);
});
