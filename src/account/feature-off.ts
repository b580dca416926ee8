import { asError, ProvisioningError } from '../domain/errors.ts';
import type { LogFields } from '../observability/log.ts';
import type { WorkDeps } from './deps.ts';

/**
 * Logs a failure that does not stop the work. A feature that the account may not use is logged as `debug` only, because the
 * gateway has reported it once.
 */
export function logUnlessOff(deps: Pick<WorkDeps, 'log'>, error: unknown, fields: LogFields, text: string): void {
  const isOff = error instanceof ProvisioningError && error.code === 'feature_not_permitted';
  deps.log[isOff ? 'debug' : 'warn']({ ...fields, err: asError(error) }, text);
}
