import { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import { wholeNumber } from '../producers/intake/field-shapes.ts';
import type { Page } from '../producers/read/read.ts';

const MOST = 500;

/** The query parameters of every list. */
export const pageQuery = {
  limit: z.coerce.number().pipe(wholeNumber(1, MOST)).default(50).describe('Entries of a page'),
  cursor: z.string().max(200).optional().describe('`next_cursor` of the page before'),
};

/**
 * Encodes the key of the last row. The cursor is opaque for two reasons: clients would build plain keys themselves, and the `+`
 * of a phone number becomes a blank in a query that is not encoded.
 */
export function writeCursor(key: string | number | null): string | null {
  return key === null ? null : Buffer.from(String(key)).toString('base64url');
}

/** Returns the key in a cursor of `writeCursor`, or `null` without one. Errors: `validation_failed` for any other text. */
export function readCursor(cursor: string | undefined, shape: RegExp): string | null {
  if (cursor === undefined) return null;
  const key = Buffer.from(cursor, 'base64url').toString();
  if (!shape.test(key)) throw invalid([{ path: 'cursor', message: 'is not a cursor of this list' }]);
  return key;
}

/** The shape of a cursor key in lists by row number. It is shorter than the largest bigint. */
export const ROW = /^\d{1,18}$/;

/** A page in the shape of the API. */
export function pageAnswer<T>(page: Page<T>): { data: T[]; next_cursor: string | null } {
  return { data: page.data, next_cursor: writeCursor(page.nextCursor) };
}

/** The cursor as an option of the functions of `producers/read`, which take a missing option and no `undefined`. */
export function cursorOption(cursor: string | undefined, shape: RegExp): { cursor?: string } {
  const key = readCursor(cursor, shape);
  return key === null ? {} : { cursor: key };
}
