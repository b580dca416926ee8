import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import { plainText } from '../intake/field-shapes.ts';
import { checkShape } from '../intake/problem-words.ts';
import type { Resolution } from './decide.ts';

/** The shape in which a person decides about a chunk, over HTTP and in the library. */
export const decisionBody = z
  .discriminatedUnion(
    'decision',
    [
      z.strictObject({
        decision: z.literal('adopt'),
        order_id: plainText(100).describe('The id at Telnyx of the order, batch job or messaging update'),
      }),
      z.strictObject({ decision: z.literal('not_sent') }),
      z.strictObject({ decision: z.literal('give_up') }),
    ],
    'must be adopt, not_sent or give_up',
  )
  .meta({ id: 'Decision', description: 'What a person decides about a chunk that needs attention' });

/** Checks a decision. Errors: `validation_failed`. */
export function parseDecision(body: unknown): Resolution {
  const checked = checkShape(decisionBody, body ?? {});
  if ('problems' in checked) throw invalid(checked.problems);
  const { data } = checked;
  return data.decision === 'adopt' ? { kind: 'adopt', telnyxId: data.order_id } : { kind: data.decision };
}
