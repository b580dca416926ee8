import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorDetail, invalid, ProvisioningError } from '../domain/errors.ts';
import { textProblem } from '../domain/text.ts';
import { isLoopback, isRead, type Keyring } from './auth.ts';

/** For JSON: a browser that is led to show it may load and run nothing. */
const API_POLICY = "default-src 'none'; frame-ancestors 'none'";

/**
 * For Bull Board and the API's documentation: own files only, so their fonts are not fetched from the internet. Both write
 * style attributes.
 */
export const PAGE_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/** What every answer carries, also one to something that is no request. */
export const SAFE_HEADERS = {
  'content-security-policy': API_POLICY,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
} as const;

/** Sets what a careful server says with every answer; a route may set another policy. */
export async function setHeaders(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.headers({ ...SAFE_HEADERS, 'x-request-id': request.id });
}

/** HTTP/1.1 wants a `Host`, and `refuseForeign` looks at it. Node itself would answer without a body. */
export async function refuseNameless({ headers, raw }: FastifyRequest): Promise<void> {
  if (headers.host === undefined && raw.httpVersion === '1.1')
    throw new ProvisioningError('bad_request', 'rejected', 'a request of HTTP/1.1 needs a Host header');
}

/** Refuses an address whose path or query holds what is no text: it would only fail in the database. */
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
 * Refuses what another web site makes a browser send: a login, or an open server on this machine, would otherwise let any page
 * on the internet spend money. A bearer key cannot be sent that way.
 */
export function refuseForeign(keyring: Keyring) {
  return async (request: FastifyRequest): Promise<void> => {
    const { host, authorization = '' } = request.headers;
    if (!keyring.locked && host !== undefined && !isLoopback(host.replace(/:\d+$/, ''))) {
      // A name that an attacker points at 127.0.0.1 makes the attacker's page "same origin".
      throw foreign(`this server answers to loopback names only, not to "${host}"`);
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
