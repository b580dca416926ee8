import { ProvisioningError } from '../../domain/errors.ts';
import type { ListPage } from './wire.ts';

/** The cap of Telnyx on `page[size]`. */
export const MAX_PAGE_SIZE = 250;

/** A longer list means that Telnyx ignored a filter. Then "no hit" proves nothing. */
const MAX_PAGES = 40;

/** Telnyx's clock and ours may differ by this much, in milliseconds. */
export const CLOCK_SKEW_MS = 5_000;

/** True when `page` is the last one. Without `meta` only an empty page says so. */
export function isLastPage(page: ListPage<unknown>, pageNumber: number): boolean {
  const total = page.meta?.total_pages;
  return page.data.length === 0 || (typeof total === 'number' && pageNumber >= total);
}

/**
 * Reads all rows of a list, page by page. `enough` may end it early.
 * @throws ProvisioningError `unknown_outcome` (retry) when the list does not end within bounds.
 */
export async function walkPages<Row>(
  operation: string,
  fetchPage: (pageNumber: number) => Promise<ListPage<Row>>,
  enough: (rows: Row[]) => boolean = () => false,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let pageNumber = 1; pageNumber <= MAX_PAGES; pageNumber += 1) {
    const page = await fetchPage(pageNumber);
    rows.push(...page.data);
    if (isLastPage(page, pageNumber) || enough(page.data)) return rows;
  }
  throw new ProvisioningError('unknown_outcome', 'retry', `${operation}: the list did not end within ${MAX_PAGES} pages`);
}
