import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import { DRIFT_SELECTORS } from '../../domain/reconciliation.ts';
import { checkShape } from '../intake/problem-words.ts';
import { rowsOf } from '../intake/stage-numbers.ts';
import type { DriftChoice } from './choose-drift.ts';

/** The shape in which a person says which differences of a reconciliation run are meant. */
export const choiceBody = z
  .strictObject({
    only: z.array(z.enum(DRIFT_SELECTORS)).optional().describe('Only differences of these fields, or these kinds'),
    phone_numbers: z.array(z.string()).min(1).optional().describe('Only differences of these numbers'),
  })
  .meta({ id: 'DriftChoice', description: 'Which open differences are meant; without a field, all of them' });

/** Checks a choice. Errors: `validation_failed`. A choice with a misspelt field would otherwise mean all differences. */
export function parseChoice(body: unknown): DriftChoice {
  const checked = checkShape(choiceBody, body ?? {});
  if ('problems' in checked) throw invalid(checked.problems);
  const { only, phone_numbers } = checked.data;
  return { ...(only !== undefined && { only }), ...(phone_numbers !== undefined && { numbers: rowsOf(phone_numbers) }) };
}
