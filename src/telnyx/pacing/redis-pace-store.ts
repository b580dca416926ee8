import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import {
  FIRST_ANSWER_MS,
  FIRST_CHECK_MS,
  LEARNED_TTL_MS,
  type PaceStore,
  RESET_SLACK_MS,
  type SharedPace,
} from './pace-store.ts';
import { REDIS_NOW } from './redis-clock.ts';
import { holdOf, MOST_CALLS, type Window } from './window.ts';

/** Calls are remembered for longer than any window that a header may name. */
const CALLS_TTL_MS = 20 * 60_000;

/** Calls at their moments in a sorted set, the last ones only. */
const COUNT = `local function count(call, at)
  redis.call('zadd', KEYS[1], at, call)
  redis.call('zremrangebyrank', KEYS[1], 0, -1 - ${MOST_CALLS})
  redis.call('pexpire', KEYS[1], ${CALLS_TTL_MS})
end
`;

/**
 * KEYS: calls, window, pause, rate, first. ARGV: the call, or nothing to read only; the calls of the cap, and how long a call counts
 * in it, or nothing. One script, so that no two processes find the same room. The window is kept as `calls:ms:counts for ms`.
 */
const ENTER = `${REDIS_NOW}
${COUNT}
local function wait(calls, countsFor)
  local oldest = redis.call('zrange', KEYS[1], -calls, -calls, 'withscores')
  if not oldest[2] or redis.call('zcard', KEYS[1]) < tonumber(calls) then return 0 end
  return math.max(0, tonumber(oldest[2]) + countsFor - now)
end
local window = redis.call('get', KEYS[2]) or ''
local calls, countsFor = string.match(window, '^(%d+):%d+:(%d+)$')
local paused = math.max(0, redis.call('pttl', KEYS[3]))
redis.call('zremrangebyscore', KEYS[1], '(' .. now, '+inf')
local full = 0
local first = 0
if calls then
  full = wait(calls, countsFor)
else
  local said = redis.call('get', KEYS[5])
  if not said then first = 1 end
  if said == 'asked' then full = ${FIRST_CHECK_MS} end
end
if ARGV[2] ~= '' then full = math.max(full, wait(ARGV[2], ARGV[3])) end
if ARGV[1] ~= '' and paused == 0 and full == 0 then
  if first == 1 then redis.call('set', KEYS[5], 'asked', 'px', ${FIRST_ANSWER_MS}) end
  count(ARGV[1], now)
end
return { paused, redis.call('get', KEYS[4]) or '', redis.call('pttl', KEYS[4]), window, redis.call('pttl', KEYS[2]), full, first }`;

/** KEYS: calls. ARGV: the call. */
const LATE = `${REDIS_NOW}
${COUNT}
count(ARGV[1], now)
return 1`;

/** KEYS: calls. ARGV: how many are used up, since when in milliseconds. */
const USED = `${REDIS_NOW}
${COUNT}
local began = now - ARGV[2]
local ours = redis.call('zcount', KEYS[1], '(' .. (began - ${RESET_SLACK_MS}), '+inf')
for n = ours, ARGV[1] - 1 do count('others-' .. began .. '-' .. n, began) end
return ours`;

/**
 * Keeps the state in Redis. A pause is a plain key that expires, not Bottleneck's `reservoir: 0`. So it ends by itself when the
 * process that set it dies, and a flush only ends it early. PTTL gives its length and the ages of a rate and a window.
 */
export function redisPaceStore(redis: Redis, prefix: string): PaceStore {
  const key = (what: string, family: string): string => `${prefix}:${what}:${family}`;
  const run = scriptRunner(redis);
  const enter: PaceStore['enter'] = async (family, call, cap) => {
    const keys = ['calls', 'window', 'pause', 'rate', 'first'].map((what) => key(what, family));
    return sharedPace(await run(ENTER, keys, [call, cap?.calls ?? '', cap?.countsForMs ?? '']));
  };
  return {
    read: (family) => enter(family, '', null),
    enter,
    late: async (family, call) => void (await run(LATE, [key('calls', family)], [call])),
    used: async (family, used, beganMs) => void (await run(USED, [key('calls', family)], [used, Math.round(beganMs)])),
    setWindow: async (family, window) => {
      const text = `${window.calls}:${window.ms}:${holdOf(window).countsForMs}`;
      await redis.set(key('window', family), text, 'PX', LEARNED_TTL_MS);
    },
    answered: async (family) => void (await redis.set(key('first', family), 'answered', 'PX', LEARNED_TTL_MS)),
    pause: async (family, ms) => {
      const pause = key('pause', family);
      if ((await redis.set(pause, '1', 'PX', ms, 'NX')) === 'OK') return true;
      if ((await redis.pttl(pause)) < ms) await redis.set(pause, '1', 'PX', ms);
      return false;
    },
    setRate: async (family, rate, delayMs = 0) =>
      void (await redis.set(key('rate', family), String(rate), 'PX', LEARNED_TTL_MS + Math.ceil(delayMs))),
  };
}

type RunScript = (script: string, keys: string[], values: (string | number)[]) => Promise<unknown>;

/** Sends the text of a script only when Redis does not know it, as after its start. */
function scriptRunner(redis: Redis): RunScript {
  const digests = new Map([ENTER, LATE, USED].map((text) => [text, createHash('sha1').update(text).digest('hex')]));
  return async (script, keys, values) => {
    try {
      return await redis.evalsha(digests.get(script) ?? '', keys.length, ...keys, ...values);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await redis.eval(script, keys.length, ...keys, ...values);
    }
  };
}

/** Reads what `ENTER` returns; anything else counts as nothing known. */
function sharedPace(answer: unknown): SharedPace {
  const [paused, rate, rateTtl, window, windowTtl, full, first]: unknown[] = Array.isArray(answer) ? answer : [];
  const known = Number(rate === '' ? Number.NaN : rate);
  return {
    pausedMs: Number(paused ?? 0),
    rate: Number.isFinite(known) && known > 0 ? known : null,
    ageMs: ageOf(rateTtl),
    window: windowIn(String(window ?? '')),
    windowAgeMs: ageOf(windowTtl),
    fullMs: Number(full ?? 0),
    first: first === 1,
  };
}

/** How long ago what expires in `ttl` milliseconds was learned. */
function ageOf(ttl: unknown): number {
  return Number(ttl ?? -1) < 0 ? 0 : Math.max(0, LEARNED_TTL_MS - Number(ttl));
}

function windowIn(text: string): Window | null {
  const [, calls, ms] = /^(\d+):(\d+):\d+$/.exec(text) ?? [];
  return calls === undefined || ms === undefined ? null : { calls: Number(calls), ms: Number(ms) };
}
