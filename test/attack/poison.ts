import fc from 'fast-check';
import { z } from 'zod';

/**
 * Values that are not text: a byte that Postgres refuses, and halves of characters. They must be refused wherever text is taken.
 */
export const NO_TEXT: readonly string[] = ['\u0000', 'a\u0000b', '\ud800', 'x\udfff'];

/** Texts that break programs: bytes that Postgres refuses, halves of characters, patterns, paths, code. */
const NASTY: readonly string[] = [
  ...NO_TEXT,
  '\u202e',
  '%',
  '_',
  '3%',
  '31_',
  '\\',
  '*',
  '.*',
  "'; drop table requests; --",
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '$ne',
  '-1',
  '1e309',
  '9'.repeat(400),
  'Infinity',
  '=1+1',
  '[object Object]',
  'x'.repeat(70_000),
];

export const text = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('%', '_', '+', '1', '\u0000', '\ud800', '"', ',', '\\', '\n', 'é'), maxLength: 12 }),
);

/** Any JSON, nested and long. */
export const json = fc.jsonValue({ maxDepth: 4 });

/** Values that are wrong wherever a list of texts, a text, an amount or a record is expected. */
const WRONG: readonly unknown[] = ['\u0000', 'a\u0000b', '\ud800', { $ne: null }, [[[]]], [null], -1, 1e300, { __proto: 1 }];

/** Bodies that would be accepted; each attack breaks one at exactly one place. */
export function goodBodies(owned: readonly string[]): Record<string, unknown>[] {
  const [number = '+13125550100'] = owned;
  return [
    {
      kind: 'buy',
      label: 'attack',
      lines: [{ national_destination_code: '312', quantity: 1, features: ['sms'], max_number_cost: '2.00' }],
      assign: { tags: ['attack'] },
      max_upfront_cost: '5.00',
    },
    { kind: 'update', label: 'attack', phone_numbers: [number], set: { add_tags: ['attack'], customer_reference: 'attack' } },
    { kind: 'delete', label: 'attack', phone_numbers: [number], expected_count: 1 },
  ];
}

type Path = readonly (string | number)[];

/** Every place in a value, without the value itself. */
function placesOf(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  const own = at.length === 0 ? [] : [at];
  return [
    ...own,
    ...Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...at, Array.isArray(value) ? Number(key) : key])),
  ];
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) return value.map((inner, i): unknown => (i === key ? replaced(inner, rest, by) : inner));
  const record = z.record(z.string(), z.unknown()).parse(value);
  return { ...record, [key]: replaced(record[key], rest, by) };
}

/** A good body with one wrong place, or with an unknown field. It must be refused. */
export function brokenBody(owned: readonly string[]): fc.Arbitrary<unknown> {
  return fc.constantFrom(...goodBodies(owned)).chain((good) =>
    fc.oneof(
      fc.tuple(fc.constantFrom(...placesOf(good)), fc.constantFrom(...WRONG)).map(([place, by]) => replaced(good, place, by)),
      fc.constantFrom('expand', 'Kind', 'phoneNumbers', '$where', 'constructor').map((key) => ({ ...good, [key]: 1 })),
    ),
  );
}

/** Lists, texts and nestings far beyond what anybody needs, each in a body that would be accepted otherwise. */
export function oversized(owned: readonly string[]): { name: string; body: string }[] {
  const [buy = {}, update = {}] = goodBodies(owned);
  const line = { national_destination_code: '312', quantity: 1 };
  const codes = (n: number) => ({ ...line, fallback: { national_destination_codes: Array<string>(n).fill('999') } });
  return [
    {
      name: '3,000 fallback codes',
      body: JSON.stringify({ ...buy, lines: [{ ...codes(3_000), national_destination_code: '999' }] }),
    },
    { name: '400,000 fallback codes', body: JSON.stringify({ ...buy, lines: [codes(400_000)] }) },
    { name: '5,000 lines', body: JSON.stringify({ ...buy, lines: Array(5_000).fill(line) }) },
    { name: 'a quantity of 10^12', body: JSON.stringify({ ...buy, lines: [{ ...line, quantity: 1e12 }] }) },
    { name: '200,000 bad numbers', body: JSON.stringify({ ...update, phone_numbers: Array(200_000).fill('x') }) },
    { name: 'a label of 5 MB', body: JSON.stringify({ ...update, label: 'x'.repeat(5_000_000) }) },
    {
      name: '100,000 tags',
      body: JSON.stringify({ ...update, set: { tags: Array.from({ length: 100_000 }, (_, i) => `t${i}`) } }),
    },
    { name: 'nested 100,000 deep', body: `{"kind":"buy","lines":${'['.repeat(100_000)}${']'.repeat(100_000)}}` },
    { name: '400,000 unknown fields', body: `{"kind":"buy",${Array.from({ length: 400_000 }, (_, i) => `"f${i}":1`).join()}}` },
  ];
}

/** Files that somebody may call a CSV. None of them contains a number that can be bought. */
export const ODD_FILES: readonly (string | Buffer)[] = [
  'phone_number\n"+1312555',
  'phone_number\n+1312"555"0100\n',
  Buffer.from([0x50, 0x4b, 3, 4, 0, 0, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0xff, 0xfe, 0]),
  Buffer.from('\ufeffphone_number\n\u001b[31m+1\u0000\n', 'utf16le'),
  `phone_number\n${'9'.repeat(300_000)}\n`,
  'phone_number,phone_number\n1,2\n',
  `${'a,'.repeat(10_000)}\n`,
  '\u0000\u0000\u0000',
  'phone_number\n\u202e0010555213+\n',
  '=cmd|calc!A1\n',
  '',
];
