import { inspect } from 'node:util';

/** A value that never shows itself: not in JSON, not in a template string, not in console.log. Only `reveal()` gives it. */
export interface Secret {
  reveal(): string;
}

const SHOWN = '[redacted]';

/** Wraps `value`. The text lives in a closure, so that no walk over properties (deep clone, inspect, spread) can find it. */
export function secret(value: string): Secret {
  const shown = (): string => SHOWN;
  return Object.freeze({ reveal: () => value, toJSON: shown, toString: shown, [inspect.custom]: shown });
}
