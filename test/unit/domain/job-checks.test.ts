import { describe, expect, it } from 'vitest';
import { bestCheck, jobDuration, nextCheck, recentJobs } from '../../../src/domain/job-checks.ts';

const POLLS = { pollMinMs: 2_000, pollMaxMs: 30_000 };

describe('the first check of a batch job', () => {
  it('comes when the fastest of the recent jobs of its kind and size was over', () => {
    const recent = recentJobs();
    for (const ms of [5_400, 5_000, 7_000]) recent.note('update', 1_000, ms);
    expect(recent.expected('update', 900, null, POLLS)).toBe(5_000);
    expect(recent.expected('update', 100, null, POLLS), 'another size').toBe(POLLS.pollMinMs);
    expect(recent.expected('delete', 1_000, null, POLLS), 'another kind').toBe(POLLS.pollMinMs);
  });

  it("comes at Telnyx's estimate when that is sooner, and never later than the longest poll", () => {
    const recent = recentJobs();
    expect(recent.expected('update', 10, 4_000, POLLS)).toBe(4_000);
    expect(recent.expected('update', 10, 3_600_000, POLLS)).toBe(POLLS.pollMaxMs);
    recent.note('update', 10, 3_000);
    expect(recent.expected('update', 10, 60_000, POLLS)).toBe(3_000);
    expect(recent.expected('update', 10, 1_000, POLLS)).toBe(1_000);
  });

  it('forgets what jobs took long ago', () => {
    const recent = recentJobs();
    recent.note('update', 10, 100);
    for (let i = 0; i < 8; i += 1) recent.note('update', 10, 9_000);
    expect(recent.expected('update', 10, null, POLLS)).toBe(9_000);
  });
});

describe('the check of all open jobs', () => {
  it('waits for jobs that end a moment later, because the next check is a second away', () => {
    expect(bestCheck([1_000, 1_040, 1_080], 0, 1_000)).toBe(1_080);
  });

  it('does not keep many waiting for one', () => {
    expect(bestCheck([1_000, 1_000, 1_000, 1_900], 0, 1_000)).toBe(1_000);
  });

  it('comes neither before a job is due nor sooner than allowed', () => {
    expect(bestCheck([5_000], 100, 1_000)).toBe(5_000);
    expect(bestCheck([50, 60], 700, 1_000)).toBe(700);
  });
});

it('a job that is still open is noticed at most a tenth of its age late, within bounds', () => {
  expect(nextCheck(105_000, 100_000, 1_000, 30_000)).toBe(106_000);
  expect(nextCheck(200_000, 100_000, 1_000, 30_000)).toBe(210_000);
  expect(nextCheck(1_100_000, 100_000, 1_000, 30_000)).toBe(1_130_000);
});

it('how long a job took is told by the clock of Telnyx alone', () => {
  expect(jobDuration({ createdAt: '2026-01-01T00:00:00Z', updatedAt: '2026-01-01T00:00:05Z' })).toBe(5_000);
  expect(jobDuration({ createdAt: null, updatedAt: '2026-01-01T00:00:05Z' })).toBeNull();
  expect(jobDuration({ createdAt: '2026-01-01T00:00:05Z', updatedAt: '2026-01-01T00:00:05Z' })).toBeNull();
});
