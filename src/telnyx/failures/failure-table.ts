import type { TelnyxFailureCode } from '../../domain/codes.ts';
import type { Disposition } from '../../domain/errors.ts';
import {
  beside,
  type CallContext,
  essential,
  namesField,
  notOwned,
  speaksOfUnrecognized,
  type TelnyxError,
  tooMany,
} from './failure-conditions.ts';

/** The codes that a row may give. `not_found` is listed with the refusals, because it is always one. */
export type FailureCode = TelnyxFailureCode | 'not_found';

/** One line of the table. A row with neither `codes` nor `when` goes by the status only. */
export interface FailureRow {
  code: FailureCode;
  read: Disposition;
  write: Disposition;
  status?: (status: number) => boolean;
  codes?: ReadonlySet<string>;
  when?: (error: TelnyxError, ctx: CallContext) => boolean;
  /** The row is only for these calls. */
  of?: (ctx: CallContext) => boolean;
  /** The row is only for bodies that name no readable error: cut off, stalled, not JSON. */
  unread?: true;
  /** The answer may say how long to wait. */
  waits?: true;
  text: string;
}

const is =
  (...wanted: number[]) =>
  (status: number): boolean =>
    wanted.includes(status);
/** A code of Telnyx proves that nothing happened only with a 4xx; with a 5xx the same code proves nothing. */
const refusal = (status: number): boolean => status >= 400 && status < 500;
const codes = (...list: string[]): ReadonlySet<string> => new Set(list);
const range = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
const both = (disposition: Disposition): { read: Disposition; write: Disposition } => ({ read: disposition, write: disposition });
const unsure: { read: Disposition; write: Disposition } = { read: 'retry', write: 'ambiguous' };

/**
 * What a 403 means depends on what it points at, else on the call. A named field concerns this request. An essential call
 * concerns the key. Any other call loses only its own feature, so a balance that may not be read never stops the work.
 */
const NOT_PERMITTED = {
  field: { code: 'forbidden', ...both('rejected'), status: is(403), text: 'no permission for what the named field refers to' },
  key: { code: 'forbidden', ...both('account'), status: is(403), of: essential, text: 'the API key is not allowed to do this' },
  feature: {
    code: 'feature_not_permitted',
    ...both('rejected'),
    status: is(403),
    of: beside,
    text: 'the API key has no permission for this',
  },
} as const satisfies Record<string, FailureRow>;
const permission = codes('10006', '10010');

/**
 * Telnyx's refusals and what they mean, the most specific first. A code comes before a status, because Telnyx mostly does not
 * document the status of a code. Codes are those of the developer guides; job refusals (10015 with a pointer) those of the
 * OpenAPI description.
 */
export const FAILURE_ROWS: readonly FailureRow[] = [
  { code: 'rate_limited', ...both('retry'), status: is(429), waits: true, text: 'rate limit reached' },
  { code: 'rate_limited', ...both('retry'), status: refusal, codes: codes('10011'), waits: true, text: 'rate limit reached' },
  {
    code: 'bad_key',
    ...both('account'),
    status: refusal,
    codes: codes('10009', '20001', '20002', '20003', '20008'),
    text: 'the API key is not accepted',
  },
  {
    code: 'account_blocked',
    ...both('account'),
    status: refusal,
    codes: codes(...range(20012, 20017)),
    text: 'the account is inactive, blocked or not verified',
  },
  {
    code: 'insufficient_funds',
    ...both('account'),
    status: refusal,
    codes: codes('20100'),
    text: 'the account has not enough funds',
  },
  { code: 'timeout', ...unsure, codes: codes('10008'), text: 'Telnyx gave up waiting' },
  { code: 'server_error', ...unsure, codes: codes('10007', '10037'), waits: true, text: 'Telnyx had an internal problem' },
  {
    code: 'job_cap',
    ...both('retry'),
    status: refusal,
    codes: codes('10015'),
    when: (e, ctx) => ctx.job && e.pointer === '/base',
    text: 'the account has as many open batch jobs as Telnyx allows',
  },
  { code: 'being_processed', ...both('retry'), status: refusal, codes: codes('10036'), text: 'the resource is being processed' },
  { code: 'blocked_for_now', ...both('retry'), status: refusal, codes: codes('40157'), text: 'blocked for the moment' },
  { code: 'numbers_gone', ...both('rejected'), status: refusal, codes: codes('85001'), text: 'numbers are no longer available' },
  {
    // 10027 is otherwise a general refusal, so the detail decides (reported from live accounts since 2024, with HTTP 422).
    code: 'numbers_unrecognized',
    ...both('rejected'),
    status: refusal,
    codes: codes('10027'),
    when: (e, ctx) => ctx.operation === 'orders.create' && speaksOfUnrecognized(e),
    text: 'numbers are gone, masked, or did not come up in a recent search',
  },
  {
    code: 'search_expired',
    ...both('rejected'),
    status: refusal,
    codes: codes('85000'),
    text: 'a number did not come up in a recent search',
  },
  {
    code: 'invalid_connection',
    ...both('rejected'),
    status: refusal,
    codes: codes('85004'),
    text: 'the connection id is not valid',
  },
  {
    code: 'invalid_messaging_profile',
    ...both('rejected'),
    status: refusal,
    codes: codes('85005'),
    text: 'the messaging profile id is not valid',
  },
  { code: 'already_reserved', ...both('rejected'), status: refusal, codes: codes('85006'), text: 'a number is already reserved' },
  {
    code: 'reservation_limit',
    ...both('rejected'),
    status: refusal,
    codes: codes('85007'),
    text: 'too many active reservations',
  },
  {
    code: 'reservation_not_extendable',
    ...both('rejected'),
    status: refusal,
    codes: codes('85008'),
    text: 'the reservation cannot be extended again',
  },
  {
    code: 'too_many_numbers',
    ...both('rejected'),
    status: refusal,
    codes: codes('10015', '10033'),
    when: tooMany,
    text: 'too many numbers in one call',
  },
  {
    code: 'not_owned',
    ...both('rejected'),
    status: refusal,
    codes: codes('10015'),
    when: notOwned,
    text: 'not every number belongs to the account',
  },
  {
    code: 'feature_not_permitted',
    ...both('rejected'),
    status: refusal,
    codes: codes('10038', '10039'),
    text: 'the account level does not permit this',
  },
  { ...NOT_PERMITTED.field, codes: permission, when: namesField },
  { ...NOT_PERMITTED.key, codes: permission },
  { ...NOT_PERMITTED.feature, codes: permission },
  { code: 'forbidden', ...both('rejected'), status: refusal, codes: codes('10010'), text: 'no permission for the resource' },
  { code: 'not_found', ...both('rejected'), status: refusal, codes: codes('10005'), text: 'not found' },
  {
    code: 'duplicate',
    read: 'rejected',
    write: 'ambiguous',
    status: refusal,
    codes: codes('10012'),
    text: 'it exists already, perhaps from this very call',
  },
  {
    code: 'invalid_request',
    ...both('rejected'),
    status: refusal,
    codes: codes('10001', '10002', '10004', '10006', '10013', '10015', '10016', '10017', ...range(10022, 10034)),
    text: 'Telnyx does not accept the request',
  },
  {
    code: 'refused_by_telnyx',
    ...both('rejected'),
    status: refusal,
    codes: codes('10021', '10035', '85002', '85003'),
    text: 'Telnyx refused the call',
  },
  { code: 'bad_key', ...both('account'), status: is(401), text: 'the API key is not accepted' },
  { code: 'insufficient_funds', ...both('account'), status: is(402), text: 'payment is required' },
  { ...NOT_PERMITTED.field, when: namesField },
  NOT_PERMITTED.key,
  // A 403 without a readable reason may come from a proxy. Essential calls never get here, because the row of the key comes first.
  { code: 'unknown_outcome', ...unsure, status: is(403), unread: true, text: 'a refusal whose reason could not be read' },
  NOT_PERMITTED.feature,
  { code: 'not_found', ...both('rejected'), status: is(404), text: 'not found' },
  { code: 'timeout', ...unsure, status: is(408), text: 'Telnyx gave up waiting' },
  // Telnyx has answered 409 to an order of a number that the account had just bought. So it may mean "you have it already".
  { code: 'conflict', ...unsure, status: is(409), text: 'a conflict that may come from this very call' },
  { code: 'server_error', ...unsure, status: (s) => s >= 500, waits: true, text: 'Telnyx had an internal problem' },
  // A proxy may have answered after Telnyx took the call. Only a 4xx with a readable reason is a refusal.
  { code: 'unknown_outcome', ...unsure, status: refusal, unread: true, text: 'a refusal whose reason could not be read' },
  { code: 'refused_by_telnyx', ...both('rejected'), status: refusal, text: 'Telnyx refused the call' },
];
