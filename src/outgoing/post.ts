import type { LookupAddress } from 'node:dns';
import { lookup as resolve } from 'node:dns/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { asError } from '../domain/errors.ts';
import { isPublicAddress } from './public-address.ts';

/** What became of one call: the HTTP status, or why there is none. */
export type Answer = { status: number } | { problem: string };

export interface PostOptions {
  allowPrivate: boolean;
  /** The longest time for name, connection and answer together, in milliseconds. */
  timeoutMs: number;
  /** Ends the call when the process stops. */
  signal: AbortSignal;
  /** Only for tests: how names are resolved. */
  lookup?: (host: string) => Promise<LookupAddress[]>;
}

const allAddresses = (host: string): Promise<LookupAddress[]> => resolve(host, { all: true });

/**
 * Sends a body once and reads the status of the answer. The name is resolved once, and the connection goes to an address that was
 * checked, so that a second answer of the name server cannot lead elsewhere. A redirect is an answer and is not followed. It never
 * throws. No problem names the address, because it may hold a token.
 */
export async function post(url: URL, headers: Record<string, string>, body: string, options: PostOptions): Promise<Answer> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([timeout, options.signal]);
  try {
    const addresses = await unlessAborted(allowedOf(url, options), signal);
    if (addresses.length === 0) return { problem: 'the address is not public; PROVISIONER_ALLOW_PRIVATE_WEBHOOKS=1 allows it' };
    return { status: await send(url, headers, body, addresses, signal) };
  } catch (error) {
    if (timeout.aborted) return { problem: `no answer within ${options.timeoutMs / 1_000} s` };
    if (options.signal.aborted) return { problem: 'the process stops' };
    return { problem: reasonOf(error) };
  }
}

async function allowedOf(url: URL, options: PostOptions): Promise<LookupAddress[]> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(host);
  const all = family === 0 ? await (options.lookup ?? allAddresses)(host) : [{ address: host, family }];
  return options.allowPrivate ? all : all.filter(({ address }) => isPublicAddress(address));
}

function send(
  url: URL,
  headers: Record<string, string>,
  body: string,
  addresses: LookupAddress[],
  signal: AbortSignal,
): Promise<number> {
  const [first] = addresses;
  const checked: LookupFunction = (_host, asked, done) => {
    if (asked.all === true) done(null, addresses);
    else done(null, first?.address ?? '', first?.family);
  };
  const call = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((settle, fail) => {
    // No agent: a connection of an earlier call would go to an address that was checked earlier.
    const sent = call(url, { method: 'POST', headers, agent: false, lookup: checked, signal }, (answer) => {
      settle(answer.statusCode ?? 0);
      answer.on('error', () => undefined);
      // Nobody reads the body, and it may be endless.
      answer.destroy();
    });
    sent.on('error', fail);
    sent.end(body);
  });
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((settle, fail) => {
    signal.addEventListener('abort', () => fail(asError(signal.reason)), { once: true });
    work.then(settle, fail);
  });
}

/** The code of a network error, such as `ECONNREFUSED`. Its text may name the host and no more than its code is needed. */
function reasonOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? `the connection failed: ${code}` : 'the connection failed';
}
