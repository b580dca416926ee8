import type { Config } from '../config/config.ts';
import { CLOCK_SKEW_MS } from '../domain/clock.ts';
import type { ErrorCode } from '../domain/codes.ts';
import { asError, ProvisioningError } from '../domain/errors.ts';
import { formatMoney, parseMoney } from '../domain/money.ts';
import type { Log } from '../observability/log.ts';
import { plainUrl } from '../observability/scrub.ts';
import { createTelnyxGateway } from '../telnyx/client.ts';
import type { Balance, TelnyxGateway } from '../telnyx/gateway.ts';
import type { CallInfo } from '../telnyx/transport.ts';

/** The result of one check of the account. */
export interface Finding {
  name: string;
  status: 'ok' | 'warning' | 'failed';
  text: string;
  /** True when the key or Telnyx itself is the problem. */
  unavailable?: true;
}

/** The deadline is short, because a person waits. */
const DEADLINE_MS = 8_000;
/** The `date` header counts whole seconds (RFC 9110): on average half a second has passed since. */
const HALF_A_SECOND = 500;
const A_DAY_MS = 86_400_000;

/** Failures without an answer of Telnyx. They say nothing about the key. */
const UNREACHABLE: ReadonlySet<string> = new Set<ErrorCode>([
  'not_sent',
  'unknown_outcome',
  'timeout',
  'server_error',
  'not_found',
]);

/**
 * Asks Telnyx what this key may do (balance, search, list of batch jobs), and compares the time of its answers. It only reads,
 * and neither closes nor opens the account gate. Never throws.
 */
export async function probeAccount(config: Config, log: Log): Promise<Finding[]> {
  const { apiKey, baseUrl } = config.telnyx;
  if (apiKey === null)
    return [{ name: 'Telnyx key', status: 'warning', text: 'TELNYX_API_KEY is not set: worker and up will not start' }];
  if (baseUrl !== null && /^https?:\/\/[^/]*@/i.test(baseUrl))
    return [lost('Telnyx', 'TELNYX_BASE_URL holds a user or a password, and no call can be made to such an address')];
  const skews: number[] = [];
  try {
    const gateway = createTelnyxGateway({
      apiKey: apiKey.reveal(),
      rates: config.telnyx.ratesPerSecond,
      log,
      deadlines: { reads: DEADLINE_MS, search: DEADLINE_MS },
      onCall: (info) => skews.push(...skewOf(info, Date.now())),
      ...(baseUrl !== null && { baseURL: baseUrl }),
    });
    try {
      return [...(await askAll(gateway, baseUrl)), ...clockFinding(skews)];
    } finally {
      await gateway.close();
    }
  } catch (error) {
    // A key that cannot be sent is refused before any call.
    return [failure('Telnyx key', error)];
  }
}

async function askAll(gateway: TelnyxGateway, baseUrl: string | null): Promise<Finding[]> {
  const where = baseUrl === null ? 'Telnyx' : plainUrl(baseUrl);
  const balance = await gateway.balance().then(balanceFinding, (error: unknown) => failure('balance', error));
  if (balance.name === 'Telnyx' || balance.name === 'Telnyx key') return [balance];
  const key: Finding = { name: 'Telnyx key', status: 'ok', text: `is accepted by ${where}` };
  // US local numbers, because every account may search these, whatever it may buy.
  const search = gateway.search({ countryCode: 'US', phoneNumberType: 'local', bestEffort: false, limit: 10 }).then(
    ({ seen }): Finding => searchFinding(seen),
    (error: unknown) => failure('search', error),
  );
  // No job was created tomorrow, so the first page is enough.
  const jobs = gateway.listJobs('update_phone_numbers', new Date(Date.now() + A_DAY_MS)).then(
    (): Finding => ({ name: 'batch jobs', status: 'ok', text: 'can be listed' }),
    (error: unknown) => failure('batch jobs', error),
  );
  return [key, balance, ...(await Promise.all([search, jobs]))];
}

function balanceFinding({ balance, availableCredit, currency }: Balance): Finding {
  const name = 'balance';
  const credit = parseMoney(availableCredit);
  const amount = (text: string): string => `${formatMoney(parseMoney(text) ?? 0n)} ${currency}`;
  if (credit !== null && credit > 0n)
    return { name, status: 'ok', text: `${amount(balance)}, of which with credit ${amount(availableCredit)} can be spent` };
  return { name, status: 'warning', text: `${amount(balance)}: nothing can be bought until credit is added` };
}

function searchFinding(seen: number): Finding {
  if (seen > 0) return { name: 'search', status: 'ok', text: 'is permitted, and numbers are shown' };
  return { name: 'search', status: 'warning', text: 'is permitted, but showed no local number of the United States at all' };
}

/** What a failed call says. Codes are those of the failure table; `numbers_masked` comes from the search. */
function failure(name: string, thrown: unknown): Finding {
  const error = asError(thrown);
  const code = error instanceof ProvisioningError ? error.code : '';
  if (code === 'bad_key') return lost('Telnyx key', `is not accepted (${error.message}); correct TELNYX_API_KEY`);
  if (code === 'numbers_masked') return { name, status: 'failed', text: error.message };
  // The first call did not get through, so nothing is known about the key.
  if (code === 'rate_limited')
    return {
      name: name === 'balance' ? 'Telnyx' : name,
      status: 'warning',
      text: `is busy (${error.message}); ask again in a minute`,
    };
  if (UNREACHABLE.has(code)) return lost('Telnyx', `gives no answer (${error.message}); check the network and TELNYX_BASE_URL`);
  return lost(name, `is refused: ${error.message}`);
}

const lost = (name: string, text: string): Finding => ({ name, status: 'failed', text, unavailable: true });

/** How far our clock is behind the clock of an answer, in milliseconds; empty when the answer did not state the time. */
function skewOf(info: CallInfo, now: number): number[] {
  const told = info.date === null ? Number.NaN : Date.parse(info.date);
  return Number.isNaN(told) ? [] : [told + HALF_A_SECOND - (now - info.ms / 2)];
}

/** Takes the smallest difference of all answers, because an answer that waited on its way shows a wrong one. */
function clockFinding(skews: readonly number[]): Finding[] {
  const [first, ...rest] = skews;
  if (first === undefined) return [];
  return [
    clockCheck(
      'Telnyx clock',
      'Telnyx',
      rest.reduce((least, s) => (Math.abs(s) < Math.abs(least) ? s : least), first),
    ),
  ];
}

/** The finding for a clock of this machine that is `skewMs` behind another clock. */
export function clockCheck(name: string, what: string, skewMs: number): Finding {
  const seconds = Math.abs(skewMs / 1_000).toFixed(1);
  if (Math.abs(skewMs) <= CLOCK_SKEW_MS) return { name, status: 'ok', text: `within ${seconds} s of ${what}` };
  return {
    name,
    status: 'failed',
    text: `${seconds} s ${skewMs > 0 ? 'behind' : 'ahead of'} ${what}; set it by NTP`,
  };
}
