import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { emptyReport, type NumberList, notesOf, numbersOf } from '../../../../src/producers/intake/number-list.ts';
import type { NumberRow } from '../../../../src/producers/intake/stage-numbers.ts';
import { problemsOf } from '../../../support/cli-runs.ts';

const A = '+13125550100';
const B = '+13125550101';

async function readAll(bytes: string | Buffer, more: Partial<NumberList> = {}): Promise<{ rows: NumberRow[]; notes: string[] }> {
  const report = emptyReport();
  const rows: NumberRow[] = [];
  const list: NumberList = {
    bytes: Readable.from([Buffer.from(bytes)]),
    name: 'list.csv',
    at: '--numbers',
    elsewhere: 'tell',
    options: { column: '--column', country: '--country' },
    ...more,
  };
  for await (const row of numbersOf(list, report)) rows.push(row);
  return { rows, notes: notesOf(report) };
}

const read = async (bytes: string | Buffer, more: Partial<NumberList> = {}) => (await readAll(bytes, more)).rows;
const numbersIn = async (bytes: string | Buffer, more: Partial<NumberList> = {}) =>
  (await read(bytes, more)).map((r) => r.problem ?? r.number);
/** What one cell is understood as, quoted as a CSV wants it. */
const cell = async (text: string, country?: string) => {
  const [row] = await read(`phone_number\n"${text.replaceAll('"', '""')}"\n`, { country });
  return row?.problem ?? row?.number;
};

describe('a list of numbers', () => {
  it.each([
    ['one a line', `${A}\n${B}\n`, ['row 1', 'row 2']],
    ['without a last line end', `${A}\n${B}`, ['row 1', 'row 2']],
    ['with a header', `phone_number\n${A}\n${B}\n`, ['row 2', 'row 3']],
    ['with BOM and CRLF', `\ufeffphone_number\r\n${A}\r\n${B}\r\n`, ['row 2', 'row 3']],
    ['with BOM and no header', `\ufeff${A}\r\n${B}\r\n`, ['row 1', 'row 2']],
    ['with line ends of old systems', `phone_number\r${A}\r${B}\r`, ['row 2', 'row 3']],
    ['quoted', `"phone_number"\n"${A}"\n"${B}"\n`, ['row 2', 'row 3']],
    ['with a header in other letters', `Phone Number\n${A}\n${B}\n`, ['row 2', 'row 3']],
    ['with a hyphen in the header', `PHONE-NUMBER\n${A}\n${B}\n`, ['row 2', 'row 3']],
    ['with blank lines and blanks', `phone_number\n\n  ${A}  \n\n\n${B}\n\n`, ['row 3', 'row 6']],
    ['with empty columns behind', `phone_number,,\n${A},,\n${B},,\n`, ['row 2', 'row 3']],
    ['with semicolons', `phone_number;name\n${A};a\n${B};b\n`, ['row 2', 'row 3']],
    ['with tabs', `name\tphone_number\na\t${A}\n\t${B}\n`, ['row 2', 'row 3']],
    ['with bars', `phone_number|name\n${A}|a, b\n${B}|c\n`, ['row 2', 'row 3']],
    ['with a comma in a header of semicolons', `phone_number;"name, first";city\n${A};a;x\n${B};b;y\n`, ['row 2', 'row 3']],
    ['with a line that says sep=;', `sep=;\r\nphone_number;name\r\n${A};a\r\n${B};b\r\n`, ['row 3', 'row 4']],
    ['with a line that says sep=,', `sep=,\r\nphone_number\r\n${A}\r\n${B}\r\n`, ['row 3', 'row 4']],
    ['with quotes from some row on', `phone_number,note\n${A},x\n"${B}","a, ""b"""\n`, ['row 2', 'row 3']],
    ['with quotes and old line ends', `"phone_number";"note"\r"${A}";""\r\r"${B}";"x"\r`, ['row 2', 'row 4']],
    ['with blanks around quotes', `note , phone_number\n "x" , "${A}" \n"y",\t"${B}"\n`, ['row 2', 'row 3']],
    ['with quotes between bars', `sep=|\nphone_number|note\n="${A}"|"x|y"\n${B}|\n`, ['row 3', 'row 4']],
    ['with line ends inside other cells', `phone_number,note\n${A},"one\ntwo"\n${B},x\n`, ['row 2', 'row 4']],
    ['as UTF-16, least byte first', Buffer.from(`\ufeffphone_number\r\n${A}\r\n${B}\r\n`, 'utf16le'), ['row 2', 'row 3']],
    ['as UTF-16, most byte first', Buffer.from(`\ufeffphone_number\n${A}\n${B}\n`, 'utf16le').swap16(), ['row 2', 'row 3']],
    ['as UTF-16 without its mark', Buffer.from(`phone_number\n${A}\n${B}\n`, 'utf16le'), ['row 2', 'row 3']],
    ['with names in Windows-1252', Buffer.from(`phone_number;name\n${A};M\xfcller\n${B};x\n`, 'latin1'), ['row 2', 'row 3']],
  ])('is read %s', async (_name, text, at) => {
    expect(await read(text)).toEqual([
      { number: A, at: at[0] },
      { number: B, at: at[1] },
    ]);
  });

  it.each([
    'did',
    'DID Number',
    'number',
    'Numbers',
    'phone',
    'Telephone',
    'E.164',
    'phoneNumber',
    '\u202aPhone\u00a0Number\u202c',
    'Phone #',
    'Phone No.',
    'Tel. No.',
    'TN',
    'DDI',
    'Caller ID',
    'Mobile',
    'Phone Number (E.164)',
    'Telnyx Number',
    'Rufnummer',
    'Tel\u00e9fono',
    'Num\u00e9ro de t\u00e9l\u00e9phone',
  ])('knows the column "%s"', async (name) =>
    expect(await read(`name,${name},city\n"Acme, Inc.",${A},x\n`)).toEqual([{ number: A, at: 'row 2' }]),
  );

  it('phone_number goes before other names; several others are asked about; --column says which', async () => {
    const text = `phone,did\n${A},${B}\n`;
    expect(await numbersIn(`phone,phone_number,number\nx,${A},1\n`)).toEqual([A]);
    expect(await problemsOf(() => read(text))).toEqual([
      { path: '--numbers', message: expect.stringMatching(/several columns of numbers, "phone" and "did"; say by --column/) },
    ]);
    expect(await numbersIn(`mobile,phone\n${B},${A}\n`)).toEqual([A]);
    expect(await numbersIn(text, { column: 'DID' })).toEqual([B]);
    expect(await problemsOf(() => read(text, { column: 'mobile' }))).toEqual([
      { path: '--column', message: 'list.csv has no column "mobile"; its first row has "phone", "did"' },
    ]);
    expect(await problemsOf(() => read(`id,name\n1,2\n`))).toMatchObject([{ message: expect.stringContaining('"id", "name"') }]);
    expect(await problemsOf(() => read(`phone_number,phone_number\n${A},${B}\n`))).toMatchObject([
      { message: expect.stringContaining('several columns') },
    ]);
  });

  it('says in one line which columns are ignored', async () => {
    const { notes } = await readAll(`name,phone_number,city\na,${A},x\n`);
    expect(notes).toEqual(['other columns are ignored: name, city']);
    expect((await readAll(`phone_number\n${A}\n`)).notes).toEqual([]);
  });

  it('leaves rows out that hold no number, as an export of a buy has them, and says so', async () => {
    const { rows, notes } = await readAll(`phone_number,status\n${A},succeeded\n,failed\n"",failed\n`);
    expect([rows.length, notes[1]]).toEqual([1, '2 rows hold no number and are left out']);
  });

  it('names rows whose values may stand under wrong names, and goes on', async () => {
    const rows = await read(`name,phone_number\nAcme, Inc.,${A}\n${B}\nok,${B}\n`);
    expect(rows.map((r) => r.problem)).toEqual([
      'has 3 values, but the header names 2',
      'has 1 value, but the numbers are in column 2',
      undefined,
    ]);
    expect(await problemsOf(() => read(`${A},Acme\n`))).toMatchObject([{ path: 'row 1' }]);
    expect((await read(`${A}\n${B},Acme\n`)).map((r) => [r.at, r.problem !== undefined])).toEqual([
      ['row 1', false],
      ['row 2', true],
    ]);
  });

  it.each([
    ['nothing', ''],
    ['a BOM', '\ufeff'],
    ['blank lines', '\n\r\n  \n'],
    ['a header', 'phone_number\n'],
  ])('is refused when it holds only %s', async (_name, text) => {
    expect(await problemsOf(() => read(text))).toEqual([{ path: '--numbers', message: 'list.csv holds no phone number' }]);
  });

  it('with a broken quote still tells what is wrong in the rows before it', async () => {
    const rows: NumberRow[] = [];
    const text = `phone_number,name\n"+1312","x"\n${A},"y"z\n`;
    const source = Readable.from([Buffer.from(text)]);
    const options = { column: 'c', country: 'd' };
    const list = { bytes: source, name: 'l', at: 'x', elsewhere: 'tell' as const, options };
    const problems = await problemsOf(async () => {
      for await (const row of numbersOf(list, emptyReport())) rows.push(row);
    });
    expect([rows.map((r) => r.at), problems]).toEqual([
      ['row 2'],
      [{ path: 'row 3', message: 'has text behind a closing quote' }],
    ]);
  });

  it.each([
    ['inside a value', `phone_number,name\n${A},x\n${B},5" pipe\n`, 'row 3'],
    ['at the end of a value', `phone_number,name\n${A}",x\n`, 'row 2'],
    ['behind a closing quote', `phone_number,name\n${A},"x"y\n`, 'row 2'],
    ['never closed', `phone_number,name\n\n${A},x\n"${B},y\nz\n\n`, 'row 4'],
    ['never closed, before a great many rows', `phone_number\n"${`${A}\n`.repeat(20_000)}`, 'row 2'],
  ])('A8 a stray quote %s is told with its row', async (_name, text, row) => {
    expect((await problemsOf(() => read(text))).map((p) => p.path)).toEqual([row]);
  });

  it.each([
    [
      'an .xlsx',
      Buffer.from('PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0[Content_Types].xml \xa2', 'latin1'),
      'an Excel workbook: save it as CSV',
    ],
    ['an .xls', Buffer.from('d0cf11e0a1b11ae100000000', 'hex'), 'an Excel workbook: save it as CSV'],
    ['an .ods', Buffer.from('PK\x03\x04\x14\0mimetypeapplication/vnd.oasis.opendocument.spreadsheet', 'latin1'), 'OpenDocument'],
    ['a zip', Buffer.from('PK\x03\x04\x14\0\0\0list.csv', 'latin1'), 'a zip archive'],
    ['gzip', gzipSync(`phone_number\n${A}\n`), 'compressed by gzip'],
    ['a PDF', Buffer.from('%PDF-1.7\n%\xe2\xe3', 'latin1'), 'a PDF'],
    ['a PNG', Buffer.from('89504e470d0a1a0a0000000d', 'hex'), 'a picture'],
    ['zeros', Buffer.alloc(600), 'binary and no text'],
    ['a NUL in text', Buffer.from(`phone_number\n${A}\0\n`), 'binary and no text'],
    ['control characters', Buffer.from('\x01\x02abc\x07'), 'binary and no text'],
    ['a web page saved as .xls', '<html><table><tr><td>+1312', 'a web page'],
    ['JSON', `["${A}"]`, 'JSON'],
    ['contacts', 'BEGIN:VCARD\nVERSION:3.0\n', 'vCard'],
  ])('A8 %s is named as what it is, and nothing of it is shown', async (_name, bytes, what) => {
    const [problem, ...more] = await problemsOf(() => read(bytes));
    expect([problem?.path, problem?.message, more]).toEqual([
      '--numbers',
      expect.stringContaining(`list.csv is ${what.startsWith('Open') ? `an ${what}` : ''}`),
      [],
    ]);
    expect(problem?.message).toContain(what);
    expect(problem?.message).toMatch(/^[ -~]+$/);
  });

  it('is streamed: rows come before the end is read, and the source is closed when the reader stops', async () => {
    let sent = 0;
    const source = Readable.from(
      (function* () {
        for (; sent < 100_000; sent += 1) yield Buffer.from(`${A}\n`.repeat(100));
      })(),
    );
    const list = { bytes: source, name: 'large', at: 'x', elsewhere: 'tell' as const, options: { column: 'c', country: 'd' } };
    let got = 0;
    for await (const _row of numbersOf(list, emptyReport())) {
      got += 1;
      if (got === 1_000) break;
    }
    expect(sent).toBeLessThan(2_000);
    expect(source.destroyed).toBe(true);
  });

  it('is the same however it is cut into pieces', async () => {
    const text = Buffer.from(`\ufeffname;phone_number\r\n"M\u00fcller; ""A""";\u202a${A}\u202c\r\nz;"${B}"\r\n`);
    const whole = await read(text);
    for (const size of [1, 2, 3, 5]) {
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.subarray(i * size, i * size + size));
      expect(await read('', { bytes: Readable.from(pieces) }), `${size} bytes`).toEqual(whole);
    }
    expect(whole.map((r) => r.number)).toEqual([A, B]);
  });
});

describe('C9 a number that was copied', () => {
  it.each([
    `\u202a${A}\u202c`,
    `\u200e${A}\u200e`,
    `\u2066${A}\u2069`,
    `\u200b+1\u200b3125550100\ufeff`,
    '+1\u00a0312\u00a0555\u00a00100',
    '+1\u202f312\u2007555\u20090100',
    '\u3000+1 312 555 0100\t',
    '+1 (312) 555\u20110100',
    '\uff0b\uff11\uff13\uff11\uff12\uff15\uff15\uff15\uff10\uff11\uff10\uff10',
    '+\u0661\u0663\u0661\u0662\u0665\u0665\u0665\u0660\u0661\u0660\u0660',
    'tel:+1-312-555-0100',
  ])('is understood: %j', async (text) => expect(await cell(text)).toBe(A));

  it.each([
    `'${A}`,
    `"${A}"`,
    `'${A}'`,
    `\u2019${A}`,
    `\u201c${A}\u201d`,
    `="${A}"`,
    `=${A}`,
    `=T("${A}")`,
    `=TEXT(${A},"0")`,
    `'="${A}"`,
    `${A}.0`,
    `\t${A}`,
  ])('that a spreadsheet keeps as text is understood however it is written: %j', async (text) =>
    expect(await cell(text)).toBe(A),
  );

  it('="…" is understood without quotes around it too', async () => {
    expect(await numbersIn(`name,phone_number\na,="${A}"\nb, ="${B}" \n`)).toEqual([A, B]);
  });

  it.each([
    ['+1312555010\u2070', 'it contains U+2070'],
    ['+1312555010\u0966', 'it contains U+0966'],
    [`${A}\ufe0f`, 'it contains U+FE0F'],
    [`+131255501\u{e0030}\u{e0030}`, 'it contains U+E0030'],
    ['+1 3l2 555 0I00', 'it contains "l", "I"'],
    ['+1 800 FLOWERS', 'it contains "F", "L", "O", "W", "E" and more'],
    [`${A}\n${B}`, 'it contains U+000A, "+"'],
    ['+44 (0)20 7183 8750', 'it has a "(0)"'],
  ])('what is left in it is named, and digits are never dropped: %j', async (text, what) =>
    expect(await cell(text)).toContain(what),
  );

  it('nothing that a terminal acts on is repeated in a message', async () => {
    // Far enough behind to be taken for text.
    const rows = await read(`${`${A}\n`.repeat(1_000)}\u001b[2J\u202e${A}x\u0007\n`);
    expect(rows.at(-1)?.problem).toMatch(/^"<U\+001B>\[2J<U\+202E>\+13125550100x<U\+0007>" is not[ -~]+$/);
  });
});

describe('C11 a list that went through a spreadsheet', () => {
  it.each([
    '13125550100',
    '3125550100',
    '(312) 555-0100',
    '312.555.0100',
    '1-312-555-0100',
    '13125550100.0',
    '13,125,550,100',
    "13'125'550'100",
    '13.125.550.100',
    '13 125 550 100',
    '13,12,55,50,100',
  ])('with --country US %s is understood, without it refused with that advice', async (text) => {
    expect(await cell(text, 'US')).toBe(A);
    expect(await cell(text)).toMatch(/is not an E\.164 number.*--country \(such as US\)/);
  });

  it.each([
    ['1.31256E+10', 'a spreadsheet has rounded this number, and its last digits are lost'],
    ['1,31256E+10', 'a spreadsheet has rounded this number'],
    ['1.3125550100E10', 'a spreadsheet has rounded this number'],
    ['+13125550100 x101', 'it has an extension'],
    ['(312) 555-0100 ext. 7', 'it has an extension'],
    ['312-555-0100,101', 'it has an extension'],
    ['tel:+1-312-555-0100;ext=101', 'it has an extension'],
    ['########', 'too narrow'],
    ['#NAME?', 'an error'],
    ['-966', 'minus'],
    ['1312555010.25', 'it has decimals'],
    ['5550100', 'no number of United States (US)'],
    ['1312555010', 'no number of United States (US)'],
    ['442071838750', 'no number of United States (US)'],
    ['911 555 0100', 'no number of United States (US)'],
    ['312 055 0100', 'no number of United States (US)'],
  ])('%s is refused, and the message says why', async (text, why) => expect(await cell(text, 'US')).toContain(why));

  it('other countries are read as they are written there', async () => {
    expect(await cell('020 7183 8750', 'GB')).toBe('+442071838750');
    expect(await cell('442071838750', 'gb')).toBe('+442071838750');
    expect(await cell('+1 312 555 0100', 'GB')).toBe(A);
    expect(await cell('001 312 555 0100', 'GB')).toContain('no number of United Kingdom (GB)');
    expect(await problemsOf(() => cell('3125550100', 'XX'))).toEqual([{ path: '--country', message: 'unknown country "XX"' }]);
  });

  it('what was rewritten is counted and shown', async () => {
    const { notes } = await readAll('phone_number\n13125550100\n+13125550101\n(312) 555-0102\n', { country: 'US' });
    expect(notes).toEqual([
      '2 numbers were rewritten: "13125550100" is +13125550100 (row 2), "(312) 555-0102" is +13125550102 (row 4)',
    ]);
  });

  it('what belongs to another country of +1 is told by its name, and refused where it would be bought', async () => {
    const text = '2423221234\n+14165550100\n3125550100\n8005550100\n8615550100\n';
    const { notes } = await readAll(text, { country: 'US' });
    expect(notes[1]).toBe(
      '2 numbers belong to another country of +1 than United States (US): +12423221234 is of Bahamas (BS), +14165550100 is of Canada (CA)',
    );
    expect((await read(text, { country: 'US', elsewhere: 'refuse' })).map((r) => r.problem)).toEqual([
      '"2423221234" belongs to Bahamas (BS), not to United States (US); write +12423221234 if it is meant',
      ...Array(4).fill(undefined),
    ]);
  });
});
