import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { badInputPage } from '../../../scripts/bad-input.ts';
import { describedServer, OPERATOR } from '../../../scripts/described-server.ts';
import { EXAMPLES } from '../../../src/http/openapi-examples.ts';
import { ROOT } from '../../support/sources.ts';

const operation = z.looseObject({
  operationId: z.string(),
  summary: z.string(),
  tags: z.array(z.string()).length(1),
  requestBody: z.object({ content: z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) })) }).optional(),
  responses: z.record(z.string(), z.object({ description: z.string() })),
});
const description = z.looseObject({
  openapi: z.literal('3.1.0'),
  servers: z.array(z.object({ url: z.string() })).min(1),
  tags: z.array(z.object({ name: z.string(), description: z.string() })),
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.object({ schemas: z.record(z.string(), z.looseObject({ description: z.string() })) }),
});

describe('the description of the API', () => {
  let document: z.infer<typeof description>;
  let operations: z.infer<typeof operation>[];
  beforeAll(async () => {
    const server = await describedServer();
    document = description.parse(server.swagger());
    operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    await server.close();
  });

  it('gives each operation a name of its own, a known tag, and a text for each answer', () => {
    const names = operations.map((o) => o.operationId);
    expect(names.length).toBeGreaterThan(20);
    expect([...new Set(names)]).toEqual(names);
    const known = document.tags.map((tag) => tag.name);
    expect(operations.flatMap((o) => o.tags).filter((tag) => !known.includes(tag))).toEqual([]);
    const texts = operations.flatMap((o) => Object.values(o.responses).map((answer) => answer.description));
    expect(texts.filter((text) => text === '' || text === 'Default Response')).toEqual([]);
  });

  it('names the shape of each body, and shows an example of it', () => {
    const bodies = operations.flatMap(({ requestBody }) => {
      const body = requestBody?.content['application/json'];
      return body === undefined ? [] : [body.schema];
    });
    const named = bodies.flatMap((body) =>
      [...JSON.stringify(body).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((m) => m[1] ?? ''),
    );
    expect(bodies.filter((body) => body['properties'] !== undefined)).toEqual([]);
    expect(named).toEqual(expect.arrayContaining(['BuyRequest', 'UpdateRequest', 'DeleteRequest', 'DriftChoice']));
    for (const name of named) expect([name, document.components.schemas[name]?.['examples']]).toEqual([name, [EXAMPLES[name]]]);
  });

  it('says that counts are whole numbers and moments are dates', () => {
    const text = JSON.stringify(document.components.schemas);
    expect(text).not.toContain('"type":"number"}');
    const { counts, created_at } = z
      .looseObject({ counts: z.looseObject({ properties: z.record(z.string(), z.unknown()) }), created_at: z.unknown() })
      .parse(document.components.schemas['Request']?.['properties']);
    expect(counts.properties['asked']).toEqual({ type: 'integer', minimum: 0 });
    expect(created_at).toMatchObject({ type: 'string', format: 'date-time' });
  });

  it.each(Object.keys(EXAMPLES))('the example of %s has its shape', (name) => {
    const [shape] = [...z.globalRegistry._idmap].flatMap(([id, found]) => (id === name ? [found] : []));
    expect(shape).toBeDefined();
    if (shape !== undefined) expect(z.core.safeParse(shape, EXAMPLES[name]).error?.issues).toBeUndefined();
  });
});

describe('a method that an address does not have', () => {
  it.each([
    ['DELETE', '/v1/requests/req_1', 'GET, HEAD'],
    ['PUT', '/v1/requests', 'GET, HEAD, POST'],
    ['GET', '/v1/requests/req_1/cancel', 'POST'],
    ['OPTIONS', '/v1/account/reopen', 'POST'],
    ['POST', '/healthz', 'GET, HEAD'],
  ] as const)('%s %s is a 405 that allows %s', async (method, url, allow) => {
    const server = await describedServer();
    const answer = await server.inject({ method, url, headers: { authorization: `Bearer ${OPERATOR}` }, payload: 'not read' });
    await server.close();
    expect([answer.statusCode, answer.headers['allow'], answer.json().error.code]).toEqual([405, allow, 'method_not_allowed']);
  });

  it('needs a key, where the address needs one', async () => {
    const server = await describedServer();
    const answers = [
      await server.inject({ method: 'PUT', url: '/v1/requests' }),
      await server.inject({ method: 'PUT', url: '/readyz' }),
    ];
    await server.close();
    expect(answers.map((answer) => answer.statusCode)).toEqual([401, 405]);
  });
});

it('docs/bad-input.md has the answer to each kind of bad input, in words (npm run docs:generate)', async () => {
  const page = await badInputPage();
  expect(readFileSync(join(ROOT, 'docs/bad-input.md'), 'utf8')).toBe(page);
  const rows = page.split('\n').filter((row) => /^\| .* \| \d/.test(row));
  expect(rows.length).toBeGreaterThanOrEqual(40);
  expect(
    rows.filter((row) => /Invalid|expected (?:string|number|object)|Too (?:big|small)|Unrecognized|\| 5\d\d \|/.test(row)),
  ).toEqual([]);
});
