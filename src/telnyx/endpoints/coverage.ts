import type Telnyx from 'telnyx';
import { z } from 'zod';
import type { ErrorCode } from '../../domain/codes.ts';
import { ProvisioningError } from '../../domain/errors.ts';
import type { AreaCount, CoverageCriteria } from '../gateway.ts';
import type { Transport } from '../transport.ts';

type Filter = NonNullable<NonNullable<Parameters<Telnyx['inventoryCoverage']['list']>[0]>['filter']>;

/** The features that the counts of Telnyx can be limited to (types of SDK 7.24). A search knows more. */
const COUNTED_FEATURES: ReadonlySet<string> = new Set(['voice', 'fax', 'mms', 'sms', 'emergency']);

const row = z.object({ group: z.string().nullish(), count: z.number().nullish(), coverage_type: z.string().nullish() });
const coverageAnswer = z.object({ data: z.array(row).nullish() }).transform((a) => a.data ?? []);

/** Codes of a refusal that is about this country or filter, not about the key or the account. */
const REFUSALS: ReadonlySet<string> = new Set<ErrorCode>([
  'invalid_request',
  'refused_by_telnyx',
  'not_found',
  'feature_not_permitted',
]);

/**
 * Counts the single numbers on sale by area code, in one call (`GET /inventory_coverage`). Telnyx documents this for 36 countries, and
 * tells neither prices nor numbers. Blocks of numbers are left out, because they are not bought by number.
 */
export async function coverage(transport: Transport, c: CoverageCriteria): Promise<AreaCount[] | null> {
  const features = c.features ?? [];
  if (!features.every((f) => COUNTED_FEATURES.has(f))) return null;
  try {
    const rows = await transport.call(
      { family: 'search', operation: 'inventory_coverage', phase: 'read' },
      (client, options) => client.inventoryCoverage.list({ filter: filterOf(c, features) }, options),
      coverageAnswer,
    );
    return rows.flatMap(({ group, count, coverage_type }) =>
      group && typeof count === 'number' && coverage_type !== 'block' ? [{ areaCode: group, count }] : [],
    );
  } catch (error) {
    if (error instanceof ProvisioningError && REFUSALS.has(error.code)) return null;
    throw error;
  }
}

/** The casts are sound: Telnyx refuses a word that it does not know, and the refusal means that it does not count there. */
function filterOf(c: CoverageCriteria, features: readonly string[]): Filter {
  return {
    country_code: c.countryCode as NonNullable<Filter['country_code']>,
    phone_number_type: c.phoneNumberType as NonNullable<Filter['phone_number_type']>,
    ...(c.nationalDestinationCode === undefined ? {} : { npa: Number(c.nationalDestinationCode) }),
    ...(c.administrativeArea === undefined ? {} : { administrative_area: c.administrativeArea }),
    ...(features.length === 0 ? {} : { features: features as NonNullable<Filter['features']> }),
    count: true,
    groupBy: 'national_destination_code',
  };
}
