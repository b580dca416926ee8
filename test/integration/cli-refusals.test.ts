import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliStage, openCliStage } from '../support/cli-harness.ts';

const STRANGER = '+13125559999';
const folder = mkdtempSync(join(tmpdir(), 'provisioner-refusals-'));
let stage: CliStage;
/** Two numbers of the account. */
let ours: string[] = [];

beforeAll(async () => {
  stage = await openCliStage();
  expect(await stage.run(['reconcile'])).toMatchObject({ exit: 0 });
  ours = stage.simulator.ownedNumbers().slice(0, 2);
  writeFileSync(join(folder, 'ours.csv'), `phone_number\n${ours.join('\n')}\n`);
  writeFileSync(join(folder, 'empty.csv'), '');
  writeFileSync(join(folder, 'header.csv'), 'phone_number\n');
  writeFileSync(join(folder, 'columns.csv'), `colour,size\nred,5\n`);
  writeFileSync(join(folder, 'quote.csv'), `phone_number,colour\n${ours[0]},red\n${ours[1]},"blue\n`);
  writeFileSync(join(folder, 'book.xlsx'), Buffer.from('PK\x03\x04\x14\0\x06\0[Content_Types].xml \xa2\x1b[31m', 'latin1'));
  writeFileSync(join(folder, 'sheet.csv'), 'phone_number\n1.31256E+10\n+13125550100 x7\n');
  writeFileSync(join(folder, 'islands.csv'), 'phone_number\n12423221234\n');
  writeFileSync(join(folder, 'wrong.csv'), `phone_number\n${ours[0]}\n312 555 0100\n+1312\n${ours[0]}\n`);
  writeFileSync(join(folder, 'twice.csv'), `phone_number\n${ours[0]}\n${ours[1]}\n${ours[0]}\n`);
  writeFileSync(join(folder, 'stranger.csv'), `${ours[0]}\n${STRANGER}\n`);
});
afterAll(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string) => ['--numbers', join(folder, name)];
const buy = (...flags: string[]) => ['buy', ...flags];
const update = (...flags: string[]) => ['update', ...flags];
const setting = (...sets: string[]) => update(...file('ours.csv'), ...sets.flatMap((set) => ['--set', set]));
const release = (...flags: string[]) => ['delete', ...flags];
const CHANGE = ['--set', 'customer_reference=x'];

type Case = [what: string, argv: () => string[], exit: number, details: [path: string, text: RegExp][]];
const CASES: Case[] = [
  [
    'invalid E.164; a repeat behind it is no mistake',
    () => update(...file('wrong.csv'), ...CHANGE),
    2,
    [
      ['row 3', /"312 555 0100" is not an E\.164 number/],
      ['row 4', /"\+1312" is not an E\.164 number/],
    ],
  ],
  [
    'a wrong field hides no wrong number',
    () => update(...file('wrong.csv'), '--set', 'colour=red'),
    2,
    [
      ['--set colour=red', /"colour" is not a setting; the settings are/],
      ['row 3', /not an E\.164/],
      ['row 4', /not an E\.164/],
    ],
  ],
  [
    'repeated numbers count once, also for the expected count',
    () => release(...file('twice.csv'), '--expect', '3'),
    6,
    [['expected_count', /is 3, but 2 numbers are named/]],
  ],
  [
    'unknown columns',
    () => update(...file('columns.csv'), ...CHANGE),
    2,
    [['--numbers', /no column phone_number.*"colour", "size"/]],
  ],
  [
    'A8 a stray quote',
    () => update(...file('quote.csv'), ...CHANGE),
    2,
    [['row 3', /^a quote is opened here and never closed$/]],
  ],
  ['A8 a workbook', () => buy(...file('book.xlsx')), 2, [['--numbers', /book\.xlsx is an Excel workbook: save it as CSV$/]]],
  [
    'C11 numbers that a spreadsheet rounded, and extensions',
    () => release(...file('sheet.csv'), '--country', 'US', '--expect', '2'),
    2,
    [
      ['row 2', /a spreadsheet has rounded this number/],
      ['row 3', /it has an extension/],
    ],
  ],
  [
    'C11 a number of another country of +1, to buy',
    () => buy(...file('islands.csv'), '--country', 'US'),
    2,
    [['row 2', /belongs to Bahamas \(BS\), not to United States \(US\)/]],
  ],
  [
    'a country of a list that is none, told once',
    () => buy('--ndc', '312=5', ...file('ours.csv'), '--country', 'XX'),
    2,
    [['--country', /unknown country "XX"/]],
  ],
  [
    'options of a list without a list',
    () => update('--where', 'tag=a', '--column', 'did', '--country', 'US', ...CHANGE),
    2,
    [
      ['--column', /needs --numbers/],
      ['--country', /needs --numbers/],
    ],
  ],
  ['an empty file', () => update(...file('empty.csv'), ...CHANGE), 2, [['--numbers', /holds no phone number/]]],
  ['a file with its header only', () => buy(...file('header.csv')), 2, [['--numbers', /holds no phone number/]]],
  ['a file that is not there', () => buy(...file('nowhere.csv')), 2, [['--numbers', /there is no such file/]]],
  ['quantity 0', () => buy('--ndc', '312=0'), 2, [['--ndc 312=0', /must be a whole number from 1 to 10,000/]]],
  ['over 10,000 a line', () => buy('--state', 'TX=10001'), 2, [['--state TX=10001', /must be a whole number from 1 to 10,000/]]],
  ['an unknown NDC', () => buy('--ndc', '311=5'), 2, [['--ndc 311=5', /"311" is not an area code/]]],
  ['a toll-free code as NDC', () => buy('--ndc', '888=5'), 2, [['--ndc 888=5', /toll-free code.*--toll-free/]]],
  ['an unknown NDC to fall back to', () => buy('--ndc', '312=5', '--fallback', 'ndc:000'), 2, [['--fallback', /"000" is not/]]],
  ['an unknown state', () => buy('--state', 'ZZ=5'), 2, [['--state ZZ=5', /unknown state or province "ZZ"/]]],
  ['an unknown country', () => buy('--ndc', '312=5', '--country', 'XX'), 2, [['--country', /unknown country "XX"/]]],
  [
    'a negative budget',
    () => buy('--ndc', '312=5', '--max-upfront=-1', '--max-monthly=-0.01', '--max-number-cost=-1'),
    2,
    [
      ['--max-upfront', /zero or more/],
      ['--max-monthly', /zero or more/],
      ['--max-number-cost', /zero or more/],
    ],
  ],
  ['an update without a field', () => update(...file('ours.csv')), 2, [['--set', /must say what to change/]]],
  ['an update with an empty field', () => setting('add_tags='), 2, [['--set', /names no field to change/]]],
  ['a tag with a colon, to set', () => setting('add_tags=a:b'), 2, [['--set add_tags.0', /no colon/]]],
  ['a tag with a colon, to buy with', () => buy('--ndc', '312=5', '--tag', 'a:b'), 2, [['--tag', /no colon/]]],
  [
    'more than 15 characters of CNAM',
    () => setting('voice.cnam_listing.cnam_listing_details=Solar for Chicago'),
    2,
    [['--set voice.cnam_listing.cnam_listing_details', /must be 1 to 15 letters, digits or spaces/]],
  ],
  [
    'voice settings of the wrong kind',
    () => setting('voice.caller_id_name_enabled=banana', 'voice.call_recording=5', 'voice.colour=red'),
    2,
    [
      ['--set voice.call_recording', /must be an object/],
      ['--set voice.caller_id_name_enabled', /must be true or false/],
      ['--set voice.colour', /is not known/],
    ],
  ],
  [
    'an unknown condition',
    () => update('--where', 'colour=red', ...CHANGE),
    2,
    [['--where colour', /^is not known; the fields are tag, /]],
  ],
  ['a condition that matches nothing', () => update('--where', 'tag=none', ...CHANGE), 2, [['where', /^matches no number$/]]],
  [
    'an expected count that is off',
    () => release(...file('ours.csv'), '--expect', '3'),
    6,
    [['expected_count', /is 3, but 2 numbers are named/]],
  ],
  [
    'an expected count, and a condition that matches nothing',
    () => release('--where', 'tag=none', '--expect', '3'),
    6,
    [['expected_count', /is 3, but 0 numbers are named/]],
  ],
  [
    'a foreign number to release',
    () => release(...file('stranger.csv'), '--expect', '2'),
    6,
    [['phone_numbers', /\+13125559999 is not in the inventory/]],
  ],
];

describe('bad input is refused by the real commands, with nothing stored and nothing sent', () => {
  it.each(CASES)('%s', async (_, argv, exit, details) => {
    const before = { requests: await stage.sql`select count(*) from requests`, calls: stage.simulator.ledger().calls.total };
    const said = await stage.run([...argv(), '--yes', '--json']);
    const { error } = said.json() as unknown as { error: { details: { path: string; message: string }[] } };
    expect([said.exit, error.details.map((d) => d.path)]).toEqual([exit, details.map(([path]) => path)]);
    for (const [i, [, text]] of details.entries()) expect(error.details[i]?.message).toMatch(text);
    expect(await stage.sql`select count(*) from requests`).toEqual(before.requests);
    expect(stage.simulator.ledger().calls.total).toBe(before.calls);
    // People are told the same.
    const text = await stage.run([...argv(), '--yes']);
    expect([text.exit, text.out]).toEqual([exit, '']);
    for (const [path] of details.slice(1)) expect(text.err).toContain(path);
    // Nobody is asked about what is refused.
    const asked = await stage.run(argv(), { stdin: 'y\n', canAsk: true });
    expect([asked.exit, asked.err]).toEqual([exit, expect.not.stringContaining('Go ahead?')]);
    expect(await stage.sql`select count(*) from requests`).toEqual(before.requests);
  });

  it('a foreign number to update ends as not owned after a look, and holds up no other', async () => {
    const said = await stage.run([...update(...file('stranger.csv'), ...CHANGE), '--yes', '--wait', '--json']);
    expect({ exit: said.exit, ...said.json() }).toMatchObject({ exit: 3, counts: { asked: 2, succeeded: 1, failed: 1 } });
    const shown = (await stage.run(['request', said.json().id, '--items', 'failed', '--json'])).json();
    expect(shown['items']).toMatchObject([{ phone_number: STRANGER, reason_code: 'not_owned' }]);
  });
});

describe('the question on a terminal', () => {
  const ask = async (argv: string[], env: Record<string, string> = {}) => {
    const before = await stage.sql`select count(*) from requests`;
    const said = await stage.run(argv, { stdin: 'n\n', canAsk: true, env });
    expect(said.exit).toBe(6);
    expect(await stage.sql`select count(*) from requests`).toEqual(before);
    return said.err;
  };

  it('tells everything about a buy, and explains its sum', async () => {
    const asked = await ask([
      ...buy('--ndc', '312=20', '--feature', 'sms,voice', '--fallback', 'ndc:773,872', '--tag', 'launch', '--label', 'Chicago'),
      ...['--max-upfront', '25', '--reserve'],
    ]);
    expect(asked.split('\n').map((line) => line.replace(/ {2,}(?=\S)/g, '  '))).toEqual([
      'This buys 20 numbers:',
      '  label  Chicago',
      '  lines  20 US local in 312 with sms and voice, else in 773 or 872',
      '  tags  launch',
      '  reserve  the numbers are reserved before they are ordered',
      '  each number  at most 5.00 USD upfront and 5.00 USD a month',
      '  budget  at most 25 USD upfront',
      'It costs at most 125.00 USD: 25.00 upfront (your budget) and 100.00 for the first month (20 numbers at 5.00 at most).',
      expect.stringContaining('Go ahead?'),
      '',
    ]);
  });

  it('says what an update replaces and takes away', async () => {
    await stage.sql`update phone_numbers set tags = '{old}', messaging_profile_id = 'p' where phone_number = any(${ours})`;
    const asked = await ask([...setting('tags=new', 'messaging_profile_id='), '--label', 'Move']);
    for (const text of [
      'This changes 2 numbers:',
      /label +Move/,
      new RegExp(`numbers +${ours.toSorted().join(', ').replaceAll('+', '\\+')}\n`),
      /tags +new \(replaces all tags\)/,
      /messaging profile +none \(takes the messaging profile away\)/,
      '2 numbers have tags now, which are replaced.',
      'The messaging profile is taken away from 2 numbers.',
    ])
      expect(asked).toMatch(text);
    const paid = { PROVISIONER_PRICES: 'caller_id_name=0.40' };
    expect(await ask(setting('voice.caller_id_name_enabled=true'), paid)).toContain(
      'It costs 0.80 USD: 2 numbers at 0.40 each, by PROVISIONER_PRICES.',
    );
  });

  it('says what the guards of a release keep', async () => {
    await stage.sql`update phone_numbers set deletion_lock_enabled = true, monthly_cost = 1 where phone_number = any(${ours})`;
    const argv = release(...file('ours.csv'), '--expect', '2');
    expect(await ask(argv)).toMatch(
      /This RELEASES 2 numbers:\n[\s\S]*2 have a deletion lock, and are kept\n[\s\S]*2\.00 USD a month/,
    );
    expect(await ask([...argv, '--include-locked'])).toMatch(/2 have a deletion lock, and are released too\n/);
    await stage.sql`update phone_numbers set deletion_lock_enabled = false where phone_number = any(${ours})`;
  });
});

describe('an account that is broken: requests wait, and every place says what to do', () => {
  it('a wrong key', async () => {
    const wrong = await openCliStage({ env: { TELNYX_API_KEY: 'KEY_wrong' } });
    try {
      const said = await wrong.run(['buy', '--ndc', '312=3', '--yes', '--wait', '--timeout', '4s', '--json']);
      const advice =
        /the account gate is closed, nothing is sent: .*; set TELNYX_API_KEY, restart the workers, then `provisioner account reopen`/;
      expect({ exit: said.exit, ...said.json() }).toMatchObject({
        exit: 7,
        counts: { pending: 3, failed: 0 },
        error: { code: 'bad_key', message: expect.stringMatching(advice) },
      });
      expect(said.err).toMatch(advice);
      const shown = await wrong.run(['request', said.json().id]);
      expect(shown.out).toMatch(/error .*set TELNYX_API_KEY.*\(bad_key\)/);
      expect((await wrong.run(['requests'])).out).toMatch(/\n {2}waits: the account gate is closed/);
      expect((await wrong.run(['account'])).out).toContain('restart the workers');
      expect(wrong.simulator.ledger().bought).toEqual([]);
    } finally {
      await wrong.close();
    }
  });

  it('no funds: buys wait, updates go on', async () => {
    stage.simulator.faults({ clear: true, faults: [{ kind: 'insufficient_funds', code: '20100' }] });
    const bought = stage.simulator.ledger().bought.length;
    const said = await stage.run(['buy', '--ndc', '312=3', '--yes', '--wait', '--timeout', '4s', '--json']);
    expect({ exit: said.exit, ...said.json() }).toMatchObject({
      exit: 7,
      counts: { failed: 0 },
      error: { code: 'insufficient_funds', message: expect.stringMatching(/add credit; it opens by itself/) },
    });
    expect(stage.simulator.ledger().bought).toHaveLength(bought);
    const changed = await stage.run([...setting('customer_reference=paid'), '--yes', '--wait', '--json']);
    expect({ exit: changed.exit, ...changed.json() }).toMatchObject({ exit: 0, status: 'succeeded', error: null });
    stage.simulator.faults({ clear: true });
    expect(await stage.run(['account', 'reopen', '--yes'])).toMatchObject({ exit: 0 });
    expect((await stage.run(['watch', said.json().id, '--json'])).json()).toMatchObject({ status: 'succeeded', error: null });
  });
});
