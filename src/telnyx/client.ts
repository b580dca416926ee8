import type { Redis } from 'ioredis';
import type { RateFamily } from '../domain/rate-families.ts';
import { coverage } from './endpoints/coverage.ts';
import {
  deleteNumbers,
  getJob,
  getMessagingUpdate,
  listJobs,
  listOpenJobs,
  updateEmergency,
  updateMessaging,
  updateNumbers,
} from './endpoints/jobs.ts';
import { balance, listNumbers, verifyOwnership } from './endpoints/numbers.ts';
import { createOrder, findOrders, getOrder, listOrders, paperwork, reserve } from './endpoints/orders.ts';
import { search } from './endpoints/search.ts';
import { searchLimits } from './endpoints/search-limits.ts';
import { cancelOrder } from './endpoints/sub-orders.ts';
import type { TelnyxGateway } from './gateway.ts';
import { createRateLimiter, type LimiterLog, type RateLimiter } from './pacing/rate-limit.ts';
import { type CallInfo, createTransport, type Deadlines, requireKey, type Transport } from './transport.ts';

/**
 * Longest time of a call after the limiter let it go, body included, in milliseconds. Each is shorter than the lease of a chunk.
 */
export const DEFAULT_DEADLINES: Readonly<Deadlines> = {
  reads: 20_000,
  search: 30_000,
  orders: 45_000,
  jobs: 30_000,
  messaging: 30_000,
  ownership: 20_000,
  reservations: 30_000,
};

const TELNYX_URL = 'https://api.telnyx.com/v2';

export interface TelnyxGatewayOptions {
  apiKey: string | undefined;
  /** Must carry the version, such as `/v2`. */
  baseURL?: string | undefined;
  /** The most requests a second of a family, where the operator set it. The others start at `DEFAULT_RATES`. */
  rates?: Readonly<Partial<Record<RateFamily, number>>>;
  /** Shares the pace with all processes on the same Redis; `null` or nothing keeps it to this process. */
  redis?: Redis | null;
  keyPrefix?: string;
  log?: LimiterLog;
  deadlines?: Partial<Deadlines>;
  /** Longest wait for a turn, in milliseconds. Wait and deadline together must fit into the lease of a chunk. */
  maxWaitMs?: number;
  /** Called after every call that was made. An error that it throws is ignored. */
  onCall?: (info: CallInfo) => void;
}

/**
 * Telnyx behind the product's own interface.
 * @throws ProvisioningError `bad_key` (account) when the key is missing; the SDK itself would notice at the first call only.
 */
export function createTelnyxGateway(options: TelnyxGatewayOptions): TelnyxGateway {
  const apiKey = requireKey(options.apiKey);
  const { rates, redis = null, keyPrefix, log, maxWaitMs, onCall } = options;
  const limiter = createRateLimiter({
    redis,
    ...(rates === undefined ? {} : { rates }),
    ...(keyPrefix === undefined ? {} : { keyPrefix }),
    ...(log === undefined ? {} : { log }),
    ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
  });
  const transport = createTransport({
    apiKey,
    baseURL: options.baseURL ?? TELNYX_URL,
    limiter,
    deadlines: { ...DEFAULT_DEADLINES, ...options.deadlines },
    onCall: onCall ?? (() => undefined),
    log,
  });
  return gatewayOn(transport, limiter);
}

/** The product's interface on a given transport. The random walk passes a transport without pacing. */
export function gatewayOn(transport: Transport, limiter: Pick<RateLimiter, 'limits' | 'close'>): TelnyxGateway {
  const limits = searchLimits();
  return {
    search: (criteria) => search(transport, criteria, limits),
    coverage: (criteria) => coverage(transport, criteria),
    reserve: (numbers, reference) => reserve(transport, numbers, reference),
    createOrder: (...args) => createOrder(transport, ...args),
    findOrders: (reference) => findOrders(transport, reference),
    getOrder: (id) => getOrder(transport, id),
    listOrders: (query) => listOrders(transport, query),
    paperwork: (lineId) => paperwork(transport, lineId),
    cancelOrder: (order) => cancelOrder(transport, order),
    verifyOwnership: (numbers) => verifyOwnership(transport, numbers),
    updateNumbers: (...args) => updateNumbers(transport, ...args),
    deleteNumbers: (...args) => deleteNumbers(transport, ...args),
    updateEmergency: (...args) => updateEmergency(transport, ...args),
    getJob: (id) => getJob(transport, id),
    listJobs: (type, since) => listJobs(transport, type, since),
    listOpenJobs: () => listOpenJobs(transport),
    updateMessaging: (...args) => updateMessaging(transport, ...args),
    getMessagingUpdate: (id) => getMessagingUpdate(transport, id),
    listNumbers: (query) => listNumbers(transport, query),
    balance: () => balance(transport),
    limits: () => limiter.limits(),
    close: () => limiter.close(),
  };
}
