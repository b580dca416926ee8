/** All rows of a query by ascending id, page by page: `fetch` gives those behind an id, at most `size` of them. */
export function byId<Row extends { id: string }>(
  size: number,
  fetch: (behind: string, limit: number) => PromiseLike<Row[]>,
): AsyncGenerator<Row> {
  return pageByPage<Row>(size, (behind) => fetch(behind?.id ?? '', size));
}

/**
 * All rows of a query, page by page: `fetch` gives those behind a row in the order of the key, `null` for the first. Between two
 * pages nothing is held, so a reader who takes hours costs no connection. Rows that come or go meanwhile may be seen or not.
 */
export async function* pageByPage<Row>(size: number, fetch: (behind: Row | null) => PromiseLike<Row[]>): AsyncGenerator<Row> {
  for (let behind: Row | null = null; ; ) {
    const rows: Row[] = await fetch(behind);
    yield* rows;
    behind = rows.at(-1) ?? null;
    if (behind === null || rows.length < size) return;
  }
}
