import type { Context } from './context.ts';
import { Refusal } from './wire.ts';

/** True when the level of the account hides numbers from it during this request. */
export function isUnverified({ world }: Context): boolean {
  return world.behaviour.level === 'unverified' || world.faults.condition('account_unverified', () => true) !== undefined;
}

/** What an account of too low a level is answered. */
export function levelRefusal(code: '10038' | '10039', what: string): Refusal {
  const title = code === '10038' ? 'Feature not permitted' : 'Feature limited';
  return new Refusal(403, { code, title, detail: `${what} is not available at the level of this account` });
}
