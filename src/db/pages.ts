/** All rows of a query by ascending id, page by page: `fetch` gives those behind an id, at most `size` of them. */
export async function* byId<Row extends { id: string }>(
  size: number,
  fetch: (behind: string, limit: number) => PromiseLike<Row[]>,
): AsyncGenerator<Row> {
  for (let last = ''; ; ) {
    const rows = await fetch(last, size);
    yield* rows;
    const end = rows.at(-1);
    if (end === undefined || rows.length < size) return;
    last = end.id;
  }
}
