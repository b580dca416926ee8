import type { ErrorCode, UnreadableCode } from '../domain/codes.ts';
import type { Disposition } from '../domain/errors.ts';

/** The status for each way in which a request can be unreadable. The type makes the table complete. */
export const STATUS_OF_UNREADABLE: Readonly<Record<UnreadableCode, number>> = {
  bad_request: 400,
  bad_url: 400,
  body_too_large: 413,
  expectation_failed: 417,
  headers_too_large: 431,
  invalid_json: 400,
  method_not_allowed: 405,
  request_timeout: 408,
  unsupported_media_type: 415,
  url_too_long: 414,
};

/** Codes whose status does not follow from their disposition. */
const STATUS_OF_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  ...STATUS_OF_UNREADABLE,
  validation_failed: 422,
  not_found: 404,
  unauthorized: 401,
  forbidden: 403,
  self_approval: 403,
  bad_signature: 401,
  malformed_event: 400,
  too_many_wrong_keys: 429,
  too_many_streams: 429,
  streams_full: 503,
  webhooks_off: 503,
};

const STATUS_OF_DISPOSITION: Readonly<Record<Disposition, number>> = {
  rejected: 409,
  account: 503,
  retry: 503,
  ambiguous: 503,
  bug: 500,
};

/** Returns the status of a code that has one of its own, else `undefined`. */
export const ownStatusOf = (code: ErrorCode): number | undefined => STATUS_OF_CODE[code];

/** Returns the HTTP status of an error: that of its code, else that of its disposition. */
export function statusOfError(code: ErrorCode, disposition: Disposition): number {
  return STATUS_OF_CODE[code] ?? STATUS_OF_DISPOSITION[disposition];
}
