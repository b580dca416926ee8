import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import type Telnyx from 'telnyx';
import { orderView } from './order-views.ts';
import { settle } from './settle.ts';
import type { Order } from './types.ts';
import { iso } from './wire.ts';
import type { World } from './world.ts';

const POLL_MS = 25;
const ATTEMPTS = 3;
const DEADLINE_MS = 2000;
const BACK_OFF_MS = 250;

type Envelope = Telnyx.NumberOrderStatusUpdate;

interface Pending {
  envelope: Envelope;
  dueAt: number;
  key: KeyObject;
}

export interface Webhooks {
  publicKey: string;
  setUrl(url: string | undefined): void;
  /** Forgets what has not been sent. */
  clear(): void;
  stop(): Promise<void>;
}

function envelopeOf(order: Order, url: string, orderId = order.id): Envelope {
  return {
    data: {
      id: randomUUID(),
      event_type: 'number_order.complete',
      occurred_at: iso(order.updatedAt),
      payload: { ...orderView(order), id: orderId },
      record_type: 'event',
    },
    meta: { attempt: 1, delivered_to: url },
  };
}

/** The events of one order's end, spoiled as the faults say. */
function eventsOf(world: World, order: Order, url: string, key: KeyObject, stranger: KeyObject): Pending[] {
  const { faults } = world;
  const late = faults.take('webhook_late');
  const dueAt = world.now() + (late ? (late.ms ?? 5000) : 0);
  const event: Pending = { envelope: envelopeOf(order, url), dueAt, key };
  const events = [event];
  if (faults.take('webhook_double')) events.push(event);
  if (faults.take('webhook_forged')) events.unshift({ envelope: envelopeOf(order, url), dueAt, key: stranger });
  if (faults.take('webhook_foreign_order')) events.unshift({ envelope: envelopeOf(order, url, randomUUID()), dueAt, key });
  return events;
}

async function post(url: string, pending: Pending, attempt: number, signal: AbortSignal): Promise<boolean> {
  const body = JSON.stringify({ ...pending.envelope, meta: { attempt, delivered_to: url } });
  // Receivers compare with the real clock, whatever the simulator's says.
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = sign(null, Buffer.from(`${timestamp}|${body}`), pending.key).toString('base64');
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      body,
      headers: {
        'content-type': 'application/json',
        'telnyx-timestamp': timestamp,
        'telnyx-signature-ed25519': signature,
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function deliver(url: string, pending: Pending, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS && !signal.aborted; attempt += 1) {
    if (await post(url, pending, attempt, signal)) return;
    if (attempt < ATTEMPTS) await pause(BACK_OFF_MS * attempt, signal);
  }
}

/** Sends `number_order.complete` for every order that ends; the only part that runs on a real timer. */
export function startWebhooks(world: () => World, initialUrl: string | undefined): Webhooks {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const stranger = generateKeyPairSync('ed25519').privateKey;
  const stopping = new AbortController();
  const sending = new Set<Promise<void>>();
  let url = initialUrl;
  let queue: Pending[] = [];
  let held: Pending[] = [];

  const collect = (current: World, to: string): void => {
    for (const order of current.ended.splice(0)) {
      const events = eventsOf(current, order, to, privateKey, stranger);
      if (held.length > 0) {
        queue.push(...events, ...held.splice(0));
      } else if (current.faults.take('webhook_out_of_order')) held = events;
      else queue.push(...events);
    }
  };
  const tick = (): void => {
    const current = world();
    settle(current);
    if (url === undefined) {
      current.ended.length = 0;
      return;
    }
    collect(current, url);
    const due = queue.filter((pending) => pending.dueAt <= current.now());
    queue = queue.filter((pending) => pending.dueAt > current.now());
    for (const pending of due) {
      const sent = deliver(url, pending, stopping.signal).finally(() => sending.delete(sent));
      sending.add(sent);
    }
  };
  const timer = setInterval(tick, POLL_MS).unref();

  return {
    // An SPKI Ed25519 key ends with its 32 raw bytes.
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64'),
    setUrl: (next) => {
      url = next;
    },
    clear: () => {
      queue = [];
      held = [];
    },
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await Promise.all(sending);
    },
  };
}
