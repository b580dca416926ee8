import { z } from 'zod';
import { INVENTORY_FILTERS, type InventoryFilter } from '../../db/queries/inventory.ts';
import { defined } from '../../domain/defined.ts';
import { type ErrorDetail, invalid } from '../../domain/errors.ts';
import { NUMBER_STATUSES, NUMBER_TYPES } from '../../domain/number-words.ts';
import { decimalId, plainText, uuid } from './field-shapes.ts';

/**
 * What the inventory can be filtered by, each by its own shape: HTTP bodies and queries, the command line and the library all
 * check with these, and the database compares what passes exactly. Nothing here is a pattern.
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
/** What an update or delete may select by; the state is always `owned`. */
export const where = z.strictObject(whereFields);
export type Where = z.infer<typeof where>;
export const WHERE_FIELDS = INVENTORY_FILTERS.filter((f) => f !== 'state');

const inventoryFilter = z.strictObject(filterFields);

/** A filter of the inventory that somebody wrote, checked. `at` names the place of a field in messages. */
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

/** Told of a condition that there is not. */
export function unknownField(known: readonly string[]): string {
  return `is no field to look for; there are ${known.join(', ')}`;
}

function oneOf(words: readonly string[]): string {
  return `must be one of ${words.join(', ')}`;
}
