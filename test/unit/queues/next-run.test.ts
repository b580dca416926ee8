import { describe, expect, it } from 'vitest';
import { nextRun } from '../../../src/queues/next-run.ts';

/** The runs of a line from a moment on. */
function runs(pattern: string, tz: string, from: string, many: number): string[] {
  const found: string[] = [];
  let after = Date.parse(from);
  for (let i = 0; i < many; i++) {
    const next = nextRun(pattern, tz, after);
    if (next === null) break;
    found.push(new Date(next).toISOString());
    after = next;
  }
  return found;
}

describe('a nightly line in a night whose clock jumps over its time', () => {
  it.each([
    ['0 0 * * *', 'America/Santiago', '2026-09-04T12:00:00Z', ['2026-09-05T04:00', '2026-09-06T04:00', '2026-09-07T03:00']],
    ['30 0 * * *', 'America/Santiago', '2026-09-04T12:00:00Z', ['2026-09-05T04:30', '2026-09-06T04:00', '2026-09-07T03:30']],
    ['0 0 * * 0', 'America/Santiago', '2026-09-01T12:00:00Z', ['2026-09-06T04:00', '2026-09-13T03:00', '2026-09-20T03:00']],
    ['0 0 * * *', 'Asia/Beirut', '2026-03-27T12:00:00Z', ['2026-03-27T22:00', '2026-03-28T22:00', '2026-03-29T21:00']],
    ['0 0 * * *', 'Africa/Cairo', '2026-04-22T12:00:00Z', ['2026-04-22T22:00', '2026-04-23T22:00', '2026-04-24T21:00']],
    ['30 2 * * *', 'America/New_York', '2026-03-07T12:00:00Z', ['2026-03-08T07:30', '2026-03-09T06:30', '2026-03-10T06:30']],
    ['0 2 * * *', 'America/New_York', '2026-03-07T12:00:00Z', ['2026-03-08T07:00', '2026-03-09T06:00', '2026-03-10T06:00']],
    ['30 2 * * *', 'Australia/Lord_Howe', '2026-10-02T12:00:00Z', ['2026-10-02T16:00', '2026-10-03T15:30', '2026-10-04T15:30']],
  ])('%s in %s runs once', (pattern, tz, from, expected) => {
    expect(runs(pattern, tz, from, 3).map((at) => at.slice(0, 16))).toEqual(expected);
  });

  it('runs once in a night that is an hour longer', () => {
    expect(runs('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', 2)).toEqual([
      '2026-11-01T05:30:00.000Z',
      '2026-11-02T06:30:00.000Z',
    ]);
  });

  it('no night of a year is left out and none has two runs, wherever midnight is jumped over', () => {
    for (const tz of ['America/Santiago', 'Asia/Beirut', 'Africa/Cairo']) {
      const all = runs('0 0 * * *', tz, '2026-01-01T12:00:00Z', 366).map(Date.parse);
      const hours = all.slice(1).map((at, i) => (at - (all[i] ?? 0)) / 3_600_000);
      expect([tz, [...new Set(hours)].sort()]).toEqual([tz, [23, 24, 25]]);
    }
  }, 60_000);
});
