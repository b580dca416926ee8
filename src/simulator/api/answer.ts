import { strikeBefore } from '../acts.ts';
import type { Fault, Target } from '../faults.ts';
import type { RateLimits, RateState } from '../rates.ts';
import { settle } from '../settle.ts';
import type { World } from '../world.ts';
import { codeOf, type Reply } from './context.ts';
import { findRoute } from './routes.ts';
import { unknownWords } from './unknown-words.ts';
import { type Body, isRecord, notFound, Query, Refusal } from './wire.ts';

/** How the reply leaves: whole, or spoiled on the way. */
export type Delivery = 'whole' | 'drop' | 'half' | 'stall_body' | 'silence' | 'refused';

export interface Answer extends Reply {
  headers: Record<string, string>;
  delivery: Delivery;
  delayMs: number;
  /** Endpoint name for the ledger. */
  endpoint: string;
}

export interface Incoming {
  method: string;
  /** Without /v2. */
  path: string;
  params: URLSearchParams;
  rawBody: string;
  authorization: string | undefined;
  retry: boolean;
}

/** Which endpoint a request is for, and what faults are matched with. */
export function targetOf(method: string, path: string): { target: Target; endpoint: string } {
  const route = findRoute(method, path)?.route;
  return { target: { method, path, family: route?.family ?? 'reads' }, endpoint: route?.name ?? `${method} (unknown)` };
}

function parseBody(raw: string): Body {
  if (raw.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(raw);
    return isRecord(value) ? value : {};
  } catch {
    throw new Refusal(400, { code: '10004', title: 'Malformed request body' });
  }
}

function rateHeaders(world: World, target: Target, state: RateState): Record<string, string> {
  const epoch = world.faults.take('rate_reset_epoch', target) !== undefined;
  return {
    'x-ratelimit-limit': String(state.limit),
    'x-ratelimit-remaining': String(state.remaining),
    'x-ratelimit-reset': String(epoch ? Math.ceil(world.now() / 1000) + state.resetSeconds : state.resetSeconds),
  };
}

function tooMany(): Refusal {
  return new Refusal(429, { code: '10011', title: 'Too many requests', detail: 'You have exceeded the rate limit' });
}

/** The headers of a 429 burst, in the unit the fault asks for. */
function burstHeaders(world: World, fault: Fault, state: RateState): Record<string, string> {
  const seconds = fault.seconds ?? 1;
  const retryAfter: Record<string, string> = fault.retry_after === undefined ? {} : { 'retry-after': String(fault.retry_after) };
  if (fault.reset === 'none') return retryAfter;
  const reset = fault.reset === 'epoch' ? Math.ceil(world.now() / 1000) + seconds : seconds;
  return {
    ...retryAfter,
    'x-ratelimit-limit': String(state.limit),
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(reset),
  };
}

function refusalReply(error: unknown): Reply {
  if (error instanceof Refusal) return { status: error.status, body: { errors: error.errors } };
  const detail = error instanceof Error ? error.message : String(error);
  return { status: 500, body: { errors: [{ code: '10007', title: 'Unexpected error', detail }] } };
}

function faultRefusal(fault: Fault, status: number, code: string): Refusal {
  return new Refusal(fault.status ?? status, {
    ...codeOf(fault, code),
    title: fault.title ?? 'Simulated error',
    ...(fault.detail === undefined ? {} : { detail: fault.detail }),
    ...(fault.pointer === undefined ? {} : { source: { pointer: fault.pointer } }),
  });
}

function withoutId(body: unknown): unknown {
  if (!isRecord(body) || !isRecord(body['data'])) return body;
  const { id: _id, order_id: _order, ...data } = body['data'];
  return { ...body, data };
}

/** The request's effect and its honest reply. */
function effect(world: World, incoming: Incoming, target: Target): Reply {
  const found = findRoute(incoming.method, incoming.path);
  if (!found) throw notFound();
  const context = { world, target, query: new Query(incoming.params), body: parseBody(incoming.rawBody), id: found.id };
  const reply = found.route.handler(context);
  unknownWords(world, target, reply.body);
  return reply;
}

/** Faults that answer before anything happens. */
function before(world: World, target: Target, state: RateState): Answer['headers'] | undefined {
  const error = world.faults.take('error_before', target);
  if (error) throw faultRefusal(error, 500, '10007');
  const conflict = world.faults.take('conflict', target);
  if (conflict) throw faultRefusal(conflict, 409, '10012');
  const burst = world.faults.take('rate_limited', target);
  return burst ? burstHeaders(world, burst, state) : undefined;
}

/** Spoils the reply of a request that has taken effect. */
function after(world: World, target: Target, answer: Answer): Answer {
  const { faults } = world;
  if (faults.take('no_id', target)) answer.body = withoutId(answer.body);
  const html = faults.take('html', target);
  if (html) {
    answer.status = html.status ?? 200;
    answer.body = '<!doctype html><title>Please wait</title>';
    answer.headers['content-type'] = 'text/html';
  }
  const error = faults.take('error_after', target);
  if (error) Object.assign(answer, refusalReply(faultRefusal(error, 500, '10007')));
  const slow = faults.take('slow', target);
  if (slow) answer.delayMs += slow.ms ?? 1000;
  if (faults.take('accept_then_drop', target)) answer.delivery = 'drop';
  else if (faults.take('accept_half_body', target)) answer.delivery = 'half';
  else if (faults.take('accept_stall', target)) answer.delivery = 'stall_body';
  return answer;
}

/** Works out the whole answer to an API request, effects included. */
export function answerTo(world: World, limits: RateLimits, incoming: Incoming): Answer {
  const { target, endpoint } = targetOf(incoming.method, incoming.path);
  settle(world);
  world.faults.begin(target);
  try {
    const answer = answerWithin(world, limits, incoming, target, endpoint);
    const skewed = world.faults.take('date_skewed', target);
    // Node.js writes the real time by itself, whatever the simulator's clock says, because clients compare it with their own
    // clock.
    if (skewed) answer.headers['date'] = new Date(Date.now() + (skewed.by ?? 0)).toUTCString();
    return answer;
  } finally {
    world.faults.end();
  }
}

function answerWithin(world: World, limits: RateLimits, incoming: Incoming, target: Target, endpoint: string): Answer {
  strikeBefore(world, target);
  world.book.arrived(target.family, world.now(), incoming.retry);
  const state = limits.hit(target.family, world.now());
  const answer: Answer = {
    status: 200,
    body: {},
    headers: rateHeaders(world, target, state),
    delivery: 'whole',
    delayMs: 0,
    endpoint,
  };
  try {
    if (incoming.authorization !== `Bearer ${world.settings.apiKey}`) {
      throw new Refusal(401, { code: '10009', title: 'Authentication failed' });
    }
    if (state.exceeded) throw tooMany();
    const stall = world.faults.take('stall', target);
    if (stall) answer.delivery = 'silence';
    if (stall && !stall.effect) return answer;
    const burst = before(world, target, state);
    if (burst) {
      for (const name of Object.keys(answer.headers)) delete answer.headers[name];
      Object.assign(answer.headers, burst);
      throw tooMany();
    }
    try {
      Object.assign(answer, effect(world, incoming, target));
    } catch (error) {
      Object.assign(answer, refusalReply(error));
    }
    return stall ? answer : after(world, target, answer);
  } catch (error) {
    return Object.assign(answer, refusalReply(error));
  }
}
