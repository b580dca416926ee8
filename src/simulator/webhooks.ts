import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type Telnyx from 'telnyx';
import { orderView } from './api/order-views.ts';
import { isFree } from './api/search.ts';
import { iso } from './api/wire.ts';
import type { Delivered } from './ledger.ts';
import { settle } from './settle.ts';
import type { Order } from './types.ts';
import type { World } from './world.ts';

const POLL_MS = 25;
const ATTEMPTS = 3;
const DEADLINE_MS = 2000;
const BACK_OFF_MS = 250;

type Envelope = Telnyx.NumberOrderStatusUpdate;

interface Event {
  kind: Delivered['kind'];
  /** The order that the event is about. The payload may not name it. */
  orderId: string;
  envelope: Envelope;
  key: KeyObject;
}

/** Events that are sent one after the other. Trains do not wait for each other. */
interface Train {
  dueAt: number;
  events: Event[];
}

export interface Webhooks {
  publicKey: string;
  setUrl(url: string | undefined): void;
  /** Forgets what has not been sent. */
  clear(): void;
  stop(): Promise<void>;
}

type Payload = Envelope['data']['payload'];

/** The payload of an event. In the documented form it names neither the order nor its end. */
function payloadOf(world: World, whole: Payload): Payload {
  if (world.behaviour.webhookPayload === 'full') return whole;
  const { id: _id, status: _status, ...documented } = whole;
  return documented;
}

function envelopeOf(order: Order, payload: Payload, url: string): Envelope {
  return {
    data: {
      id: randomUUID(),
      event_type: 'number_order.complete',
      occurred_at: iso(order.updatedAt),
      payload,
      record_type: 'event',
    },
    meta: { attempt: 1, delivered_to: url },
  };
}

/** The end of an order that this account never made, of a number that somebody else has. */
function foreignEvent(world: World, order: Order, url: string, key: KeyObject): Event {
  const number = world.pool.find((candidate) => isFree(world, candidate))?.e164 ?? '+12025550100';
  const orderId = randomUUID();
  const [line] = orderView(order).phone_numbers ?? [];
  const phone_numbers = [{ ...line, id: randomUUID(), phone_number: number }];
  const own = { id: orderId, customer_reference: 'somebody-else', phone_numbers_count: 1, phone_numbers };
  const payload = payloadOf(world, { ...orderView(order), ...own });
  return { kind: 'foreign', orderId, envelope: envelopeOf(order, payload, url), key };
}

/** The events of the end of one order, changed by the faults. */
function eventsOf(world: World, order: Order, url: string, key: KeyObject, foreignKey: KeyObject): Train {
  const { faults } = world;
  const late = faults.take('webhook_late');
  const of = (): Envelope => envelopeOf(order, payloadOf(world, orderView(order)), url);
  const event: Event = { kind: 'genuine', orderId: order.id, envelope: of(), key };
  const events = [event];
  if (faults.take('webhook_double')) events.push(event);
  if (faults.take('webhook_forged')) events.unshift({ kind: 'forged', orderId: order.id, envelope: of(), key: foreignKey });
  if (faults.take('webhook_foreign_order')) events.unshift(foreignEvent(world, order, url, key));
  return { dueAt: world.now() + (late ? (late.ms ?? 5000) : 0), events };
}

/** The status of the answer; `null` when there was none. */
async function post(url: string, event: Event, attempt: number, signal: AbortSignal): Promise<number | null> {
  const body = JSON.stringify({ ...event.envelope, meta: { attempt, delivered_to: url } });
  // Receivers compare the timestamp with the real clock, not with the simulator's.
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = sign(null, Buffer.from(`${timestamp}|${body}`), event.key).toString('base64');
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
    return response.status;
  } catch {
    return null;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}

async function deliver(world: World, url: string, event: Event, signal: AbortSignal): Promise<void> {
  const { kind, orderId: order_id } = event;
  const event_id = event.envelope.data.id;
  for (let attempt = 1; attempt <= ATTEMPTS && !signal.aborted; attempt += 1) {
    const status = await post(url, event, attempt, signal);
    world.book.delivered({ event_id, order_id, kind, attempt, status, at: world.now() });
    if (status !== null && status >= 200 && status < 300) return;
    if (attempt < ATTEMPTS) await pause(BACK_OFF_MS * attempt, signal);
  }
}

/** Sends `number_order.complete` for every order that ends; the only part that runs on a real timer. */
export function startWebhooks(world: () => World, initialUrl: string | undefined): Webhooks {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const foreignKey = generateKeyPairSync('ed25519').privateKey;
  const stopping = new AbortController();
  // Every delivery under way listens to it.
  setMaxListeners(0, stopping.signal);
  const sending = new Set<Promise<void>>();
  let url = initialUrl;
  let queue: Train[] = [];
  let held: Train | undefined;

  const collect = (current: World, to: string): void => {
    for (const order of current.ended.splice(0)) {
      const train = eventsOf(current, order, to, privateKey, foreignKey);
      if (held) {
        queue.push({ dueAt: Math.max(train.dueAt, held.dueAt), events: [...train.events, ...held.events] });
        held = undefined;
      } else if (current.faults.take('webhook_out_of_order')) held = train;
      else queue.push(...train.events.map((event) => ({ dueAt: train.dueAt, events: [event] })));
    }
  };
  const run = async (current: World, to: string, train: Train): Promise<void> => {
    for (const event of train.events) await deliver(current, to, event, stopping.signal);
  };
  const tick = (): void => {
    const current = world();
    settle(current);
    if (url === undefined) {
      current.ended.length = 0;
      return;
    }
    collect(current, url);
    const due = queue.filter((train) => train.dueAt <= current.now());
    queue = queue.filter((train) => train.dueAt > current.now());
    for (const train of due) {
      const sent = run(current, url, train).finally(() => sending.delete(sent));
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
      held = undefined;
    },
    stop: async () => {
      clearInterval(timer);
      stopping.abort();
      await Promise.all(sending);
    },
  };
}
