import { z } from 'zod';
// Each of these gives its shapes a name in zod's registry.
import '../src/http/plan-schemas.ts';
import '../src/http/schemas.ts';
import '../src/http/undo-schema.ts';
import '../src/producers/actions/parse-choice.ts';
import '../src/producers/actions/parse-undo.ts';
import '../src/producers/intake/request-shapes.ts';

/**
 * The types that the library publishes, and the shapes that they are made of. Bodies are what a user may write, answers are what
 * is sent. The names that a program would confuse with others get longer.
 */
const BODIES = ['BuyRequest', 'UpdateRequest', 'DeleteRequest', 'NumberFilter', 'DriftChoice', 'UndoChoice'];
const ANSWERS: Readonly<Record<string, string>> = {
  Request: 'RequestView',
  Item: 'ItemView',
  Chunk: 'ChunkView',
  Number: 'NumberView',
  NumberWithHistory: 'NumberWithHistory',
  Reconciliation: 'RunReport',
  Repair: 'RepairAnswer',
  Acceptance: 'AcceptAnswer',
  Undo: 'UndoAnswer',
  Account: 'AccountView',
  Plan: 'PlanView',
};

const HEAD = `// Generated from the shapes of bodies and answers by \`npm run docs:generate\`. It imports nothing, so that the published types name no
// type of another package.
`;

type Schema = z.core.JSONSchema.BaseSchema;
type Schemas = Readonly<Record<string, Schema>>;

/** The text of src/library/types.ts. */
export function libraryTypes(): string {
  const bodies = schemasOf('input');
  const answers = schemasOf('output');
  const named = [
    ...reachable(BODIES, bodies).map((id) => declared(id, bodies[id] ?? {})),
    ...reachable(Object.keys(ANSWERS), answers).map((id) => declared(id, answers[id] ?? {})),
  ];
  return `${HEAD}\n${named.join('\n\n')}\n`;
}

function schemasOf(io: 'input' | 'output'): Schemas {
  const { schemas } = z.toJSONSchema(z.globalRegistry, { io, unrepresentable: 'any', uri: (id) => id });
  return schemas;
}

/** The wanted shapes, and before each of them the shapes that it names. */
function reachable(wanted: readonly string[], schemas: Schemas): string[] {
  const found = new Set<string>();
  const add = (id: string): void => {
    if (found.has(id)) return;
    for (const [, ref = ''] of JSON.stringify(schemas[id] ?? {}).matchAll(/"\$ref":"(\w+)"/g)) add(ref);
    found.add(id);
  };
  for (const id of wanted) add(id);
  return [...found];
}

function declared(id: string, schema: Schema): string {
  return `${comment(schema, '')}export interface ${ANSWERS[id] ?? id} ${printed(schema, '')}`;
}

/** A schema as TypeScript. `indent` is that of the line on which the type begins. */
function printed(schema: Schema, indent: string): string {
  const { $ref, enum: values, const: only, type, anyOf, oneOf } = schema;
  if ($ref !== undefined) return ANSWERS[$ref] ?? $ref;
  if (only !== undefined) return literal(only);
  if (values !== undefined) return values.map(literal).join(' | ');
  const either = anyOf ?? oneOf;
  if (either !== undefined) return union(either.map((one) => printed(one, indent)));
  if (Array.isArray(type)) return type.map((one) => printed({ ...schema, type: one }, indent)).join(' | ');
  switch (type) {
    case 'object':
      return object(schema, indent);
    case 'array':
      return list(printed(itemOf(schema), indent));
    case 'integer':
      return 'number';
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return type;
    default:
      return 'unknown';
  }
}

/** A literal beside `string` says nothing more. */
function union(types: readonly string[]): string {
  const anyText = types.includes('string');
  return [...new Set(types)].filter((type) => !anyText || !type.startsWith("'")).join(' | ');
}

function object(schema: Schema, indent: string): string {
  const { properties, required = [], additionalProperties: rest, propertyNames: names } = schema;
  if (properties === undefined) {
    const value = typeof rest === 'object' ? printed(rest, indent) : 'unknown';
    const words = typeof names === 'object' && names.enum !== undefined ? names.enum.map(literal).join(' | ') : null;
    return words === null ? `Record<string, ${value}>` : `Partial<Record<${words}, ${value}>>`;
  }
  const inner = `${indent}  `;
  const fields = Object.entries(properties).map(([name, field]) => {
    const shape = typeof field === 'boolean' ? {} : field;
    const optional = !required.includes(name);
    const value = `${printed(shape, inner)}${optional ? ' | undefined' : ''}`;
    return `${comment(shape, inner)}${inner}${name}${optional ? '?' : ''}: ${value};`;
  });
  return `{\n${fields.join('\n')}\n${indent}}`;
}

const list = (item: string): string => (/[|]/.test(item) && !item.endsWith('}') ? `(${item})[]` : `${item}[]`);

function itemOf({ items }: Schema): Schema {
  return typeof items === 'object' && !Array.isArray(items) ? items : {};
}

const literal = (value: unknown): string =>
  typeof value === 'string' ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'` : String(value);

function comment({ description, default: value }: Schema, indent: string): string {
  const said = [...(description === undefined ? [] : [description]), ...(value === undefined ? [] : [defaultText(value)])];
  return said.length === 0 ? '' : `${indent}/** ${said.join('. ')}. */\n`;
}

const defaultText = (value: unknown): string => `Default: ${JSON.stringify(value)}`;
