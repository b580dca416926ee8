import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { layerRules } from '../../scripts/layer-lint.ts';
import { isIn, mayImport, ROOMS, roomOf, WRAPPED } from '../../scripts/layer-table.ts';
import { importsOf, ROOT, type SourceFile, sourcesIn } from '../support/sources.ts';

// Imports point one way. The table is scripts/layer-table.ts; docs/architecture.md draws it.

function belowSrc(path: string): string {
  return path.slice('src/'.length);
}

function violations(file: SourceFile): string[] {
  const room = roomOf(belowSrc(file.path));
  if (room === null) return [`${file.path}: this room is not in scripts/layer-table.ts`];
  return importsOf(file).flatMap(({ specifier, path, typeOnly }) => {
    if (path === null) return wrappedElsewhere(file, specifier, typeOnly);
    if (!path.startsWith('src/')) return [`${file.path} imports ${path}, which is not shipped`];
    if (mayImport(room, belowSrc(path))) return [];
    return [`${file.path} imports ${path}: ${room.path} may import ${room.imports.join(', ') || 'nothing'}`];
  });
}

function wrappedElsewhere(file: SourceFile, specifier: string, typeOnly: boolean): string[] {
  const wrapped = WRAPPED.find(({ name }) => name === specifier || specifier.startsWith(`${name}/`));
  if (wrapped === undefined || (typeOnly && wrapped.typesAnywhere)) return [];
  if (wrapped.homes.some((home) => isIn(belowSrc(file.path), home))) return [];
  return [`${file.path} imports ${specifier}, which only ${wrapped.homes.join(', ') || 'nobody'} may`];
}

/** The files that import each other in a circle, and what lies between two circles. */
function inCircles(files: readonly SourceFile[]): string[] {
  const left = new Map(files.map((file) => [file.path, importsOf(file).flatMap(({ path }) => (path === null ? [] : [path]))]));
  // A file whose imports are all gone is in no circle, nor is one that nobody left imports.
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const [path, imports] of left) if (!imports.some((target) => left.has(target))) left.delete(path);
    const imported = new Set([...left.values()].flat());
    for (const path of left.keys()) if (!imported.has(path)) left.delete(path);
  }
  return [...left.keys()];
}

describe('layers', () => {
  const files = sourcesIn('src');

  it('point one way', () => {
    expect(files.length).toBeGreaterThan(30);
    expect(files.flatMap(violations)).toEqual([]);
  });

  it('are seen by this test at all', () => {
    const bad = (path: string, text: string): string[] => violations({ path, text });
    expect(bad('src/db/a.ts', "import { b } from '../queues/port.ts';\n")).toHaveLength(1);
    expect(bad('src/domain/a.ts', "import {\n  b,\n} from '../db/b.ts';\n")).toHaveLength(1);
    expect(bad('src/http/a.ts', "export * from '../telnyx/client.ts';\n")).toHaveLength(1);
    expect(bad('src/http/a.ts', "import { c } from '../telnyx/webhook-signature.ts';\n")).toEqual([]);
    expect(bad('src/app/a.ts', "const x = await import('../cli/main.ts');\n")).toHaveLength(1);
    expect(bad('src/telnyx/pacing/a.ts', "import { b } from '../endpoints/jobs.ts';\n")).toHaveLength(1);
    expect(bad('src/telnyx/endpoints/a.ts', "import { b } from '../pacing/pace.ts';\n")).toEqual([]);
    expect(bad('src/db/schema/a.ts', "import { b } from '../client.ts';\n")).toHaveLength(1);
    expect(bad('src/simulator/a.ts', "import type { b } from '../domain/errors.ts';\n")).toHaveLength(1);
    expect(bad('src/producers/a.ts', "import { Redis } from 'ioredis';\n")).toHaveLength(1);
    expect(bad('src/producers/a.ts', "import type { Redis } from 'ioredis';\n")).toEqual([]);
    expect(bad('src/producers/a.ts', "import type pg from 'pg';\n")).toHaveLength(1);
    expect(bad('src/cellar/a.ts', '')).toHaveLength(1);
  });

  it('have a row for every room of src, and no row for a room that is gone', () => {
    expect(files.filter((file) => roomOf(belowSrc(file.path)) === null).map((file) => file.path)).toEqual([]);
    expect(ROOMS.filter((room) => !files.some((file) => isIn(belowSrc(file.path), room.path))).map((r) => r.path)).toEqual([]);
    const places = ROOMS.flatMap((room) => [...room.imports, ...(room.except ?? []), ...(room.openFiles ?? [])]);
    expect(places.filter((place) => !files.some((file) => isIn(belowSrc(file.path), place)))).toEqual([]);
  });

  it('are listed from the ground up: a room imports only rooms that stand above it in the table', () => {
    const upside = ROOMS.flatMap((room, at) => {
      const above = ROOMS.slice(0, at).map((row) => row.path);
      return room.imports.filter((place) => !above.includes(place)).map((place) => `${room.path} -> ${place}`);
    });
    expect(upside).toEqual([]);
  });

  it('are the same to the linter (npm run docs:generate)', () => {
    expect(readFileSync(join(ROOT, 'biome.layers.json'), 'utf8')).toBe(layerRules());
  });

  it('have no circle of imports, imports of types included', () => {
    expect(inCircles(files)).toEqual([]);
    const ab = [
      { path: 'src/a.ts', text: "import type { B } from './b.ts';\n" },
      { path: 'src/b.ts', text: "import { A } from './a.ts';\n" },
    ];
    expect(inCircles([...ab, { path: 'src/c.ts', text: "import './a.ts';\n" }])).toEqual(['src/a.ts', 'src/b.ts']);
  });

  it('have one reader of the environment', () => {
    const readers = files.filter((file) => /process\.env\b(?!\s*,\s*LC_ALL)/.test(file.text)).map((file) => file.path);
    // The library hands the environment of its process on as a whole, with its options over it.
    expect(readers).toEqual(['src/config/config.ts', 'src/index.ts']);
  });
});
