import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { type ListFile, listOf, readNumbers, tellingNumbers } from '../../../src/cli/numbers-file.ts';
import type { NumberRow } from '../../../src/producers/intake/stage-numbers.ts';
import { problemsOf } from '../../support/cli-runs.ts';

const A = '+13125550100';
const B = '+13125550101';

describe('FILE', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cli-numbers-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const stdinOf = (text: string) => Readable.from([Buffer.from(text)]);
  const readFile = async (file: string, stdin = '', more: Partial<ListFile> = {}) => {
    const rows: NumberRow[] = [];
    for await (const row of readNumbers({ file, kind: 'update', ...more }, stdinOf(stdin))) rows.push(row);
    return rows;
  };

  it('is a file or stdin', async () => {
    writeFileSync(join(folder, 'a.csv'), `phone_number\n${A}\n`);
    expect(await readFile(join(folder, 'a.csv'))).toEqual([{ number: A, at: 'row 2' }]);
    expect(await readFile('-', `${B}\n`)).toEqual([{ number: B, at: 'row 1' }]);
    expect(await problemsOf(() => readFile('-'))).toMatchObject([{ message: 'stdin holds no phone number' }]);
  });

  it('that cannot be read is a usage error', async () => {
    expect(await problemsOf(() => readFile(join(folder, 'none.csv')))).toMatchObject([
      { message: expect.stringContaining('there is no such file') },
    ]);
    expect(await problemsOf(() => readFile(folder))).toMatchObject([{ message: expect.stringContaining('it is a folder') }]);
  });

  it('tells how it was read before its last number is taken over', async () => {
    const told: string[] = [];
    const list: ListFile = { file: '-', kind: 'delete', country: 'US' };
    const rows = tellingNumbers(list, stdinOf(`name,did\nx,3125550100\n`), (text) => told.push(text));
    expect((await rows.next()).value).toEqual({ number: A, at: 'row 2' });
    expect(told).toEqual([]);
    expect((await rows.next()).done).toBe(true);
    expect(told).toEqual(['another column is ignored: name', '1 number was rewritten: "3125550100" is +13125550100 (row 2)']);
  });

  it('of a buy: numbers of other countries of +1 than the US are told, also without --country', async () => {
    const told: string[] = [];
    for await (const _ of tellingNumbers({ file: '-', kind: 'buy' }, stdinOf('+12423221234\n'), (t) => told.push(t)));
    expect(told).toEqual([expect.stringContaining('+12423221234 is of Bahamas (BS)')]);
  });

  it('flags that only say how it is read are refused without it', async () => {
    expect(await problemsOf(() => listOf({ column: 'did', country: 'US' }, 'update'))).toEqual([
      { path: '--column', message: 'needs --numbers' },
      { path: '--country', message: 'needs --numbers' },
    ]);
    expect(listOf({ country: 'CA' }, 'buy')).toBeNull();
  });
});
