import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiKey, ApiRole } from '../config/config.ts';
import type { Approver } from '../domain/approval.ts';
import { invalid, ProvisioningError } from '../domain/errors.ts';

/** The client that a key identifies. Its name goes into event rows. */
export interface Principal {
  name: string;
  role: ApiRole;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The lowest role that may call the route; `public` needs no key. By default, viewers may call GET and operators the rest. */
    access?: ApiRole | 'public';
  }
  interface FastifyRequest {
    principal: Principal | null;
  }
}

const RANK: Record<ApiRole, number> = { viewer: 0, operator: 1, admin: 2 };

/** Without keys the server listens on loopback only, and every client may do everything. */
const LOCAL: Principal = { name: 'local', role: 'admin' };

export interface Keyring {
  /** False when there are no keys. Then every client on loopback may do everything. */
  readonly locked: boolean;
  /**
   * Returns the client of an `Authorization` header, or `null`. Accepts `Bearer <key>`, and `Basic <name>:<key>` from a browser's
   * login.
   */
  identify(authorization: string | undefined): Principal | null;
}

/** Keeps only hashes of the keys. They have equal length, so they can be compared in constant time. */
export function createKeyring(keys: readonly ApiKey[]): Keyring {
  const entries = keys.map((k) => ({
    hash: sha256(k.key.reveal()),
    principal: { name: k.name, role: k.role },
  }));
  const find = (key: string): Principal | null => {
    const hash = sha256(key);
    let found: Principal | null = null;
    // Every key is compared, so that the time does not tell which key nearly matched.
    for (const entry of entries) if (timingSafeEqual(entry.hash, hash)) found = entry.principal;
    return found;
  };
  if (entries.length === 0) return { locked: false, identify: () => LOCAL };
  return {
    locked: true,
    identify: (authorization) => {
      const [, scheme = '', value = ''] = /^(\S+) +(\S+)$/.exec(authorization ?? '') ?? [];
      if (scheme.toLowerCase() === 'bearer') return find(value);
      if (scheme.toLowerCase() !== 'basic') return null;
      const [, name, key] = /^([^:]*):(.*)$/s.exec(Buffer.from(value, 'base64').toString('utf8')) ?? [];
      const principal = key === undefined ? null : find(key);
      return principal?.name === name ? principal : null;
    },
  };
}

/** Wrong keys that one address may send in a minute. Further ones are answered with 429. */
const WRONG_KEYS = { max: 20, timeWindow: 60_000 };

/** Lets requests in by their key, and slows down clients that guess keys. */
export interface Door {
  /** False when there are no keys. */
  readonly locked: boolean;
  /**
   * Returns the client, or the reason of the refusal. A right key is always accepted, because a proxy may give many clients one
   * address.
   */
  admit(request: FastifyRequest): Promise<{ principal: Principal } | { refusal: ProvisioningError }>;
}

/**
 * Makes the door. It needs `@fastify/rate-limit` on the server. Every wrong key is logged with its address; a flood of them is
 * logged once a minute.
 */
export function createDoor(app: Pick<FastifyInstance, 'createRateLimit'>, keyring: Keyring): Door {
  const limiter = app.createRateLimit(WRONG_KEYS);
  const floodLines = app.createRateLimit({ max: 1, timeWindow: WRONG_KEYS.timeWindow });
  const unauthorized = () =>
    new ProvisioningError('unauthorized', 'rejected', 'a valid API key is needed: Authorization: Bearer <key>');
  return {
    locked: keyring.locked,
    admit: async (request) => {
      const { authorization } = request.headers;
      const principal = keyring.identify(authorization);
      if (principal !== null) return { principal };
      if (authorization === undefined) return { refusal: unauthorized() };
      const fields = { remote: request.ip, route: request.routeOptions.url };
      const tried = await limiter(request);
      if (tried.isAllowed || !tried.isExceeded) {
        request.log.warn(fields, 'a wrong API key was refused');
        return { refusal: unauthorized() };
      }
      const line = await floodLines(request);
      if (!line.isAllowed && !line.isExceeded)
        request.log.warn(fields, 'this address sends more wrong API keys; they are refused with 429 and not logged for a minute');
      const message = `too many wrong keys from this address; try again in ${tried.ttlInSeconds} s`;
      return { refusal: new ProvisioningError('too_many_wrong_keys', 'retry', message, { retryAfterMs: tried.ttl }) };
    },
  };
}

/** Makes the hook that lets a request in, or answers 401, 403 or 429. It runs before the body is read. */
export function guard(door: Door) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const access = request.routeOptions.config.access ?? (isRead(request.method) ? 'viewer' : 'operator');
    if (access === 'public') return;
    const met = await door.admit(request);
    if ('refusal' in met) {
      if (met.refusal.code === 'unauthorized') reply.header('www-authenticate', 'Bearer realm="provisioner"');
      throw met.refusal;
    }
    request.principal = met.principal;
    if (!mayDo(met.principal, access)) {
      throw new ProvisioningError(
        'forbidden',
        'rejected',
        `the key "${met.principal.name}" is a ${met.principal.role}; this needs ${access}`,
      );
    }
  };
}

export function mayDo(principal: Principal, least: ApiRole): boolean {
  return RANK[principal.role] >= RANK[least];
}

/** Returns the name under which the actions of this request are recorded. Only for routes that need a key. */
export function actorOf(request: FastifyRequest): string {
  if (request.principal === null) throw new Error('a public route has no actor');
  return request.principal.name;
}

/** Returns who approves. Without keys every client has the same name, so it identifies nobody. */
export function approverOf(request: FastifyRequest): Approver {
  return { name: actorOf(request), identified: request.principal !== LOCAL };
}

/** True for GET, HEAD and OPTIONS, which change nothing. */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/** Refuses to open a server to the network without a key. Errors: `validation_failed`. */
export function assertMayListen(host: string, apiKeys: readonly ApiKey[]): void {
  if (apiKeys.length > 0 || isLoopback(host)) return;
  throw invalid([
    { path: 'PROVISIONER_API_KEYS', message: `must be set before the server may listen on ${host}; 127.0.0.1 needs none` },
  ]);
}

/** True when a host name or address (from a setting or a `Host` header) leads to this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
