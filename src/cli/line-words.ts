import type { BuyLine } from '../producers/intake/request-shapes.ts';

/** What one buy line asks for, in words: `200 US local in 312, else 773`. */
export function lineSummary(line: BuyLine): string {
  const center = line.rate_center === undefined ? undefined : `rate center ${line.rate_center}`;
  const where = [center, line.locality, line.administrative_area, line.national_destination_code].filter((p) => p !== undefined);
  const type = line.phone_number_type === 'toll_free' ? 'toll-free' : `${line.country_code} ${line.phone_number_type}`;
  const fallback = line.fallback;
  const rest =
    fallback === undefined
      ? ''
      : fallback.best_effort
        ? ', else whatever is near'
        : `, else ${fallback.national_destination_codes.join(', ')}`;
  return `${line.quantity} ${type}${where.length === 0 ? '' : ` in ${where.join(', ')}`}${rest}`;
}
