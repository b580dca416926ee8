/** Yields all rows of a query by ascending id, page by page. `fetch` returns at most `size` rows after an id. */
export function byId<Row extends { id: string }>(
  size: number,
  fetch: (behind: string, limit: number) => PromiseLike<Row[]>,
): AsyncGenerator<Row> {
  return pageByPage<Row>(size, (behind) => fetch(behind?.id ?? '', size));
}

/**
 * Yields all rows of a query, page by page. `fetch` returns the rows after a given row in key order; `null` means from the start.
 * No connection is held between two pages, so a slow reader costs none. Rows that are added or removed meanwhile may be missed.
 */
export async function* pageByPage<Row>(size: number, fetch: (behind: Row | null) => PromiseLike<Row[]>): AsyncGenerator<Row> {
  for (let behind: Row | null = null; ; ) {
    const rows: Row[] = await fetch(behind);
    yield* rows;
    behind = rows.at(-1) ?? null;
    if (behind === null || rows.length < size) return;
  }
}
