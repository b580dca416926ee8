import type { Db } from '../../db/client.ts';
import { FIND_BY_PART } from '../../db/queries/ids.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import { digitsOfPart, type IdPrefix } from '../../domain/id-part.ts';

/** An ambiguous part names at most this many candidates. */
const SHOWN = 5;

/**
 * Returns the id that begins or ends with `part`: at least four hex digits, with or without the prefix. A text that is no part of
 * an id, or that fits nothing, is returned unchanged, so that the reader says that there is no such thing. Errors:
 * `validation_failed` with the candidates when several ids fit.
 */
export async function wholeId(db: Db, part: string, prefix: IdPrefix): Promise<string> {
  const digits = digitsOfPart(part, prefix);
  if (digits === null) return part;
  const found = await FIND_BY_PART[prefix](db.reads, `${prefix}_${digits}`, digits, SHOWN + 1);
  const [only, ...others] = found;
  if (only === undefined) return part;
  if (others.length === 0) return only.id;
  const shown = found.slice(0, SHOWN).map(({ id, about, at }) => ({ path: id, message: `${about}, ${at.toISOString()}` }));
  const many = found.length > SHOWN ? `more than ${SHOWN}` : String(found.length);
  throw new ProvisioningError('validation_failed', 'rejected', `"${part}" fits ${many} ids: give more of its digits`, {
    details: [...shown, ...(found.length > SHOWN ? [{ path: '', message: 'and others' }] : [])],
  });
}
