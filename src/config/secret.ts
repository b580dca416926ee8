import { inspect } from 'node:util';

/** A value that is never printed: not in JSON, not in a template string, not by console.log. Only `reveal()` returns it. */
export interface Secret {
  reveal(): string;
}

const SHOWN = '[redacted]';

/** Wraps `value`. The text lives in a closure, so no walk over properties (deep clone, inspect, spread) can find it. */
export function secret(value: string): Secret {
  const shown = (): string => SHOWN;
  return Object.freeze({ reveal: () => value, toJSON: shown, toString: shown, [inspect.custom]: shown });
}
