import { type Account, getAccount } from '../../src/db/account.ts';
import type { Harness } from './harness.ts';
import { until } from './until.ts';

/** Returns the row of the account: its gate, its balance and its limits. */
export function accountOf(h: Harness): Promise<Account> {
  return getAccount(h.db.sql);
}

/** Waits until the account gate is closed, and returns when that was. */
export async function closed(h: Harness): Promise<{ at: Date; account: Account }> {
  return until('the gate is closed', async () => {
    const account = await accountOf(h);
    return account.gateOpen || account.closedAt === null ? null : { at: account.closedAt, account };
  });
}

/** Waits until sweeps have run for `ms` after a moment. Every sweep notes the limits in the account's row. */
export async function sweptUntil(h: Harness, since: Date, ms: number): Promise<void> {
  await until('the sweep went on', async () => ((await accountOf(h)).limitsAt?.getTime() ?? 0) > since.getTime() + ms);
}
