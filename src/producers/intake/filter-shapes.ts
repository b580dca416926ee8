import { z } from 'zod';
import type { INVENTORY_FILTERS, InventoryFilter } from '../../db/queries/inventory.ts';
import { defined } from '../../domain/defined.ts';
import { invalid } from '../../domain/errors.ts';
import { NUMBER_STATUSES, NUMBER_TYPES } from '../../domain/number-words.ts';
import { decimalId, plainText, uuid } from './field-shapes.ts';
import { checkShape } from './problem-words.ts';

/**
 * The fields by which the inventory can be filtered, each with its shape. HTTP, command line and library all check with these
 * shapes. The database compares each value exactly, and none is a pattern.
 */
export const filterFields = {
  tag: plainText(200).optional(),
  connection_id: decimalId.optional(),
  billing_group_id: uuid.optional(),
  messaging_profile_id: uuid.optional(),
  customer_reference: plainText(500).optional(),
  country_code: z
    .string()
    .regex(/^[A-Za-z]{2}$/, 'must be a country code of two letters')
    .toUpperCase()
    .optional(),
  phone_number_type: z.enum(NUMBER_TYPES).optional(),
  status: z.enum(NUMBER_STATUSES).optional().describe('As Telnyx names it, e.g. active'),
  state: z.enum(['owned', 'released', 'missing']).optional().describe('Without it: owned'),
  national_destination_code: z
    .string()
    .regex(/^\d{3}$/, 'must be the three digits of an area code of the US or Canada')
    .optional(),
  bought_by: z
    .string()
    .regex(/^req_[0-9A-Za-z]{1,60}$/, 'must be the id of a request, such as req_…')
    .optional()
    .describe('The request that bought it'),
} as const satisfies Record<(typeof INVENTORY_FILTERS)[number], z.ZodType>;

const { state: _state, ...whereFields } = filterFields;
/** The fields by which an update or delete selects numbers. The state is always `owned`. */
export const where = z
  .strictObject(whereFields)
  .meta({ id: 'Where', description: 'Which owned numbers of the inventory; all conditions must hold, and one is needed' });
export type Where = z.infer<typeof where>;

/** The whole filter of the inventory, for those who read it. */
export const inventoryFilter = z
  .strictObject(filterFields)
  .meta({ id: 'NumberFilter', description: 'Which numbers of the inventory; all conditions must hold' });

/**
 * Checks a filter of the inventory that a user wrote. `at` gives the place of a field in messages. Throws `validation_failed`.
 */
export function parseFilter(input: object, at: (field: string) => string): InventoryFilter {
  const checked = checkShape(inventoryFilter, input);
  if ('data' in checked) return defined(checked.data);
  throw invalid(checked.problems.map(({ path, message }) => ({ path: at(path), message })));
}
