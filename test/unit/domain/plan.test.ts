import { expect, it } from 'vitest';
import { selfApprovalProblem } from '../../../src/domain/approval.ts';
import { estimatedSeconds } from '../../../src/domain/plan.ts';
import { callsOf } from '../../../src/domain/plan-calls.ts';

it('nobody approves what they planned or applied', () => {
  const by = (name: string) => selfApprovalProblem(['anna', 'bert'], { name, identified: true });
  expect(by('anna')).toContain('"anna" asked');
  expect(by('bert')).toContain('"bert" asked');
  expect(by('carl')).toBeNull();
  expect(selfApprovalProblem([null, null], { name: 'carl', identified: true })).toBeNull();
  expect(selfApprovalProblem(['anna'], { name: 'local', identified: false })).toContain('PROVISIONER_API_KEYS');
});

it('the estimate follows the slowest family, or the work at Telnyx when that takes longer', () => {
  const calls = callsOf({ kind: 'update', settings: {} }, 10, 0);
  const pace = new Map([
    ['jobs', 5],
    ['reads', 10],
    ['ownership', 1],
  ]);
  expect(estimatedSeconds(calls, pace, [{ rounds: 1, seconds: 4 }])).toBe(10);
  expect(estimatedSeconds(calls, pace, [{ rounds: 2, seconds: 60 }])).toBe(120);
  expect(estimatedSeconds([], pace, [])).toBe(1);
});
