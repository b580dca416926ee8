import { type Account, closeGate, getAccount, noteBalance, openGate, takeProbe, unpaidClaims } from '../db/account.ts';
import { after } from '../domain/clock.ts';
import type { ErrorCode } from '../domain/codes.ts';
import { ProvisioningError } from '../domain/errors.ts';
import { formatMoney, type Micros, moneyOf } from '../domain/money.ts';
import type { WorkDeps } from './deps.ts';
import { logUnlessOff } from './feature-off.ts';

/** Reasons of a closed gate that may end by themselves. Only for these a probe may open the gate. */
const HEALS_BY_ITSELF: ReadonlySet<string> = new Set<ErrorCode>(['insufficient_funds']);

/**
 * Closes the gate when the failure says that the account, not the number, is broken; returns whether it says so. The table in
 * `telnyx/failures/failure-table.ts` decides which failures do: a missing permission for a single feature does not.
 */
export async function closedByFailure(deps: WorkDeps, failure: ProvisioningError): Promise<boolean> {
  if (failure.disposition !== 'account') return false;
  const at = deps.clock.now();
  const probeAt = HEALS_BY_ITSELF.has(failure.code) ? after(at, deps.timings.fundsProbeMs) : null;
  const closed = await closeGate(deps.db.sql, { code: failure.code, reason: failure.message, at, probeAt });
  if (closed) deps.log.error({ code: failure.code }, `account gate closed, nothing is spent until it opens: ${failure.message}`);
  return true;
}

/** The reason why nothing may be spent now, or `null` while the gate is open. */
export async function whySpendingStopped(deps: WorkDeps): Promise<string | null> {
  const account = await getAccount(deps.db.sql);
  return account.gateOpen ? null : `the account gate is closed: ${account.reasonCode}`;
}

/** Calls that spend nothing go on while only the funds are lacking; a bad key or a blocked account stops them too. */
export async function whyCallsStopped(deps: WorkDeps): Promise<string | null> {
  const account = await getAccount(deps.db.sql);
  const callable = account.gateOpen || HEALS_BY_ITSELF.has(account.reasonCode ?? '');
  return callable ? null : `the account gate is closed: ${account.reasonCode}`;
}

/** Asks Telnyx for the balance and keeps it. Never moves the gate: who asks decides what a failure means. */
export async function refreshBalance(deps: WorkDeps): Promise<Account> {
  const b = await deps.telnyx.balance();
  await noteBalance(deps.db.sql, { ...b, at: deps.clock.now() });
  return getAccount(deps.db.sql);
}

/**
 * Whether the account can pay for numbers about to be claimed, upfront and first month, beside all that is claimed already.
 * The reason when it cannot; `null` when it can, or when the balance cannot be read (then Telnyx decides). An amount that is no
 * number is a bug, and nothing is bought.
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

/** The account with a balance read just now, or `null` when it cannot be read. */
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

/** Opens a gate that closed for lack of funds once there is credit again. One process probes at a time. */
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
