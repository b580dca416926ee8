import { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import type { Page } from '../producers/read/read.ts';

const MOST = 500;

/** What every list takes. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MOST).default(50),
  cursor: z.string().max(200).optional().describe('`next_cursor` of the page before'),
};

/**
 * Opaque on purpose: a key as it is would be scripted against, and the `+` of a phone number would become a blank in the
 * query of a careless client.
 */
export function writeCursor(key: string | number | null): string | null {
  return key === null ? null : Buffer.from(String(key)).toString('base64url');
}

/** The key in a cursor that `writeCursor` made; `null` without one. Anything else is the client's mistake. */
export function readCursor(cursor: string | undefined, shape: RegExp): string | null {
  if (cursor === undefined) return null;
  const key = Buffer.from(cursor, 'base64url').toString();
  if (!shape.test(key)) throw invalid([{ path: 'cursor', message: 'is not a cursor of this list' }]);
  return key;
}

/** Keys of lists by row number. Shorter than the largest bigint. */
export const ROW = /^\d{1,18}$/;

/** A page as it is sent. */
export function pageAnswer<T>(page: Page<T>): { data: T[]; next_cursor: string | null } {
  return { data: page.data, next_cursor: writeCursor(page.nextCursor) };
}

/** The cursor as an option of the functions of `producers/read`, which take a missing option and no `undefined`. */
export function cursorOption(cursor: string | undefined, shape: RegExp): { cursor?: string } {
  const key = readCursor(cursor, shape);
  return key === null ? {} : { cursor: key };
}
