export const PAGE_SIZE = 250;
const FIRST = 2_000_000_000;

/** Makes the pages of an account of `numbers` numbers in E.164, sorted, out of one row as JSON text. Each page is built when asked. */
export function pagesOf(row: string, numbers: number): (pageNumber: number) => string {
  const { id, phone_number } = JSON.parse(row) as { id: string; phone_number: string };
  const parts = row.split(new RegExp(`${id}|\\${phone_number}`));
  const [a = '', b = '', c = ''] = parts;
  if (parts.length !== 3 || row.indexOf(id) > row.indexOf(phone_number)) throw new Error(`a row of another form: ${row}`);
  const total = Math.ceil(numbers / PAGE_SIZE);
  return (pageNumber) => {
    const from = (pageNumber - 1) * PAGE_SIZE;
    const rows: string[] = [];
    for (let i = from; i < Math.min(numbers, from + PAGE_SIZE); i += 1)
      rows.push(`${a}158346697${FIRST + i}${b}+1${FIRST + i}${c}`);
    const meta = { page_number: pageNumber, page_size: PAGE_SIZE, total_pages: total, total_results: numbers };
    return `{"data":[${rows.join(',')}],"meta":${JSON.stringify(meta)}}`;
  };
}
