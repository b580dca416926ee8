import { expect, it } from 'vitest';
import { driftProblems, prove } from '../../../src/cli/demo/proof.ts';

const both = new Set(['+1', '+2']);
const money = (upfront: string, charged: string) => ({
  cost: { upfront, monthly: '1.00' },
  charged: { upfront: charged, monthly: '1.00' },
});

it('agrees when every number is on both sides, whatever the spelling of the money', () => {
  expect(
    prove({ operation: 'buy', asked: 2, database: both, ledger: new Set(['+2', '+1']), money: money('2.00', '2') }).problems,
  ).toEqual([]);
});

it('does not take equal counts for equal numbers', () => {
  const row = prove({ operation: 'buy', asked: 2, database: both, ledger: new Set(['+2', '+3']) });
  expect(row).toMatchObject({ database: 2, ledger: 2 });
  expect(row.problems).toEqual(['1 in the database, not in the ledger: +1', '1 in the ledger, not in the database: +3']);
});

it('tells of too few, of a charge that our books do not know, and of drift', () => {
  expect(prove({ operation: 'buy', asked: 3, database: both, ledger: both }).problems).toHaveLength(1);
  expect(prove({ operation: 'buy', asked: 2, database: both, ledger: both, money: money('2.00', '2.01') }).problems).toHaveLength(
    1,
  );
  const counts = { seen: 2, matched: 1, adopted: 0, missing: 1, changed: 0, healed: 0, surplus: 0, undecided: 0 };
  expect(driftProblems(counts, 'completed')).toEqual(['1 missing']);
  expect(driftProblems({ ...counts, missing: 0 }, 'completed')).toEqual([]);
  expect(driftProblems(null, 'failed')).toHaveLength(1);
});
