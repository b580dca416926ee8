/** Lua that sets `now` to the milliseconds of the clock of Redis, because the clocks of the processes may differ. */
export const REDIS_NOW = `local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`;
