import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { emptyReport, notesOf, numbersOf } from '../../../../src/producers/intake/number-list.ts';
import { rowReader, rowValues, valueColumns } from '../../../../src/producers/intake/row-values.ts';
import type { NumberRow } from '../../../../src/producers/intake/stage-numbers.ts';
import { problemsOf } from '../../../support/cli-runs.ts';

const A = '+13125550100';
const B = '+13125550101';
const GROUP = '3fa85f64-5717-4562-b3fc-2c963f66afa6';

async function readAll(text: string, columns: string, common: Record<string, unknown> = {}) {
  const report = emptyReport();
  const rows: NumberRow[] = [];
  const list = {
    bytes: Readable.from([Buffer.from(text)]),
    name: 'list.csv',
    at: '--numbers',
    elsewhere: 'tell' as const,
    options: { column: '--column', country: '--country' },
    values: rowReader(valueColumns(columns, '--columns'), common, '--columns'),
  };
  for await (const row of numbersOf(list, report)) rows.push(row);
  return { rows, notes: notesOf(report) };
}

/** The steps that one cell gives its number, or the problem. */
async function cell(field: string, text: string, common: Record<string, unknown> = {}): Promise<unknown> {
  const { rows } = await readAll(`phone_number,${field}\n${A},"${text.replaceAll('"', '""')}"\n`, field, common);
  const [row] = rows;
  return row === undefined ? 'left out' : (row.problem ?? JSON.parse(row.steps ?? 'null'));
}
const settings = (values: object) => [{ kind: 'update', settings: values }];

describe('values per row', () => {
  it('are read from columns of any order; equal ones are equal texts, also with tags in another order', async () => {
    const text = `tags;Phone Number;Connection ID;city\n"b,a";${A};7;x\na;${B};7;y\na|b;+13125550102;7;z\n`;
    const { rows, notes } = await readAll(text, 'connection_id,tags');
    expect(rows.map((r) => [r.number, r.at, JSON.parse(r.steps ?? '')])).toEqual([
      [A, 'row 2', settings({ connection_id: '7', tags: ['a', 'b'] })],
      [B, 'row 3', settings({ connection_id: '7', tags: ['a'] })],
      ['+13125550102', 'row 4', settings({ connection_id: '7', tags: ['a', 'b'] })],
    ]);
    expect(rows[0]?.steps).toBe(rows[2]?.steps);
    expect(notes).toEqual(['another column is ignored: city']);
  });

  it('of a column of another name: connection_id=Trunk', async () => {
    const { rows } = await readAll(`phone_number,SIP Trunk\n${A},7\n`, 'connection_id=SIP Trunk');
    expect(JSON.parse(rows[0]?.steps ?? '')).toEqual(settings({ connection_id: '7' }));
  });

  it('leave a setting as it is where the cell is empty; a row without any value is left out, and said', async () => {
    const { rows, notes } = await readAll(
      `phone_number,connection_id,tags\n${A},,a\n${B},7,\n+13125550102,,\n`,
      'connection_id,tags',
    );
    expect(rows.map((r) => JSON.parse(r.steps ?? ''))).toEqual([settings({ tags: ['a'] }), settings({ connection_id: '7' })]);
    expect(notes).toEqual(['1 row sets no value and is left out']);
  });

  it('go before those of all rows, field by field', async () => {
    const common = { connection_id: '7', voice: { tech_prefix_enabled: true, translated_number: 'x' } };
    expect(await cell('voice.translated_number', 'y', common)).toEqual(
      settings({ connection_id: '7', voice: { tech_prefix_enabled: true, translated_number: 'y' } }),
    );
    expect(await cell('connection_id', '', common)).toEqual(settings(common));
    expect(rowValues({ connection_id: '7' }, { connection_id: '8' })).toEqual({
      steps: JSON.stringify(settings({ connection_id: '8' })),
    });
  });

  it.each([
    ['connection_id', '1293384261075731499', settings({ connection_id: '1293384261075731499' })],
    ['connection_id', "'1293384261075731499", settings({ connection_id: '1293384261075731499' })],
    ['connection_id', '="1293384261075731499"', settings({ connection_id: '1293384261075731499' })],
    ['connection_id', '42.0', settings({ connection_id: '42' })],
    ['billing_group_id', GROUP, settings({ billing_group_id: GROUP })],
    ['customer_reference', "'=Chicago", settings({ customer_reference: '=Chicago' })],
    ['customer_reference', "'t Hooft", settings({ customer_reference: "'t Hooft" })],
    ['customer_reference', 'Acme, Inc.', settings({ customer_reference: 'Acme, Inc.' })],
    ['external_pin', '0012', settings({ external_pin: '0012' })],
    ['tags', 'a, b;c', settings({ tags: ['a', 'b', 'c'] })],
    ['tags', '(none)', settings({ tags: [] })],
    ['add_tags', 'x', [{ kind: 'update', settings: {}, tags: { add: ['x'], remove: [] } }]],
    ['hd_voice_enabled', 'TRUE', settings({ hd_voice_enabled: true })],
    ['deletion_lock_enabled', 'no', settings({ deletion_lock_enabled: false })],
    ['messaging_profile_id', GROUP, [{ kind: 'messaging', messaging_profile_id: GROUP }]],
    ['messaging_profile_id', '(none)', [{ kind: 'messaging', messaging_profile_id: '' }]],
    ['emergency_address_id', '(none)', [{ kind: 'emergency', emergency_enabled: false, emergency_address_id: null }]],
    ['voice.call_forwarding.forwards_to', B, settings({ voice: { call_forwarding: { forwards_to: B } } })],
  ])('%s: %j is understood', async (field, text, steps) => expect(await cell(field, text)).toEqual(steps));

  it.each([
    ['connection_id', '1.29338E+18', 'connection_id "1.29338E+18" was rounded by a spreadsheet, and its last digits are lost'],
    ['connection_id', '1293384261075730000', 'was rounded by a spreadsheet'],
    ['connection_id', 'trunk-7', 'connection_id "trunk-7": must be a decimal id'],
    ['connection_id', '(none)', 'connection_id cannot be taken away'],
    ['billing_group_id', '7', 'billing_group_id "7": must be a UUID'],
    ['tags', 'NULL', '"NULL" is no value; leave the cell empty to leave the setting as it is, or (none) to take the value away'],
    ['customer_reference', '#N/A', '"#N/A" is no value; leave the cell empty to leave the setting as it is'],
    ['tags', 'solar:2026', 'tags.0 "solar:2026": a tag may have letters'],
    ['hd_voice_enabled', 'maybe', 'hd_voice_enabled "maybe" must be true or false'],
    ['voice.colour', 'red', 'colour'],
  ])('%s: %j is refused, and the message says why', async (field, text, why) => expect(await cell(field, text)).toContain(why));

  it('that contradict one another are refused row by row', async () => {
    const { rows } = await readAll(`phone_number,tags,add_tags\n${A},a,\n${B},a,b\n`, 'tags,add_tags');
    expect(rows.map((r) => r.problem ?? 'good')).toEqual(['good', expect.stringContaining('cannot be combined with add_tags')]);
  });

  it.each([
    ['', ['must name settings, such as connection_id,tags']],
    ['colour,tags,tags', ['"colour" is not a setting; the settings are connection_id', 'tags is named twice']],
    ['phone_number', ['"phone_number" is not a setting']],
    ['voice', ['"voice" is not a setting']],
  ])('--columns %j is refused with every problem', async (text, messages) =>
    expect(await problemsOf(async () => valueColumns(text, '--columns'))).toEqual(
      messages.map((m) => ({ path: '--columns', message: expect.stringContaining(m) })),
    ),
  );

  it('need a header that has each column once', async () => {
    expect(await problemsOf(() => readAll(`${A}\n`, 'tags'))).toEqual([
      { path: '--columns', message: 'needs a first row that names the columns; list.csv has none' },
    ]);
    expect(await problemsOf(() => readAll(`phone_number,Tags,tags\n${A},a,b\n`, 'tags,connection_id'))).toEqual([
      { path: '--columns', message: expect.stringMatching(/several columns "tags"; its first row has "phone_number", "Tags"/) },
      { path: '--columns', message: expect.stringContaining('list.csv has no column "connection_id"') },
    ]);
  });
});
