import { parseMoney } from '../../domain/money.ts';
import type { RunCounts } from '../../domain/reconciliation.ts';
import { count } from '../output.ts';

/** One operation: what it was asked, and how database and ledger say it ended. */
export interface Claim {
  operation: string;
  asked: number;
  database: ReadonlySet<string>;
  ledger: ReadonlySet<string>;
  /** Our cost and Telnyx's charge. Only a buy has them. */
  money?: { cost: Money; charged: Money };
  /** Further problems. The proof holds only when there are none. */
  also?: readonly string[];
}

export interface Money {
  upfront: string;
  monthly: string;
}

export interface ProofRow {
  operation: string;
  asked: number;
  database: number;
  ledger: number;
  cost: string;
  charged: string;
  problems: string[];
}

/** Compares number by number, not only the counts. */
export function prove(claim: Claim): ProofRow {
  const { asked, database, ledger, money } = claim;
  const problems = [...(claim.also ?? [])];
  if (database.size !== asked) problems.push(`${count(asked)} asked, but the database has ${count(database.size)}`);
  problems.push(
    ...missing(database, ledger, 'in the database, not in the ledger'),
    ...missing(ledger, database, 'in the ledger, not in the database'),
  );
  if (money !== undefined) {
    for (const column of ['upfront', 'monthly'] as const) {
      if (parseMoney(money.cost[column]) !== parseMoney(money.charged[column])) {
        problems.push(`${column}: our books say ${money.cost[column]}, charged were ${money.charged[column]}`);
      }
    }
  }
  return {
    operation: claim.operation,
    asked,
    database: database.size,
    ledger: ledger.size,
    cost: money === undefined ? '' : both(money.cost),
    charged: money === undefined ? '' : both(money.charged),
    problems,
  };
}

/** Returns the problems of a reconciliation run that should have found no drift. */
export function driftProblems(counts: RunCounts | null, status: string): string[] {
  if (status !== 'completed' || counts === null) return [`the reconciliation ended as ${status}`];
  const { adopted, missing: gone, changed, healed, surplus } = counts;
  return Object.entries({ adopted, missing: gone, changed, healed, surplus }).flatMap(([kind, n]) =>
    n > 0 ? [`${count(n)} ${kind}`] : [],
  );
}

function both(money: Money): string {
  return `${money.upfront} + ${money.monthly}/mo`;
}

function missing(from: ReadonlySet<string>, other: ReadonlySet<string>, where: string): string[] {
  const lost = [...from].filter((number) => !other.has(number));
  if (lost.length === 0) return [];
  return [`${count(lost.length)} ${where}: ${lost.slice(0, 3).join(', ')}${lost.length > 3 ? ', …' : ''}`];
}
