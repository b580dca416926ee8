import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorDetail, invalid, ProvisioningError } from '../domain/errors.ts';
import { textProblem } from '../domain/text.ts';
import { isLoopback, isRead, type Keyring } from './auth.ts';

/** The policy for JSON: a browser that displays it may load and run nothing. */
const API_POLICY = "default-src 'none'; frame-ancestors 'none'";

/**
 * The policy for Bull Board and the API's documentation. They may load only our own files, so their fonts are not fetched from
 * the internet. Both use style attributes.
 */
export const PAGE_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/** Headers of every answer, including the answer to bytes that are not a request. */
export const SAFE_HEADERS = {
  'content-security-policy': API_POLICY,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
} as const;

/** Sets the security headers of an answer. A route may set another policy. */
export async function setHeaders(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.headers({ ...SAFE_HEADERS, 'x-request-id': request.id });
}

/**
 * Refuses a request without `Host`. HTTP/1.1 demands the header, and `refuseForeign` checks it. Node would answer without a body.
 */
export async function refuseNameless({ headers, raw }: FastifyRequest): Promise<void> {
  if (headers.host === undefined && raw.httpVersion === '1.1')
    throw new ProvisioningError('bad_request', 'rejected', 'a request of HTTP/1.1 needs a Host header');
}

/** Refuses an address whose path or query is not valid text, because it would fail in the database. */
export async function refuseNoText(request: FastifyRequest): Promise<void> {
  const problems: ErrorDetail[] = [];
  for (const [name, value] of Object.entries({ ...fieldsOf(request.query), ...fieldsOf(request.params) })) {
    for (const text of [name, ...(Array.isArray(value) ? value : [value])]) {
      const problem = typeof text === 'string' ? textProblem(text) : null;
      if (problem !== null) problems.push({ path: name, message: problem });
    }
  }
  if (problems.length > 0) throw invalid(problems);
}

function fieldsOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

/**
 * Refuses requests that another web site makes a browser send. With a browser login, or on a server without keys, any web page
 * could otherwise spend money. A site cannot make a browser send a bearer key.
 */
export function refuseForeign(keyring: Keyring) {
  return async (request: FastifyRequest): Promise<void> => {
    const { host, authorization = '' } = request.headers;
    if (!keyring.locked && host !== undefined && !isLoopback(host.replace(/:\d+$/, ''))) {
      // An attacker can point a host name at 127.0.0.1. The attacker's page would then have the same origin.
      throw foreign(`this server accepts loopback names only, not "${host}"`);
    }
    if (isRead(request.method) || /^bearer /i.test(authorization)) return;
    if (!isOwnOrigin(request)) throw foreign('a page of another site may not do this');
  };
}

function isOwnOrigin(request: FastifyRequest): boolean {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  if (origin === undefined) return true;
  const own = [host, request.headers['x-forwarded-host']];
  return URL.canParse(origin) && own.includes(new URL(origin).host);
}

function foreign(message: string): ProvisioningError {
  return new ProvisioningError('forbidden', 'rejected', message);
}
