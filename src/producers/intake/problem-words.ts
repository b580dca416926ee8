import { z } from 'zod';
import { nearest } from '../../config/nearest.ts';
import type { ErrorDetail } from '../../domain/errors.ts';

/** How a value is called in a message: what was expected, and what was given. */
const EXPECTED: Readonly<Record<string, string>> = {
  string: 'a text in quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};
const GIVEN: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
};

/** A value of the shape, or everything that is wrong with it. */
export type Checked<T> = { data: T } | { problems: ErrorDetail[] };

/** Checks a value. The problems are in words for users, who never read those of the validator. A field that is not known is one. */
export function checkShape<T extends z.ZodType>(shape: T, value: unknown): Checked<z.output<T>> {
  const fields = new Map<string, readonly string[]>();
  const parsed = shape.safeParse(value, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') fields.set(pathOf(issue.path ?? []), fieldsOf(issue.inst));
      return inWords(issue);
    },
  });
  if (parsed.success) return { data: parsed.data };
  return {
    problems: parsed.error.issues.flatMap((issue): ErrorDetail[] => {
      if (issue.code !== 'unrecognized_keys') return [{ path: pathOf(issue.path), message: issue.message }];
      const known = fields.get(pathOf(issue.path)) ?? [];
      return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: unknownField(key, known) }));
    }),
  };
}

const pathOf = (path: readonly PropertyKey[]): string => path.map(String).join('.');

/** The fields of the object that met a field that it does not know. */
function fieldsOf(inst: unknown): readonly string[] {
  return inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
}

/** The message for a field that is not known: the field that was meant, or all fields that there are. */
function unknownField(field: string, known: readonly string[]): string {
  const meant = nearest(field, known);
  if (meant !== null) return `is not known; did you mean "${meant}"?`;
  return known.length === 0 ? 'is not known' : `is not known; the fields are ${known.join(', ')}`;
}

/** The message for a problem for which the field has no message of its own. */
function inWords(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, issue.input);
    case 'invalid_value':
      return `${issue.input === undefined ? 'is missing; it ' : ''}must be ${oneOf(issue.values.map(String))}`;
    case 'too_small':
      return tooSmall(issue.origin, Number(issue.minimum));
    case 'too_big':
      return `must ${issue.origin === 'number' ? 'be' : 'have'} at most ${counted(issue.origin, Number(issue.maximum))}`;
    case 'invalid_union':
      return issue.input === undefined ? 'is missing' : 'has none of the forms that are allowed here';
    case 'unrecognized_keys':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
      return 'has a form that is not allowed here';
  }
}

function oneOf(words: readonly string[]): string {
  const [only = '', ...more] = words;
  return more.length === 0 ? `"${only}"` : `one of ${words.join(', ')}`;
}

/** The message for a whole number of a range, whatever is wrong with it. */
export function rangeText(least: number, most: number): string {
  return most === Number.MAX_SAFE_INTEGER
    ? `must be a whole number of at least ${grouped(least)}`
    : `must be a whole number from ${grouped(least)} to ${grouped(most)}`;
}

function wrongType(expected: string, input: unknown): string {
  const wanted = EXPECTED[expected] ?? 'of another type';
  if (input === undefined) return `is missing; it must be ${wanted}`;
  const given = GIVEN[input === null ? 'null' : Array.isArray(input) ? 'array' : typeof input];
  return given === undefined || given === wanted ? `must be ${wanted}` : `must be ${wanted}, not ${given}`;
}

function tooSmall(origin: string, least: number): string {
  if (origin === 'number' || origin === 'int') return `must be at least ${grouped(least)}`;
  return least === 1 ? 'must not be empty' : `must have at least ${counted(origin, least)}`;
}

function counted(origin: string, count: number): string {
  if (origin === 'string') return `${grouped(count)} characters`;
  return origin === 'array' ? `${grouped(count)} entries` : grouped(count);
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
