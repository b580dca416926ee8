import { EXAMPLES } from './openapi-examples.ts';

/** The parts of a description that are completed here. */
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas?: Record<string, Named> };
}
interface Operation {
  requestBody?: { required?: boolean; content: Record<string, { schema?: { $ref?: string } }> };
  responses: Record<string, Answer>;
}
interface Answer {
  description?: string;
  content?: Record<string, { schema?: { $ref?: string } }>;
}
interface Named {
  required?: string[];
  description?: string;
  examples?: object[];
}

/** What swagger writes where a route says nothing. */
const NOTHING_SAID = 'Default Response';

const STATUS_TEXTS: Readonly<Record<string, string>> = {
  '200': 'Done',
  '202': 'Taken on; a worker does the rest',
  '4XX':
    'Refused: nothing was changed, and the same call gets the same answer. 401 needs a key, 403 another role, 422 lists every problem',
  '5XX': 'Failed or not possible now: `Retry-After` says when to try again',
};

/** Completes what the library makes of the routes: names of bodies, texts of answers, examples, the list as CSV. */
export function finished<T extends object>(document: T): T {
  // Both casts are sound: swagger writes a description of this form, and nothing is taken away from it but unused shapes.
  const plain = plainNames(JSON.parse(JSON.stringify(document)) as Document);
  const schemas = plain.components.schemas ?? {};
  for (const operations of Object.values(plain.paths))
    for (const operation of Object.values(operations)) {
      describeAnswers(schemas, operation);
      allowNoBody(schemas, operation);
    }
  for (const [name, example] of Object.entries(EXAMPLES)) {
    const schema = schemas[name];
    if (schema !== undefined) schema.examples = [example];
  }
  addCsvBody(plain);
  return plain as Document & T;
}

/** The library calls each shape of a body `…Input`. It gets its plain name, unless an answer has the same name. Unused ones go. */
function plainNames(document: Document): Document {
  const schemas = document.components.schemas ?? {};
  const used = new Set([...JSON.stringify(document.paths).matchAll(REF)].map(([, name = '']) => name));
  for (const name of used) for (const [, inner = ''] of JSON.stringify(schemas[name] ?? {}).matchAll(REF)) used.add(inner);
  const nameOf = (name: string): string => {
    const plain = name.replace(/Input$/, '');
    return used.has(plain) ? name : plain;
  };
  const renamed = Object.fromEntries(Object.entries(schemas).flatMap(([name, s]) => (used.has(name) ? [[nameOf(name), s]] : [])));
  const text = JSON.stringify({ ...document, components: { ...document.components, schemas: renamed } });
  // The cast is sound, because only names changed.
  return JSON.parse(text.replaceAll(REF, (_, name: string) => `"#/components/schemas/${nameOf(name)}"`)) as Document;
}
const REF = /"#\/components\/schemas\/(\w+)"/g;

function describeAnswers(schemas: Readonly<Record<string, Named>>, { responses }: Operation): void {
  for (const [status, answer] of Object.entries(responses)) {
    if (answer.description !== NOTHING_SAID) continue;
    const name = answer.content?.['application/json']?.schema?.$ref?.split('/').at(-1) ?? '';
    const own = status === '200' ? schemas[name]?.description : undefined;
    answer.description = own ?? STATUS_TEXTS[status] ?? 'Done';
  }
}

/** A body that needs no field may be left out. Its routes take a missing body for an empty one. */
function allowNoBody(schemas: Readonly<Record<string, Named>>, { requestBody }: Operation): void {
  const name = requestBody?.content['application/json']?.schema?.$ref?.split('/').at(-1);
  if (requestBody !== undefined && name !== undefined && schemas[name]?.required === undefined) requestBody.required = false;
}

/** The numbers of a request, or of its plan, may come as a list. These routes take both content types, and the library describes one. */
function addCsvBody(document: Document): void {
  const csv = {
    schema: { type: 'string', description: 'A list of numbers; the other fields of the request are in the query' },
    example: 'phone_number\n+13125550100\n+13125550101\n',
  };
  for (const path of ['/v1/requests', '/v1/plans']) {
    const body = document.paths[path]?.['post']?.requestBody;
    if (body !== undefined) Object.assign(body.content, { 'text/csv': csv });
  }
}
