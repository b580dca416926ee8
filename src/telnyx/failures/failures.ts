import Telnyx from 'telnyx';
import { z } from 'zod';
import { type Disposition, type ErrorDetail, ProvisioningError } from '../../domain/errors.ts';
import { retryAfterMs } from '../pacing/rate-headers.ts';
import type { CallContext, Phase, TelnyxError } from './failure-conditions.ts';
import { FAILURE_ROWS, type FailureRow } from './failure-table.ts';

export type { CallContext, Phase, TelnyxError } from './failure-conditions.ts';

const MAX_DETAILS = 20;
const MAX_DETAIL_LENGTH = 500;

// A field of an unexpected type counts as absent; the other fields, the code above all, still decide.
const text = z.string().nullish().catch(undefined);

/** `source` is an object today and was a bare string in older examples; both are read. */
const errorEntry = z.object({
  code: z.union([z.string(), z.number()]).transform(String).nullish().catch(undefined),
  title: text,
  detail: text,
  source: z
    .union([z.string(), z.object({ pointer: text, parameter: text })])
    .nullish()
    .catch(undefined),
});

const errorBody = z.object({ errors: z.array(z.unknown()) });

/** The readable entries of a Telnyx error body (`{ errors: [...] }`); an unreadable body has none. */
export function telnyxErrors(body: unknown): TelnyxError[] {
  const parsed = errorBody.safeParse(body);
  return parsed.success ? parsed.data.errors.flatMap(oneError) : [];
}

/** One entry of `errors[]`, from an answer or from a failed operation of a batch job. An empty list when it cannot be read. */
export function oneError(raw: unknown): TelnyxError[] {
  const parsed = errorEntry.safeParse(raw);
  if (!parsed.success) return [];
  const { code, title, detail, source } = parsed.data;
  const pointer = typeof source === 'string' ? source : (source?.pointer ?? source?.parameter ?? '');
  return [{ code: code ?? '', title: title ?? '', detail: detail ?? '', pointer }];
}

/** HTTP status of an SDK error, `null` when no answer came. */
export function statusOf(thrown: unknown): number | null {
  return thrown instanceof Telnyx.APIError ? (thrown.status ?? null) : null;
}

/**
 * Turns what a call threw into a ProvisioningError. The table in `failure-table.ts` decides. An outcome that no row explains is
 * ambiguous for a write and may be repeated for a read.
 */
export function toFailure(thrown: unknown, ctx: CallContext): ProvisioningError {
  if (thrown instanceof ProvisioningError) return thrown;
  const status = statusOf(thrown);
  if (!(thrown instanceof Telnyx.APIError) || status === null) return withoutAnswer(thrown, ctx);
  const errors = telnyxErrors(thrown.error);
  const row = findRow(status, errors, ctx);
  const wait = row?.waits === true ? retryAfterMs(readable(thrown.headers), ctx.now) : undefined;
  const said = errors.length === 0 ? ctx.scrub(thrown.message).slice(0, MAX_DETAIL_LENGTH) : '';
  const details = errors.length === 0 ? [{ path: '', message: said }] : evidence(errors, ctx.scrub);
  const summary = details.map((d) => (d.path === '' ? d.message : `${d.path}: ${d.message}`)).join('; ');
  return new ProvisioningError(
    row?.code ?? 'unknown_outcome',
    row === undefined ? unknownDisposition(ctx.phase) : row[ctx.phase],
    `${ctx.operation}: ${row?.text ?? 'Telnyx answered in a way that does not say what happened'} (HTTP ${status}; ${summary})`,
    { details, numbers: namedNumbers(errors, ctx), ...(wait === undefined ? {} : { retryAfterMs: wait }) },
  );
}

/**
 * The numbers of the order that the refusal names as its cause, in whatever form Telnyx writes them. Other numbers in the text are
 * ignored.
 */
function namedNumbers(errors: TelnyxError[], ctx: CallContext): string[] {
  if (ctx.ordered === undefined) return [];
  const said = new Set(errors.flatMap((e) => `${e.title} ${e.detail}`.match(/\d{8,15}/g) ?? []));
  return ctx.ordered.filter((n) => said.has(n.slice(1)));
}

/** The failure for an answer that claims success and cannot be understood: broken JSON, HTML, or no `data`. */
export function unreadableAnswer(ctx: Pick<CallContext, 'phase' | 'operation'>, why: string): ProvisioningError {
  return new ProvisioningError(
    'unknown_outcome',
    unknownDisposition(ctx.phase),
    `${ctx.operation}: Telnyx answered with success, but ${why}`,
  );
}

/** The rate limiter failed before the call was made, so it is certain that nothing was sent. */
export function limiterUnavailable(why: string): ProvisioningError {
  return new ProvisioningError('limiter_unavailable', 'retry', `no call was made, the rate limiter did not answer: ${why}`);
}

/** Telnyx's own words as they are kept for people: bounded, and without secrets. */
function evidence(errors: TelnyxError[], scrub: (text: string) => string): ErrorDetail[] {
  return errors.slice(0, MAX_DETAILS).map((e) => ({
    path: scrub(e.pointer),
    message: scrub([e.code, e.title, e.detail].filter((part) => part !== '').join(' - ')).slice(0, MAX_DETAIL_LENGTH),
  }));
}

/** The first row that fits. The rows stand in order of precedence; a row fits when any one of the errors matches it. */
function findRow(status: number, errors: TelnyxError[], ctx: CallContext): FailureRow | undefined {
  return FAILURE_ROWS.find((row) => {
    if (row.status !== undefined && !row.status(status)) return false;
    if (row.unread === true && errors.length > 0) return false;
    if (row.of !== undefined && !row.of(ctx)) return false;
    if (row.codes === undefined && row.when === undefined) return true;
    return errors.some((e) => row.codes?.has(e.code) !== false && row.when?.(e, ctx) !== false);
  });
}

function withoutAnswer(thrown: unknown, ctx: CallContext): ProvisioningError {
  const reasons = causeChain(thrown);
  const text = ctx.scrub(reasons.map((r) => r.text).join(': ')).slice(0, MAX_DETAIL_LENGTH);
  // Only the message is kept, because an error of the SDK or of fetch may carry the request with its headers.
  const details = [{ path: '', message: text }];
  if (reasons.some((r) => NOT_SENT.has(r.code))) {
    return new ProvisioningError(
      'not_sent',
      'retry',
      `${ctx.operation}: Telnyx could not be reached, nothing was sent (${text})`,
      {
        details,
      },
    );
  }
  const what = ctx.phase === 'write' ? 'it is not known whether it took effect' : 'nothing was learned';
  return new ProvisioningError(
    'unknown_outcome',
    unknownDisposition(ctx.phase),
    `${ctx.operation}: no complete answer came, ${what} (${text})`,
    {
      details,
    },
  );
}

/** Failures of the connection attempt itself. A reset is not one of them, because bytes may have gone out before it. */
const NOT_SENT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);

function causeChain(thrown: unknown): { code: string; text: string }[] {
  const chain: { code: string; text: string }[] = [];
  let at = thrown;
  while (at instanceof Error && chain.length < 8) {
    const code = 'code' in at && typeof at.code === 'string' ? at.code : '';
    chain.push({ code, text: [at.message === '' ? at.name : at.message, code].filter((t) => t !== '').join(' ') });
    at = at.cause;
  }
  return chain.length === 0 ? [{ code: '', text: String(thrown) }] : chain;
}

function unknownDisposition(phase: Phase): Disposition {
  return phase === 'write' ? 'ambiguous' : 'retry';
}

function readable(headers: Headers | undefined): { get(name: string): string | null } {
  return headers ?? { get: () => null };
}
