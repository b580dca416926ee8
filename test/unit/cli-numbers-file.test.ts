import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { numbersIn, readNumbers } from '../../src/cli/numbers-file.ts';
import type { NumberRow } from '../../src/producers/numbers-in.ts';
import { problemsOf } from './cli-support.ts';

const A = '+13125550100';
const B = '+13125550101';

async function read(text: string | Buffer, name = 'list.csv'): Promise<NumberRow[]> {
  const rows: NumberRow[] = [];
  for await (const row of numbersIn(Readable.from([Buffer.from(text)]), name)) rows.push(row);
  return rows;
}

describe('a list of numbers', () => {
  it.each([
    ['one a line', `${A}\n${B}\n`, ['row 1', 'row 2']],
    ['without a last line end', `${A}\n${B}`, ['row 1', 'row 2']],
    ['with a header', `phone_number\n${A}\n${B}\n`, ['row 2', 'row 3']],
    ['with BOM and CRLF', `\ufeffphone_number\r\n${A}\r\n${B}\r\n`, ['row 2', 'row 3']],
    ['with BOM and no header', `\ufeff${A}\r\n${B}\r\n`, ['row 1', 'row 2']],
    ['quoted', `"phone_number"\n"${A}"\n"${B}"\n`, ['row 2', 'row 3']],
    ['with a header in other letters', `Phone Number\n${A}\n${B}\n`, ['row 2', 'row 3']],
    ['with a hyphen in the header', `PHONE-NUMBER\n${A}\n${B}\n`, ['row 2', 'row 3']],
    ['with blank lines and blanks', `phone_number\n\n  ${A}  \n\n\n${B}\n\n`, ['row 3', 'row 6']],
  ])('is read %s', async (_name, text, at) => {
    expect(await read(text)).toEqual([
      { number: A, at: at[0] },
      { number: B, at: at[1] },
    ]);
  });

  it('is streamed: rows come before the end is read', async () => {
    let sent = 0;
    const source = Readable.from(
      (function* () {
        for (; sent < 100_000; sent += 1) yield Buffer.from(`${A}\n`.repeat(100));
      })(),
    );
    let got = 0;
    for await (const _row of numbersIn(source, 'large')) {
      got += 1;
      if (got === 1_000) break;
    }
    expect(sent).toBeLessThan(2_000);
    expect(source.destroyed).toBe(true);
  });

  it('leaves wrong numbers to the check of the request, with their row', async () => {
    expect(await read(`phone_number\n${A}\n+1 (312) x\n`)).toContainEqual({ number: '+1 (312) x', at: 'row 3' });
    expect(await read('+49351xxxxxxx\n')).toEqual([{ number: '+49351xxxxxxx', at: 'row 1' }]);
  });

  it.each([
    ['nothing', ''],
    ['a BOM', '\ufeff'],
    ['blank lines', '\n\r\n  \n'],
    ['a header', 'phone_number\n'],
  ])('is refused when it holds only %s', async (_name, text) => {
    expect(await problemsOf(() => read(text))).toEqual([{ path: '--numbers', message: 'list.csv holds no phone number' }]);
  });

  it('names the unknown column', async () => {
    expect(await problemsOf(() => read(`phone_number,name\n${A},x\n`))).toMatchObject([
      { message: 'unknown column "name" in list.csv; only phone_number is read' },
    ]);
    expect(await problemsOf(() => read(`number\n${A}\n`))).toMatchObject([{ message: expect.stringContaining('"number"') }]);
    expect(await problemsOf(() => read(`id,name\n1,2\n`))).toMatchObject([
      { message: expect.stringContaining('columns "id", "name"') },
    ]);
    expect(await problemsOf(() => read(`phone_number,phone_number\n${A},${B}\n`))).toMatchObject([
      { message: expect.stringContaining('2 times') },
    ]);
  });

  it('names the row that has too much', async () => {
    expect(await problemsOf(() => read(`phone_number\n${A}\n${B},x\n`))).toMatchObject([{ path: 'row 3' }]);
    expect(await problemsOf(() => read(`${A},${B}\n`))).toMatchObject([{ path: 'row 1' }]);
  });

  it('names the row of a broken quote, and reads no endless one', async () => {
    expect(await problemsOf(() => read(`phone_number\n${A}\n"${B}\n`))).toMatchObject([
      { path: expect.stringMatching(/^row \d+$/) },
    ]);
    expect(await problemsOf(() => read(`phone_number\n"${`${A}\n`.repeat(20_000)}`))).toHaveLength(1);
  });
});

describe('FILE', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cli-numbers-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const readFile = async (file: string, stdin = '') => {
    const rows: NumberRow[] = [];
    for await (const row of readNumbers(file, Readable.from([Buffer.from(stdin)]))) rows.push(row);
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
});
