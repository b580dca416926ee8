import type { Redis } from 'ioredis';
import { FIRST_ANSWER_MS, FIRST_CHECK_MS, type PaceStore, REMEMBERED, RESET_SLACK_MS, type SharedPace } from './pace-store.ts';
import { countsForMs, type Window } from './window.ts';

/** What was learned is forgotten after this time, because Telnyx may have changed its limits. */
const LEARNED_TTL_MS = 10 * 60_000;
/** Calls are remembered for longer than any window that a header may name. */
const CALLS_TTL_MS = 20 * 60_000;

/** The clock is that of Redis, so the clocks of the processes may differ. */
const NOW = `local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`;

/** Calls at their moments in a sorted set, the last ones only. */
const COUNT = `local function count(call, at)
  redis.call('zadd', KEYS[1], at, call)
  redis.call('zremrangebyrank', KEYS[1], 0, -1 - keep)
  redis.call('pexpire', KEYS[1], ${CALLS_TTL_MS})
end
`;

/**
 * KEYS: calls, window, pause, rate, first. ARGV: the call, or nothing to read only. One script, so that no two processes find the same
 * room. The window is kept as `calls:ms:counts for ms`.
 */
const ENTER = `${NOW}
local window = redis.call('get', KEYS[2]) or ''
local calls, countsFor = string.match(window, '^(%d+):%d+:(%d+)$')
local keep = tonumber(calls or ${REMEMBERED})
${COUNT}
local paused = math.max(0, redis.call('pttl', KEYS[3]))
local full = 0
if calls then
  local oldest = redis.call('zrange', KEYS[1], -keep, -keep, 'withscores')
  if oldest[2] and redis.call('zcard', KEYS[1]) >= keep then full = math.max(0, tonumber(oldest[2]) + countsFor - now) end
elseif redis.call('get', KEYS[5]) == 'asked' then
  full = ${FIRST_CHECK_MS}
end
if ARGV[1] ~= '' and paused == 0 and full == 0 then
  if not calls then redis.call('set', KEYS[5], 'asked', 'px', ${FIRST_ANSWER_MS}, 'nx') end
  count(ARGV[1], now)
end
return { paused, redis.call('get', KEYS[4]) or '', redis.call('pttl', KEYS[4]), window, full }`;

/** KEYS: calls. ARGV: the call. */
const LATE = `${NOW}
return redis.call('zadd', KEYS[1], 'xx', now, ARGV[1])`;

/** KEYS: calls. ARGV: how many are used up, since when in milliseconds, how many to keep. */
const USED = `${NOW}
local keep = tonumber(ARGV[3])
${COUNT}
local began = now - ARGV[2]
local ours = redis.call('zcount', KEYS[1], '(' .. (began - ${RESET_SLACK_MS}), '+inf')
for n = ours, ARGV[1] - 1 do count('others-' .. began .. '-' .. n, began) end
return ours`;

/**
 * Keeps the state in Redis. A pause is a plain key that expires, not Bottleneck's `reservoir: 0`. So it ends by itself when the
 * process that set it dies, and a flush only ends it early. PTTL gives its length and the age of a rate.
 */
export function redisPaceStore(redis: Redis, prefix: string): PaceStore {
  const key = (what: string, family: string): string => `${prefix}:${what}:${family}`;
  const keep = new Map<string, number>();
  const enter = async (family: string, call: string): Promise<SharedPace> => {
    const keys = ['calls', 'window', 'pause', 'rate', 'first'].map((what) => key(what, family));
    const shared = sharedPace(await redis.eval(ENTER, keys.length, ...keys, call));
    keep.set(family, shared.window?.calls ?? REMEMBERED);
    return shared;
  };
  return {
    read: (family) => enter(family, ''),
    enter,
    late: async (family, call) => void (await redis.eval(LATE, 1, key('calls', family), call)),
    used: async (family, used, beganMs) =>
      void (await redis.eval(USED, 1, key('calls', family), used, Math.round(beganMs), keep.get(family) ?? REMEMBERED)),
    setWindow: async (family, window) => {
      const text = `${window.calls}:${window.ms}:${countsForMs(window)}`;
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

/** Reads what `ENTER` returns; anything else counts as nothing known. */
function sharedPace(answer: unknown): SharedPace {
  const [paused, rate, ttl, window, full]: unknown[] = Array.isArray(answer) ? answer : [];
  const known = Number(rate === '' ? Number.NaN : rate);
  return {
    pausedMs: Number(paused ?? 0),
    rate: Number.isFinite(known) && known > 0 ? known : null,
    ageMs: Number(ttl ?? -1) < 0 ? 0 : Math.max(0, LEARNED_TTL_MS - Number(ttl)),
    window: windowIn(String(window ?? '')),
    fullMs: Number(full ?? 0),
  };
}

function windowIn(text: string): Window | null {
  const [, calls, ms] = /^(\d+):(\d+):\d+$/.exec(text) ?? [];
  return calls === undefined || ms === undefined ? null : { calls: Number(calls), ms: Number(ms) };
}
