import Telnyx from 'telnyx';
import type { z } from 'zod';
import type { ErrorCode } from '../domain/codes.ts';
import { ProvisioningError } from '../domain/errors.ts';
import type { RateFamily } from '../domain/rate-families.ts';
import { createScrubber } from '../observability/scrub.ts';
import { bracketLists } from './bracket-lists.ts';
import { type Phase, statusOf, toFailure, unreadableAnswer } from './failures/failures.ts';
import { featureSwitch } from './failures/feature-switch.ts';
import type { LastCheck } from './gateway.ts';
import type { Turn } from './pacing/family.ts';
import type { LimiterLog, RateLimiter } from './pacing/rate-limit.ts';

/** What one call is, for pacing, for its deadline and for reading its failure. */
export interface CallSpec {
  family: RateFamily;
  /** Stable name for metrics and texts, such as `orders.create`. */
  operation: string;
  phase: Phase;
  /** How many numbers the call carries. */
  numbers?: number;
  /** The numbers of an order, to read a refusal that names some of them. */
  ordered?: readonly string[];
  /** Creates a batch job. */
  job?: boolean;
  lastCheck?: LastCheck | undefined;
}

/** One finished call. `status` is `null` when no answer came, `code` is `ok` or the code of the failure. */
export interface CallInfo {
  family: RateFamily;
  operation: string;
  status: number | null;
  code: ErrorCode | 'ok';
  ms: number;
  /** The `date` header of the answer, verbatim; `null` when none came. */
  date: string | null;
}

/** Total time that a call may take after the limiter let it go, body included, in milliseconds. */
export type Deadlines = Record<RateFamily, number>;

/** Options of an SDK call. They are passed with each call, so that no default of the SDK can bring retries back. */
interface SdkOptions {
  signal: AbortSignal;
  timeout: number;
  maxRetries: 0;
  headers: { Authorization: string };
}

/** Sends an SDK call and gives its unread answer, which both page promises and plain ones offer. */
type Send = (client: Telnyx, options: SdkOptions) => { asResponse(): Promise<Response> };

export interface Transport {
  /**
   * Waits for the family's turn, asks `lastCheck` whether the call may still leave, sends once, reads the body within the deadline
   * and parses it.
   * @throws ProvisioningError whose disposition says what is known of the outcome; `feature_not_permitted` without any call while
   * the feature is switched off.
   */
  call<T>(spec: CallSpec, send: Send, answer: z.ZodType<T>): Promise<T>;
}

export interface TransportOptions {
  apiKey: string;
  baseURL: string;
  limiter: RateLimiter;
  deadlines: Deadlines;
  onCall: (info: CallInfo) => void;
  /** Gets one line for each feature that the key may not use. */
  log?: LimiterLog | undefined;
}

/**
 * The only place that calls the SDK. `maxRetries` is 0, because the SDK repeats POSTs by default. A signal ends each call,
 * because the SDK's `timeout` ends with the response headers. Redirects are not followed, because a 307 would send an order
 * twice.
 */
export function createTransport(options: TransportOptions): Transport {
  const { apiKey, baseURL, limiter, deadlines, onCall, log } = options;
  // Texts go into rows and answers: neither the key nor a login in an address may be among them.
  const scrub = createScrubber([apiKey]);
  const features = featureSwitch(log);
  const client = new Telnyx({
    apiKey,
    baseURL,
    maxRetries: 0,
    logLevel: 'off',
    // When the environment has both values, the SDK would fetch a token and send it instead of the key.
    clientID: null,
    clientSecret: null,
    publicKey: null,
    fetchOptions: { redirect: 'manual' },
    fetch: (address, init) => fetch(typeof address === 'string' ? bracketLists(address) : address, init),
  });
  // Set per call as well, because TELNYX_CUSTOM_HEADERS of the environment would replace the key otherwise.
  const headers = { Authorization: `Bearer ${apiKey}` };

  const send = async (spec: CallSpec, request: Send, seen: Seen, turn: Turn): Promise<unknown> => {
    const ms = deadlines[spec.family];
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), ms);
    try {
      turn.leaves();
      const response = await request(client, { signal: controller.signal, timeout: ms, maxRetries: 0, headers }).asResponse();
      seen.status = response.status;
      seen.date = response.headers.get('date');
      limiter.observe(spec.family, response.status, response.headers);
      return readJson(await response.text(), spec);
    } catch (thrown) {
      seen.status ??= statusOf(thrown);
      if (thrown instanceof Telnyx.APIError && thrown.status !== undefined) {
        limiter.observe(spec.family, thrown.status, thrown.headers ?? new Headers());
        seen.date ??= thrown.headers?.get('date') ?? null;
      } else if (controller.signal.aborted) {
        throw new Error(`the deadline of ${ms} ms passed`);
      }
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    call: (spec, request, answer) =>
      limiter.run(spec.family, async (turn) => {
        // Asked here, because another call may have switched the feature off while this one waited for its turn.
        features.requireOn(spec.operation);
        await spec.lastCheck?.();
        const startedAt = performance.now();
        const seen: Seen = { status: null, date: null };
        const { family, operation } = spec;
        const report = (code: CallInfo['code']): void => {
          try {
            const ms = Math.round(performance.now() - startedAt);
            onCall({ family, operation, status: seen.status, code, ms, date: seen.date });
          } catch {
            // A failing metric must not turn an accepted order into an unknown outcome.
          }
        };
        try {
          const parsed = understand(await send(spec, request, seen, turn), spec, answer);
          report('ok');
          return parsed;
        } catch (thrown) {
          const { phase, numbers = 0, job = false, ordered } = spec;
          const named = ordered === undefined ? {} : { ordered };
          const failure = toFailure(thrown, { phase, operation, numbers, job, scrub, now: new Date(Date.now()), ...named });
          report(failure.code);
          features.noteRefusal(spec.operation, failure);
          throw failure;
        }
      }),
  };
}

interface Seen {
  status: number | null;
  date: string | null;
}

/** Parses the body itself, because the SDK turns HTML into an empty list and broken JSON into a bare SyntaxError. */
function readJson(text: string, spec: CallSpec): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadableAnswer(spec, text === '' ? 'without a body' : 'the body is not JSON');
  }
}

function understand<T>(body: unknown, spec: CallSpec, answer: z.ZodType<T>): T {
  const parsed = answer.safeParse(body);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.slice(0, 5).map((i) => (i.path.length === 0 ? 'the body' : i.path.join('.')));
  throw unreadableAnswer(spec, `these parts are missing or of another kind: ${[...new Set(where)].join(', ')}`);
}

/** Printable ASCII, as header values must be. For any other key, the error of fetch would quote the key. */
const SENDABLE_KEY = /^[\x21-\x7e]+$/;

/** @throws ProvisioningError `bad_key` (account) when the key is missing or cannot be sent. */
export function requireKey(apiKey: string | undefined): string {
  const key = apiKey?.trim() ?? '';
  if (key === '') throw new ProvisioningError('bad_key', 'account', 'no Telnyx API key is configured');
  if (!SENDABLE_KEY.test(key)) {
    throw new ProvisioningError('bad_key', 'account', 'the Telnyx API key holds characters that cannot be sent');
  }
  return key;
}
