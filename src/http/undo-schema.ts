import { z } from 'zod';
import { UNDO_FIELDS } from '../domain/undo.ts';
import { requestAnswer } from './schemas.ts';

const count = z.int().min(0);
const some = { count, numbers: z.array(z.string()).describe('Some of them') };

/** The answer to an undo, planned or filed. */
export const undoShape = z
  .object({
    undoes: z.string(),
    numbers: count.describe('How many numbers get a value back'),
    changes: z
      .array(z.object({ field: z.enum(UNDO_FIELDS), from: z.unknown(), to: z.unknown(), ...some }))
      .describe('How many numbers go from which value to which; of tags one tag each: `from` is removed, `to` is put back'),
    more_changes: count.describe('How many further pairs of values `changes` leaves out'),
    changed_since: z
      .object({
        count,
        first: z.array(
          z.object({
            phone_number: z.string(),
            field: z.enum(UNDO_FIELDS),
            request_set: z.unknown(),
            now: z.unknown(),
            at: z.string().meta({ format: 'date-time' }).nullable(),
            by: z.string().nullable(),
            request_id: z.string().nullable(),
            run_id: z.string().nullable(),
          }),
        ),
      })
      .describe('Fields that somebody else changed since; they are left as they are'),
    cannot_be_put_back: z.array(z.object({ field: z.string(), reason: z.string(), ...some })),
    under_way: z.object(some).describe('Numbers that an open request works on; they are left to it'),
    not_owned: z.object(some).describe('Numbers that are not in the account any more'),
    already_back: count.describe('Fields that have their value of before'),
    mark: z.string().describe('Identifies this plan'),
    request: requestAnswer.nullable().describe('The request that puts back; null for a plan'),
  })
  .meta({ id: 'Undo', description: 'What an undo puts back, and what it leaves' });
