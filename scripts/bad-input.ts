import { describedServer, OPERATOR, VIEWER } from './described-server.ts';

/** One kind of bad input: what is wrong, in a few words, and the call. */
interface Bad {
  what: string;
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  url?: string;
  body?: unknown;
  type?: string;
  headers?: Readonly<Record<string, string>>;
  /** Only the problems whose path begins like this are shown. */
  shown?: string;
}

const NUMBER = '+13125550100';
const line = (fields: object): unknown => ({
  kind: 'buy',
  lines: [{ national_destination_code: '312', quantity: 1, ...fields }],
});
const buy = (fields: object): unknown => ({ kind: 'buy', phone_numbers: [NUMBER], ...fields });
const update = (set: object): unknown => ({ kind: 'update', phone_numbers: [NUMBER], set });
const release = (fields: object): unknown => ({ kind: 'delete', phone_numbers: [NUMBER], expected_count: 1, ...fields });
const csv = { type: 'text/csv', url: '/v1/requests?kind=delete', shown: 'row' };
/** Wrong in another field too, so that the numbers are not stored to be checked. */
const WRONG = { kind: 'update', set: {} };

/** Calls that the server refuses before it reads anything. Without `url` it is a request body. */
const INPUTS: readonly Bad[] = [
  { what: 'a body that is no object', body: [] },
  { what: 'no kind', body: {} },
  { what: 'another kind', body: { kind: 'rent' } },
  { what: 'a buy of nothing', body: { kind: 'buy' } },
  { what: 'no quantity', body: { kind: 'buy', lines: [{ national_destination_code: '312' }] } },
  { what: 'a quantity of 0', body: line({ quantity: 0 }) },
  { what: 'a fraction of a number', body: line({ quantity: 1.5 }) },
  { what: 'a quantity in quotes', body: line({ quantity: '200' }) },
  { what: 'a misspelt field', body: line({ quantitty: 200 }) },
  { what: 'a field that there is not', body: buy({ colour: 'red' }) },
  { what: 'an area code as a number', body: line({ national_destination_code: 312 }) },
  { what: 'an area code that cannot be', body: line({ national_destination_code: '911' }) },
  { what: 'a toll-free code as an area', body: line({ national_destination_code: '800' }) },
  { what: 'an unknown state', body: line({ administrative_area: 'ZZ' }) },
  { what: 'an unknown country', body: line({ country_code: 'XX' }) },
  { what: 'another type of number', body: line({ phone_number_type: 'landline' }) },
  { what: 'another feature', body: line({ features: ['text'] }) },
  { what: 'a fallback that is a list', body: line({ fallback: ['773'] }) },
  { what: 'a price that is a number', body: buy({ max_number_cost: 2 }) },
  { what: 'a budget with a sign', body: buy({ max_upfront_cost: '$250' }) },
  { what: 'true in quotes', body: buy({ reserve: 'true' }) },
  { what: 'a label with a line break', body: buy({ label: 'two\nlines' }) },
  { what: 'a label that is too long', body: buy({ label: 'x'.repeat(201) }) },
  { what: 'a number without +', body: { ...WRONG, phone_numbers: ['3125550100'] }, shown: 'phone_numbers' },
  { what: 'a number twice', body: { ...WRONG, phone_numbers: [NUMBER, NUMBER] }, shown: 'phone_numbers' },
  { what: 'a list that is a text', body: { kind: 'update', phone_numbers: NUMBER, set: { tags: [] } } },
  { what: 'an update without set', body: { kind: 'update', phone_numbers: [NUMBER] } },
  { what: 'an update of nothing', body: update({}) },
  { what: 'a connection id as a number', body: update({ connection_id: 77 }) },
  { what: 'a billing group that is no UUID', body: update({ billing_group_id: '77' }) },
  { what: 'a messaging profile that is no UUID', body: update({ messaging_profile_id: '77' }) },
  { what: 'a tag with a colon', body: update({ tags: ['team:a'] }) },
  { what: 'tags in two ways', body: update({ tags: ['a'], add_tags: ['b'] }) },
  { what: 'a misspelt condition', body: { kind: 'update', where: { tags: 'a' }, set: { tags: [] } } },
  { what: 'list and filter at once', body: release({ where: { tag: 'a' } }) },
  { what: 'a release without its count', body: { kind: 'delete', phone_numbers: [NUMBER] } },
  { what: 'a count that is no whole number', body: release({ expected_count: 'all' }) },
  { what: 'a CSV with a rounded number', ...csv, body: 'phone_number\n1.31256E+10\n' },
  { what: 'a page that is too long', url: '/v1/requests?limit=501' },
  { what: 'a status that there is not', url: '/v1/requests?status=done' },
  { what: 'a filter of a list that there is not', url: '/v1/requests?tag=launch' },
  { what: 'a path without an E.164 number', url: '/v1/numbers/3125550100' },
  {
    what: 'a misspelt choice of drift',
    method: 'POST',
    url: '/v1/reconciliations/run_1/accept',
    body: { phone_number: [NUMBER] },
  },
  { what: 'an idempotency key with a control character', body: buy({}), headers: { 'idempotency-key': 'a\tb' } },
  { what: 'a body that is no JSON', body: '{"kind":' },
  { what: 'another content type', body: '<buy/>', type: 'application/xml' },
  { what: 'no API key', url: '/v1/requests', headers: { authorization: '' } },
  { what: 'a viewer who buys', body: buy({}), headers: { authorization: `Bearer ${VIEWER}` } },
  { what: 'another method', method: 'DELETE', url: '/v1/requests/req_1' },
  { what: 'an address that there is not', url: '/v1/orders' },
];

/** The text of docs/bad-input.md: every kind of bad input with the real answer of the server. */
export async function badInputPage(): Promise<string> {
  const server = await describedServer();
  const rows: string[] = [];
  for (const { what, method, url, body, type, headers, shown } of INPUTS) {
    const answer = await server.inject({
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      url: url ?? '/v1/requests',
      headers: {
        authorization: `Bearer ${OPERATOR}`,
        ...(body !== undefined && { 'content-type': type ?? 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    rows.push(`| ${what} | ${answer.statusCode} | ${told(answer.json(), shown ?? '')} |`);
  }
  await server.close();
  return `${HEAD}\n${rows.join('\n')}\n`;
}

const HEAD = `# Bad input

What the product says to input that it refuses. Nothing was stored or sent. Each row is one call of the HTTP API; the command line
and the library check with the same shapes and say the same. \`path: message\` is one entry of \`details\`, and the message of an
error names all of them. This page is generated by \`npm run docs:generate\` from the answers of the server.

| input | status | answer |
|---|---|---|`;

interface Told {
  error: { code: string; message: string; details: { path: string; message: string }[] };
}

function told({ error: { code, message, details: all } }: Told, shown: string): string {
  const details = all.filter(({ path }) => path.startsWith(shown));
  const said =
    details.length === 0 ? [`\`${code}\`: ${message}`] : details.map((d) => (d.path === '' ? '' : `\`${d.path}\`: `) + d.message);
  return said.join('<br>').replaceAll('|', '\\|');
}
