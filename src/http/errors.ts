import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isDatabaseAway } from '../db/away.ts';
import type { ErrorCode, UnreadableCode } from '../domain/codes.ts';
import { asError, type ErrorDetail, ProvisioningError } from '../domain/errors.ts';
import { clipped } from '../domain/text.ts';
import { ownStatusOf, statusOfError } from './status-table.ts';

/** The one shape of every error body. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; details: ErrorDetail[] };
}

export interface Answer {
  status: number;
  body: ErrorBody;
  retryAfterS?: number;
}

/** Our code for each error of Fastify. An error that is not listed keeps its status and becomes `bad_request`. */
const FASTIFY_CODES: Readonly<Record<string, UnreadableCode>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_BAD_URL: 'bad_url',
  FST_ERR_MAX_PARAM_LENGTH: 'url_too_long',
};

/** Our text where that of Fastify speaks of its own settings. */
const TEXTS: Readonly<Partial<Record<UnreadableCode, string>>> = {
  invalid_json: 'the body is not JSON',
  unsupported_media_type: 'the content type of the body is not taken here; send application/json',
};

/** The longest text of Fastify that is passed on, in characters, because such a text may repeat a whole address. */
const LONGEST_MESSAGE = 300;

/**
 * Returns the answer to a failure. Only the texts of our own errors and of Fastify's refusals are sent. Every other error becomes
 * a plain 500, because its text may contain anything.
 */
export function answerTo(thrown: unknown, requestId: string): Answer {
  const error = asError(thrown);
  if (error instanceof ProvisioningError) return ofProvisioning(error, requestId);
  const { code, statusCode } = fieldsOf(error);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    const known = FASTIFY_CODES[code ?? ''] ?? (error instanceof SyntaxError ? 'invalid_json' : 'bad_request');
    return answer(statusCode, known, TEXTS[known] ?? clipped(error.message, LONGEST_MESSAGE));
  }
  if (isDatabaseAway(error)) {
    return {
      ...answer(503, 'database_unavailable', 'the database is not reachable at the moment; try again later'),
      retryAfterS: 5,
    };
  }
  return internal(requestId);
}

/**
 * Returns the answer to an error of ours. A client that may try again is told when: after the time that the error names, else
 * after 5 s. For a code with a status of its own, a time is sent only when the error names one.
 */
function ofProvisioning(error: ProvisioningError, requestId: string): Answer {
  const { code, disposition, message, details, retryAfterMs } = error;
  const hasOwnStatus = ownStatusOf(code) !== undefined;
  if (disposition === 'bug' && !hasOwnStatus) return internal(requestId);
  const waitMs = hasOwnStatus ? retryAfterMs : disposition === 'rejected' ? undefined : (retryAfterMs ?? 5_000);
  return {
    ...answer(statusOfError(code, disposition), code, message, details),
    ...(waitMs !== undefined && { retryAfterS: Math.max(1, Math.ceil(waitMs / 1_000)) }),
  };
}

function internal(requestId: string): Answer {
  return answer(500, 'internal', `the server failed; its log has the reason under ${requestId}`);
}

function answer(status: number, code: ErrorCode, message: string, details: ErrorDetail[] = []): Answer {
  return { status, body: { error: { code, message, details } } };
}

/** Answers in the common error shape, and logs the details that the client does not get. */
export function handleError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { status, body, retryAfterS } = answerTo(thrown, request.id);
  const fields = { err: thrown, route: request.routeOptions.url, method: request.method };
  if (status === 500) request.log.error(fields, 'request failed');
  else if (status > 500) request.log.warn(fields, 'request refused for now');
  if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS));
  sendError(reply, status, body);
}

/** Sends the error as text, so that no response schema of the route can change it. */
export function sendError(reply: FastifyReply, status: number, body: ErrorBody): void {
  reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer((value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value)))
    .send(body);
}

function fieldsOf(error: Error): Partial<Pick<FastifyError, 'code' | 'statusCode'>> {
  return {
    ...('code' in error && typeof error.code === 'string' && { code: error.code }),
    ...('statusCode' in error && typeof error.statusCode === 'number' && { statusCode: error.statusCode }),
  };
}
