import { type Account, closeGate, getAccount, noteBalance, openGate, takeProbe, unpaidClaims } from '../db/account.ts';
import { after } from '../domain/clock.ts';
import type { ErrorCode } from '../domain/codes.ts';
import { ProvisioningError } from '../domain/errors.ts';
import { formatMoney, type Micros, moneyOf } from '../domain/money.ts';
import type { WorkDeps } from './deps.ts';
import { logUnlessOff } from './feature-off.ts';

/**
 * Reasons of a closed account gate that may end by themselves. A probe may open the gate for these only. Lack of funds stops only
 * calls that spend; any other reason (a bad key, a blocked account) stops all calls.
 */
export const HEALS_BY_ITSELF: ReadonlySet<string> = new Set<ErrorCode>(['insufficient_funds']);

/**
 * Closes the account gate when the failure says that the account is broken, not the number. Returns true for such a failure. The
 * table in `telnyx/failures/failure-table.ts` decides; a missing permission for a single feature does not close the gate.
 */
export async function closedByFailure(deps: WorkDeps, failure: ProvisioningError): Promise<boolean> {
  if (failure.disposition !== 'account') return false;
  const at = deps.clock.now();
  const probeAt = HEALS_BY_ITSELF.has(failure.code) ? after(at, deps.timings.fundsProbeMs) : null;
  const closed = await closeGate(deps.db.sql, { code: failure.code, reason: failure.message, at, probeAt });
  if (closed) deps.log.error({ code: failure.code }, `account gate closed, nothing is spent until it opens: ${failure.message}`);
  return true;
}

/** Why nothing may be spent now, or `null` while the account gate is open. */
export async function whySpendingStopped(deps: WorkDeps): Promise<string | null> {
  const account = await getAccount(deps.db.sql);
  return account.gateOpen ? null : `the account gate is closed: ${account.reasonCode}`;
}

/**
 * Reads the balance from Telnyx and stores it. Never moves the account gate, because the caller decides what a failure means.
 * Errors: those of the gateway.
 */
export async function refreshBalance(deps: WorkDeps): Promise<Account> {
  const b = await deps.telnyx.balance();
  await noteBalance(deps.db.sql, { ...b, at: deps.clock.now() });
  return getAccount(deps.db.sql);
}

/**
 * Why the account cannot pay for numbers that are about to be claimed (upfront and first month) beside everything that is claimed
 * already. `null` when it can pay, or when the balance cannot be read; then Telnyx decides. `planned` is in millionths. Throws
 * `unreadable_money` (a bug), so that nothing is bought on an amount that is no number.
 */
export async function balanceShortfall(deps: WorkDeps, planned: Micros): Promise<string | null> {
  const known = await getAccount(deps.db.sql);
  const age = deps.clock.now().getTime() - (known.balanceAt?.getTime() ?? 0);
  const account = age > deps.timings.balanceMs ? await freshAccount(deps) : known;
  if (account === null) return null;
  const available = moneyOf(account.availableCredit ?? '0');
  const claimed = moneyOf(await unpaidClaims(deps.db.sql, account.balanceAt ?? deps.clock.now()));
  if (planned + claimed <= available) return null;
  return `the account has ${formatMoney(available)} ${account.currency ?? ''} of credit, of which ${formatMoney(claimed)} is claimed; these numbers cost ${formatMoney(planned)} upfront and in the first month`;
}

/** Reads the balance and returns the account, or `null` when the balance cannot be read. */
async function freshAccount(deps: WorkDeps): Promise<Account | null> {
  try {
    return await refreshBalance(deps);
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    await closedByFailure(deps, error);
    logUnlessOff(deps, error, {}, 'the balance could not be read before a buy');
    return null;
  }
}

/** Opens an account gate that closed for lack of funds when there is credit again. One process probes at a time. */
export async function probeGate(deps: WorkDeps): Promise<'open' | 'closed' | 'not_due'> {
  const now = deps.clock.now();
  if (!(await takeProbe(deps.db.sql, now, after(now, deps.timings.fundsProbeMs)))) return 'not_due';
  try {
    const account = await refreshBalance(deps);
    if (moneyOf(account.availableCredit ?? '0') <= 0n) return 'closed';
    await openGate(deps.db.sql, { actor: 'probe', at: deps.clock.now() });
    deps.log.info({}, 'account gate opened: there is credit again');
    return 'open';
  } catch (error) {
    logUnlessOff(deps, error, {}, 'the account gate stays closed: the balance could not be read');
    return 'closed';
  }
}
