import { z } from 'zod';
import { INVENTORY_FILTERS, type InventoryFilter } from '../../db/queries/inventory.ts';
import { defined } from '../../domain/defined.ts';
import { type ErrorDetail, invalid } from '../../domain/errors.ts';
import { NUMBER_STATUSES, NUMBER_TYPES } from '../../domain/number-words.ts';
import { decimalId, plainText, uuid } from './field-shapes.ts';

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
  phone_number_type: z.enum(NUMBER_TYPES, oneOf(NUMBER_TYPES)).optional(),
  status: z.enum(NUMBER_STATUSES, oneOf(NUMBER_STATUSES)).optional().describe('As Telnyx names it, e.g. active'),
  state: z
    .enum(['owned', 'released', 'missing'], oneOf(['owned', 'released', 'missing']))
    .optional()
    .describe('Without it: owned'),
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
export const where = z.strictObject(whereFields);
export type Where = z.infer<typeof where>;
export const WHERE_FIELDS = INVENTORY_FILTERS.filter((f) => f !== 'state');

const inventoryFilter = z.strictObject(filterFields);

/**
 * Checks a filter of the inventory that a user wrote. `at` gives the place of a field in messages. Throws `validation_failed`.
 */
export function parseFilter(input: Readonly<Record<string, string>>, at: (field: string) => string): InventoryFilter {
  const parsed = inventoryFilter.safeParse(input);
  if (parsed.success) return defined(parsed.data);
  throw invalid(
    parsed.error.issues.flatMap((issue): ErrorDetail[] =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: at(key), message: unknownField(INVENTORY_FILTERS) }))
        : [{ path: at(issue.path.join('.')), message: issue.message }],
    ),
  );
}

/** The message for a field that the filter does not have. */
export function unknownField(known: readonly string[]): string {
  return `is not a field of the filter; the fields are ${known.join(', ')}`;
}

function oneOf(words: readonly string[]): string {
  return `must be one of ${words.join(', ')}`;
}
