import { describe, expect, it } from 'vitest';
import { chunkHeldBack, failuresIn, type Holds } from '../../../src/domain/hold.ts';
import { NO_ITEMS } from '../../../src/domain/request.ts';

const now = new Date('2026-12-01T06:00:00Z');
const later = new Date('2026-12-01T06:00:00.001Z');
const free: Holds = {
  kind: 'update',
  cancelRequestedAt: null,
  pausedAt: null,
  startAt: null,
  canary: null,
  canaryPassedAt: null,
  allOrNothing: false,
  allClaimedAt: null,
};

describe('what holds a chunk back', () => {
  const why = (holds: Partial<Holds>, chunk: { kind: 'order' | 'update'; position: number } = { kind: 'update', position: 1 }) =>
    chunkHeldBack({ ...free, ...holds }, chunk, now)?.why ?? null;

  it('is a pause, a later start, a canary before it, or a number that is not claimed, and never after a cancel', () => {
    expect(why({})).toBeNull();
    expect(why({ pausedAt: now, startAt: later })).toBe('paused');
    expect([why({ startAt: later }), why({ startAt: now })]).toEqual(['starts_later', null]);
    expect([why({ canary: 3 }), why({ canary: 3, canaryPassedAt: now })]).toEqual(['canary', null]);
    expect(why({ canary: 3 }, { kind: 'update', position: 0 })).toBeNull();
    // A buy claims no number behind its canary, so none of its chunks is behind it.
    expect(why({ kind: 'buy', canary: 3 }, { kind: 'order', position: 1 })).toBeNull();
    const whole = { kind: 'buy', allOrNothing: true } as const;
    expect(why(whole, { kind: 'order', position: 0 })).toBe('not_all_claimed');
    expect(why({ ...whole, allClaimedAt: now }, { kind: 'order', position: 0 })).toBeNull();
    const all = { ...whole, pausedAt: now, startAt: later, canary: 3, cancelRequestedAt: now };
    expect(why(all, { kind: 'order', position: 1 })).toBeNull();
  });
});

describe('too many failures', () => {
  const tooMany = (
    failed: number,
    succeeded: number,
    more: { canary?: number; acceptedFailed?: number; acceptedEnded?: number } = {},
  ) =>
    failuresIn({ stopAbove: 10, canary: null, acceptedFailed: 0, acceptedEnded: 0, ...more }, { ...NO_ITEMS, failed, succeeded })
      .tooMany;

  it('are judged by their share, after twenty ends or a whole canary, and without those that a person has accepted', () => {
    expect([tooMany(2, 18), tooMany(3, 17), tooMany(19, 0)]).toEqual([false, true, false]);
    expect([tooMany(20, 9, { canary: 30 }), tooMany(20, 10, { canary: 30 })]).toEqual([false, true]);
    const accepted = { acceptedFailed: 20, acceptedEnded: 40 };
    expect([tooMany(20, 40, accepted), tooMany(22, 38, accepted), tooMany(23, 37, accepted)]).toEqual([false, false, true]);
    expect(
      failuresIn({ stopAbove: null, canary: null, acceptedFailed: 0, acceptedEnded: 0 }, { ...NO_ITEMS, failed: 50 }).tooMany,
    ).toBe(false);
  });
});
