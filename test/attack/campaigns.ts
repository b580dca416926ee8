import fc from 'fast-check';
import { z } from 'zod';
import { endOf, start } from '../support/child-process.ts';
import { brokenBody, goodBodies, json, NO_TEXT, ODD_FILES, oversized, text } from './poison.ts';
import { as, type Role, type Target } from './target.ts';
import { type Answer, hold, type Shot, shoot } from './wire.ts';

/** The result of one kind of attack. A finding says what is wrong and how to repeat it. */
export interface Tally {
  tried: number;
  serverErrors: number;
  sideEffects: number;
  hangs: number;
  findings: Set<string>;
}

export type Count = 'serverErrors' | 'sideEffects' | 'hangs';
export type Note = (count: Count, finding: string) => void;

export interface Round {
  target: Target;
  note: Note;
  tried: (n?: number) => void;
  /** `count` values from an arbitrary, always the same for the same seed, round and campaign. */
  sample: <T>(arbitrary: fc.Arbitrary<T>, count: number) => T[];
  /** Counts from 0. */
  nth: number;
}

export type Campaign = (round: Round) => Promise<void>;

const short = (value: string): string => JSON.stringify(value.length > 160 ? `${value.slice(0, 160)}… (${value.length})` : value);
const tell = (shot: Shot): string => `${shot.method} ${short(shot.path)} ${short(String(shot.body ?? ''))}`;

/** Sends one request that must change nothing, and checks its answer by the rules for all answers. */
async function fire({ target, note, tried }: Round, shot: Shot): Promise<Answer> {
  tried();
  const answer = await shoot(target.port, shot);
  if (answer.hung) note('hangs', `no answer: ${tell(shot)}`);
  else if (answer.status !== null && answer.status >= 500)
    note('serverErrors', `${answer.status}: ${tell(shot)} → ${short(answer.body)}`);
  return answer;
}

/** The same for a request that must be refused. */
async function refusedOnly(round: Round, shot: Shot): Promise<void> {
  const { status } = await fire(round, shot);
  if (status !== null && status < 300) round.note('sideEffects', `${status}, not refused: ${tell(shot)}`);
}

const posting = (path: string, body: string, role: Role = 'operator'): Shot => ({
  method: 'POST',
  path,
  headers: { ...as(role), 'content-type': 'application/json' },
  body,
});

const operation = z.object({
  parameters: z.array(z.object({ name: z.string(), in: z.string() })).optional(),
  requestBody: z.unknown().optional(),
});
const description = z.object({ paths: z.record(z.string(), z.record(z.string(), operation)) });

interface Operation {
  method: string;
  path: string;
  query: string[];
  hasBody: boolean;
}

/** What the server itself says that it offers. */
async function operations({ port }: Target): Promise<Operation[]> {
  // The description arrives in several pieces, which a raw connection would show with their lengths between them.
  const answer = await fetch(`http://127.0.0.1:${port}/openapi.json`, { headers: as('viewer') });
  const { paths } = description.parse(await answer.json());
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, op]) => ({
      method: method.toUpperCase(),
      path,
      query: (op.parameters ?? []).filter((p) => p.in === 'query').map((p) => p.name),
      hasBody: op.requestBody !== undefined,
    })),
  );
}

/** The text as a URL carries it. A value that is not a text becomes bytes that are not UTF-8. */
function encoded(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return '%ED%A0%80';
  }
}

/** Every operation of the description, with odd parameters; those that read, with a key that may only read. */
export const openApiQueries: Campaign = async (round) => {
  const reads = (await operations(round.target)).filter((o) => o.method === 'GET');
  for (const op of reads) {
    for (const [id, values] of round.sample(fc.tuple(text, fc.array(text, { minLength: 3, maxLength: 3 })), 3)) {
      const known = fc.sample(fc.constantFrom(id, round.target.largeRequest), { numRuns: 1, seed: id.length })[0] ?? id;
      const path = op.path.replaceAll(/\{[^}]+\}|:\w+/g, encoded(known.slice(0, 2_000)));
      const query = op.query.slice(0, 12).map((name, i) => `${name}=${encoded((values[i % values.length] ?? '').slice(0, 500))}`);
      const [only = ''] = round.sample(fc.constantFrom('', ...query), 1);
      await fire(round, { method: 'GET', path: `${path}?${only}`, headers: as('viewer') });
    }
  }
};

/** Every operation that takes a body, with any JSON. */
export const openApiBodies: Campaign = async (round) => {
  for (const op of (await operations(round.target)).filter((o) => o.method !== 'GET' && o.path !== '/v1/reconciliations')) {
    const path = op.path.replaceAll(/\{[^}]+\}/g, 'req_none');
    for (const value of round.sample(json, op.hasBody ? 6 : 2))
      await fire(round, { ...posting(path, JSON.stringify(value)), method: op.method });
  }
};

export const mutatedBodies: Campaign = async (round) => {
  for (const body of round.sample(brokenBody(round.target.owned), 20))
    await refusedOnly(round, posting('/v1/requests', JSON.stringify(body)));
};

/** What a client library would never send. */
export const rawRequests: Campaign = async (round) => {
  const key = as('operator');
  const shots: Shot[] = [
    { method: 'GET', path: '/v1/requests/%zz', headers: key },
    { method: 'GET', path: '/v1/numbers?cursor=%00', headers: key },
    { method: 'GET', path: '/%2e%2e/%2e%2e/etc/passwd', headers: key },
    { method: 'GET', path: `/v1/requests?${'a=1&'.repeat(20_000)}`, headers: key },
    { method: 'GET', path: '/v1/requests', headers: { ...key, 'x-long': 'x'.repeat(60_000) } },
    { method: 'BREW', path: '/v1/requests', headers: key },
    { method: 'PUT', path: '/v1/requests', headers: key, body: '{}' },
    posting('/v1/requests', '{"kind":"buy"'),
    posting('/v1/requests', ''),
    { ...posting('/v1/requests', '<a/>'), headers: { ...key, 'content-type': 'text/xml' } },
    { ...posting('/v1/requests', '{}'), headers: { ...key, 'content-type': 'application/json', 'content-length': '-5' } },
    {
      ...posting('/v1/requests', '{}'),
      headers: { ...key, 'content-type': 'application/json', 'idempotency-key': 'x'.repeat(9_000) },
    },
    { method: 'POST', path: '/webhooks/telnyx', headers: { 'content-type': 'application/json' }, body: '{"data":{}}' },
  ];
  for (const shot of shots) await fire(round, shot);
  for (const path of round.sample(fc.string({ unit: 'binary-ascii', maxLength: 60 }), 10))
    await fire(round, { method: 'GET', path: `/${path.replaceAll(/[\s]/g, '%')}`, headers: key });
};

const FILTERS = [
  'national_destination_code',
  'tag',
  'customer_reference',
  'connection_id',
  'status',
  'country_code',
  'phone_number_type',
];

/** A filter is compared exactly. A pattern in it must select nothing, and should be refused. */
export const patternFilters: Campaign = async (round) => {
  const patterns = fc.oneof(
    fc.constantFrom('%', '_', '___', '3%', '%1%', '\\%', '*', '.*'),
    fc.string({ unit: fc.constantFrom('%', '_', '1', '3'), minLength: 1, maxLength: 4 }),
  );
  const isPattern = (value: string): boolean => /[%_*]/.test(value);
  for (const [field, value] of round.sample(fc.tuple(fc.constantFrom(...FILTERS), patterns.filter(isPattern)), 14)) {
    const path = `/v1/numbers?limit=5&${field}=${encoded(value)}`;
    const { status, body } = await fire(round, { method: 'GET', path, headers: as('viewer') });
    if (status === 200 && body.includes('"phone_number"')) round.note('sideEffects', `a pattern matches numbers: GET ${path}`);
    const where = { [field]: value };
    await refusedOnly(round, posting('/v1/requests', JSON.stringify({ kind: 'update', where, set: { add_tags: ['pattern'] } })));
    await refusedOnly(
      round,
      posting('/v1/requests', JSON.stringify({ kind: 'delete', where, expected_count: round.target.owned.length })),
    );
  }
};

/** Good requests with a key that does not allow them, with a wrong one, and with none. */
export const wrongRoles: Campaign = async (round) => {
  const paths = [`/v1/requests/${round.target.largeRequest}/retry`, `/v1/requests/${round.target.largeRequest}/cancel`];
  for (const body of goodBodies(round.target.owned).map((b) => JSON.stringify(b))) {
    await refusedOnly(round, posting('/v1/requests', body, 'viewer'));
    await refusedOnly(round, { ...posting('/v1/requests', body), headers: { 'content-type': 'application/json' } });
    await refusedOnly(round, {
      ...posting('/v1/requests', body),
      headers: { 'content-type': 'application/json', cookie: 'key=operator' },
    });
  }
  for (const path of [...paths, '/v1/reconciliations']) await refusedOnly(round, posting(path, '{}', 'viewer'));
  await refusedOnly(round, posting('/v1/account/reopen', '{}', 'operator'));
  await refusedOnly(round, { ...posting('/v1/requests', '{}'), headers: { authorization: 'Bearer operator-key-of-the-attacj' } });
  await fire(round, { method: 'GET', path: '/v1/requests', headers: { authorization: `Basic ${'A'.repeat(5_000)}` } });
};

/** Sends other requests all the time. A server that answers nobody while it counts is a server that hangs. */
async function whileOthersAsk(round: Round, what: string, work: () => Promise<unknown>): Promise<void> {
  let over = false;
  const others = (async () => {
    while (!over) {
      const { hung, status } = await shoot(round.target.port, {
        method: 'GET',
        path: '/v1/requests?limit=1',
        headers: as('admin'),
      });
      if (hung || status === null) round.note('hangs', `others get no answer meanwhile: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  await work().finally(() => {
    over = true;
  });
  await others;
}

/** Sends one oversize list at a time. The other requests would notice a server that counts for 16 s. */
export const oversizeLists: Campaign = async (round) => {
  const all = oversized(round.target.owned);
  const turn = round.nth === 0 ? all.slice(0, 3) : [all[(round.nth + 2) % all.length]];
  for (const one of turn) {
    if (one === undefined) continue;
    const shot = posting('/v1/requests', one.body);
    await whileOthersAsk(round, one.name, () => refusedOnly(round, shot));
  }
};

/** Gives the command line a file that is not a list. One in each round, because a process takes seconds to start. */
export const oddFiles: Campaign = async (round) => {
  const file = ODD_FILES[round.nth % ODD_FILES.length] ?? '';
  const args = ['buy', '--numbers', '-', '--yes', '--json'];
  round.tried();
  const child = start(args, round.target.env, { stdin: file });
  const { code, stdout, stderr } = await endOf(child, 60_000).catch(() => ({ code: null, stdout: '', stderr: '' }));
  const what = `buy --numbers - with ${short(String(file))}`;
  if (code === null) round.note('hangs', `${what} does not end`);
  else if (code !== 2) round.note('sideEffects', `${what}: exit ${code}, not 2: ${short(stderr)}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal must never get.
  if (/[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e]/.test(`${stdout}${stderr}`))
    round.note('sideEffects', `${what}: bytes of the file reach the terminal: ${short(stderr)}`);
};

/** Forty downloads that nobody reads; the others must not notice. */
export const slowReaders: Campaign = async (round) => {
  if (round.nth % 4 !== 0) return;
  const { port, largeRequest } = round.target;
  const paths = [
    `/v1/requests/${largeRequest}/items.csv`,
    `/v1/requests/${largeRequest}/items?limit=1000`,
    `/v1/requests/${largeRequest}/events`,
  ];
  const readers = Array.from({ length: 40 }, (_, i) => hold(port, paths[i % 8 === 7 ? 1 + (i % 2) : 0] ?? '', as('viewer')));
  round.tried(readers.length);
  try {
    for (const path of ['/v1/requests?limit=5', '/v1/numbers?limit=5', '/v1/account', '/readyz']) {
      const answer = await fire(round, { method: 'GET', path, headers: as('admin') });
      if (answer.status !== 200) round.note('hangs', `with 40 slow readers GET ${path} answers ${answer.status}`);
    }
    // Work must continue too. A reconciliation that finds nothing new still needs the worker's connections.
    const run = await round.target.post('operator', '/v1/reconciliations', {});
    if ((run.status ?? 500) >= 300) round.note('hangs', `with 40 slow readers no reconciliation begins: ${run.status}`);
    if (!(await round.target.quiet())) round.note('hangs', 'with 40 slow readers the work stands still');
  } finally {
    for (const end of readers) end();
  }
};

/** Puts harmful text in each place that takes text, one place at a time. */
export const nastyText: Campaign = async (round) => {
  const poisoned = round.sample(fc.constantFrom(...NO_TEXT), 2);
  for (const value of poisoned) {
    const [number] = round.target.owned;
    const update = (more: object) =>
      JSON.stringify({ kind: 'update', phone_numbers: [number], set: { add_tags: ['x'] }, ...more });
    const bodies = [
      update({ label: value }),
      update({ set: { customer_reference: value } }),
      update({ set: { add_tags: [value] } }),
      update({ phone_numbers: [value] }),
    ];
    for (const body of bodies) await refusedOnly(round, posting('/v1/requests', body));
    // A URL cannot carry half a character. The bytes in its place may be read as another text.
    const aim = value.includes('\u0000') ? refusedOnly : fire;
    for (const path of [`/v1/numbers?tag=${encoded(value)}`, `/v1/requests/${encoded(value)}`, `/v1/numbers/${encoded(value)}`])
      await aim(round, { method: 'GET', path, headers: as('viewer') });
  }
};
