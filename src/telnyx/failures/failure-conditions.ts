/** `read`: repeating does no harm. `write`: a repeat might do it twice. */
export type Phase = 'read' | 'write';

/** What the caller knows of the call that failed. */
export interface CallContext {
  /** `write` when the call may have changed something at Telnyx. */
  phase: Phase;
  /** For texts, such as `orders.create`. */
  operation: string;
  /** How many numbers the call carried; 0 when it carried none. */
  numbers: number;
  /** The numbers of an order. When a refusal names numbers, only these are believed. */
  ordered?: readonly string[];
  /** The call creates a batch job: only then do the job cap and the ownership rule exist. */
  job: boolean;
  /** Takes the secrets out of a text. */
  scrub: (text: string) => string;
  now: Date;
}

/** One entry of Telnyx's `errors` array. */
export interface TelnyxError {
  code: string;
  title: string;
  detail: string;
  /** JSON pointer or parameter name; '' when none is given. */
  pointer: string;
}

/** The error points at the list of numbers. Messaging updates have another name for it than all other calls. */
const onNumbers = (e: TelnyxError, ctx: CallContext): boolean =>
  e.pointer === '/phone_numbers' || (e.pointer === '/numbers' && ctx.operation === 'messaging.update');
const speaksOfSize = (e: TelnyxError): boolean => /\b1[ ,.]?000\b|maximum|too many|at most/i.test(`${e.title} ${e.detail}`);
const speaksOfOwning = (e: TelnyxError): boolean => /\bown/i.test(`${e.title} ${e.detail}`);

/** The refusal says that Telnyx does not know the numbers of the order: gone, masked, or not found by a recent search. */
export const speaksOfUnrecognized = (e: TelnyxError): boolean =>
  /recogni[sz]e the number|first search for/i.test(`${e.title} ${e.detail}`);

/** Telnyx says that the list is too long. It documents a limit (1,000) for batch jobs only, so elsewhere two numbers may be too many. */
export function tooMany(e: TelnyxError, ctx: CallContext): boolean {
  if (!onNumbers(e, ctx) || ctx.numbers < 2) return false;
  if (e.code === '10033' || ctx.numbers > 1_000) return true;
  if (ctx.job) return speaksOfSize(e) && !speaksOfOwning(e);
  return true;
}

/** A batch job takes only numbers that we own. When Telnyx complains about the list and its size is right, this rule is broken. */
export function notOwned(e: TelnyxError, ctx: CallContext): boolean {
  if (!ctx.job || !onNumbers(e, ctx)) return false;
  return speaksOfOwning(e) || !/e164|ids|at least 1|present/i.test(`${e.title} ${e.detail}`);
}

/** Calls without which no work is possible. A key that may not make one of them is useless. */
const ESSENTIAL: ReadonlySet<string> = new Set([
  'search',
  'orders.create',
  'orders.find',
  'orders.get',
  'jobs.update',
  'jobs.delete',
  'jobs.emergency',
  'jobs.get',
  'jobs.list',
  'numbers.verify_ownership',
  'numbers.list',
]);
/** True when the key is useless without the permission for this call. */
export const essential = (ctx: CallContext): boolean => ESSENTIAL.has(ctx.operation);
/** Whether only the purpose of this one call is lost when the key may not make it. */
export const beside = (ctx: CallContext): boolean => !essential(ctx);
/** The refusal points at one field of the request. */
export const namesField = (e: TelnyxError): boolean => !['', '/', '/base'].includes(e.pointer);
