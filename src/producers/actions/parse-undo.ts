import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import { checkShape } from '../intake/problem-words.ts';

/** How to undo a request. */
export const undoBody = z
  .strictObject({
    plan_only: z.boolean().default(false).describe('Shows what an undo would put back, and files nothing'),
    mark: z
      .string()
      .max(100, 'must have at most 100 characters')
      .optional()
      .describe('The mark of a plan: another plan is refused'),
  })
  .meta({ id: 'UndoChoice', description: 'Whether to plan or to file; without a field, the undo is filed' });

/** Checks how to undo. Errors: `validation_failed`. */
export function parseUndo(body: unknown): { planOnly: boolean; mark?: string } {
  const checked = checkShape(undoBody, body ?? {});
  if ('problems' in checked) throw invalid(checked.problems);
  const { plan_only: planOnly, mark } = checked.data;
  return { planOnly, ...(mark !== undefined && { mark }) };
}
