import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { type CliStage, openCliStage } from '../support/cli-harness.ts';

const [connection = '', otherConnection = ''] = SIMULATED_ACCOUNT.connectionIds;
const folder = mkdtempSync(join(tmpdir(), 'provisioner-lists-'));
let stage: CliStage;
let ours: string[] = [];
const take = (count: number): string[] => ours.splice(0, count);

beforeAll(async () => {
  stage = await openCliStage({ simulator: { owned: 60 } });
  expect(await stage.run(['reconcile'])).toMatchObject({ exit: 0 });
  ours = stage.simulator.ownedNumbers().filter((n) => /^\+1(?!8)/.test(n));
});
afterAll(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string, content: string | Buffer) => {
  writeFileSync(join(folder, name), content);
  return ['--numbers', join(folder, name)];
};
const wait = ['--yes', '--wait', '--json'];
const national = (n: string) => `(${n.slice(2, 5)}) ${n.slice(5, 8)}-${n.slice(8)}`;
const released = () => stage.simulator.ledger().released.map((r) => r.phone_number);
const changed = (value: string) =>
  stage.simulator
    .ledger()
    .changed.filter((c) => JSON.stringify(c).includes(value))
    .map((c) => c.phone_number)
    .sort();

describe('D1 a list from elsewhere', () => {
  it('with semicolons, another column and a repeat changes each number once, and says what it did', async () => {
    const [a = '', b = ''] = take(2);
    const list = file('crm.csv', `\ufeffsep=;\r\nName;DID Number\r\n"Acme; Inc.";${a}\r\nBeta;"${national(b)}"\r\nAcme;${a}\r\n`);
    const said = await stage.run(['update', ...list, '--country', 'US', '--set', 'customer_reference=crm', ...wait]);
    expect({ exit: said.exit, ...said.json() }).toMatchObject({ exit: 0, counts: { asked: 2, succeeded: 2 } });
    expect(said.err.split('\n').slice(0, 3)).toEqual([
      'another column is ignored: Name',
      `1 number was rewritten: "${national(b)}" is ${b} (row 4)`,
      `1 repeated number is counted once: ${a} (row 5, first at row 3)`,
    ]);
    expect(changed('crm')).toEqual([a, b].sort());
  });

  it('by a column of any name, as UTF-16', async () => {
    const [a = ''] = take(1);
    const list = file('utf16.csv', Buffer.from(`\ufeffold\tRufnummer\r\n+13125550100\t${a}\r\n`, 'utf16le').swap16());
    const said = await stage.run(['update', ...list, '--column', 'rufnummer', '--set', 'customer_reference=be', ...wait]);
    expect([said.exit, changed('"be"')]).toEqual([0, [a]]);
  });

  it('that the product wrote itself is read: inventory --csv, and export', async () => {
    const inventory = (await stage.run(['inventory', '--csv'])).out;
    const count = inventory.trim().split('\n').length - 1;
    const said = await stage.run(['update', ...file('inventory.csv', inventory), '--set', 'customer_reference=own', ...wait]);
    expect({ exit: said.exit, ...said.json() }).toMatchObject({ exit: 0, counts: { asked: count, succeeded: count } });
    const exported = (await stage.run(['export', said.json().id])).out;
    const again = await stage.run(['update', ...file('export.csv', exported), '--set', 'customer_reference=twice', ...wait]);
    expect({ exit: again.exit, ...again.json() }).toMatchObject({ exit: 0, counts: { asked: count, succeeded: count } });
  });

  it('that names what a reconciliation run found is read: run --csv; a number with several differences counts once', async () => {
    const [a = '', b = ''] = take(2);
    stage.simulator.setOwnedField([a, b], 'connection_id', otherConnection);
    stage.simulator.setTags([a], ['portal']);
    const { id } = (await stage.run(['reconcile', '--json'])).json();
    const drift = (await stage.run(['run', id, '--csv'])).out;
    expect(drift.trim().split('\n')).toHaveLength(4);
    const said = await stage.run(['update', ...file('drift.csv', drift), '--set', 'customer_reference=drift', ...wait]);
    expect({ exit: said.exit, ...said.json() }).toMatchObject({ exit: 0, counts: { asked: 2, succeeded: 2 } });
    expect([said.err, changed('drift')]).toEqual([expect.stringContaining('1 repeated number is counted once'), [a, b].sort()]);
    const settled = await stage.run(['accept', id, ...file('drift.csv', drift), '--yes', '--json']);
    expect([settled.exit, settled.json()]).toEqual([0, expect.objectContaining({ not_found: 0 })]);
  });

  it('of 100,000 rows with the last one wrong names that row and stores nothing', async () => {
    const rows = Array.from({ length: 100_000 }, (_, i) => `+1312${2_000_000 + i}`);
    const list = file('large.csv', `phone_number\n${rows.join('\n')}\n+1312\u200e555\n`);
    const before = await stage.sql`select count(*) from requests`;
    const said = await stage.run(['update', ...list, '--set', 'customer_reference=x', '--yes']);
    expect([said.exit, said.err]).toEqual([2, expect.stringContaining('row 100002: "+1312<U+200E>555" is not an E.164 number')]);
    expect(await stage.sql`select count(*) from requests`).toEqual(before);
  });
});

describe('C11 a release of a list that went through a spreadsheet', () => {
  it('says how many numbers were rewritten, and shows some, before it is taken on', async () => {
    const numbers = take(2);
    const list = file('sheet.csv', `phone_number\n${numbers.map((n) => n.slice(1)).join('\n')}\n`);
    const asked = await stage.run(['delete', ...list, '--country', 'US', '--expect', '2'], { stdin: 'n\n', canAsk: true });
    expect([asked.exit, asked.err]).toEqual([
      6,
      expect.stringMatching(/^2 numbers were rewritten: .*\nThis RELEASES 2 numbers:/),
    ]);
    expect(released()).toEqual([]);
    const said = await stage.run(['delete', ...list, '--country', 'US', '--expect', '2', ...wait]);
    expect([said.exit, said.err]).toEqual([
      0,
      expect.stringMatching(/2 numbers were rewritten: "1\d{10}" is \+1\d{10} \(row 2\), /),
    ]);
    expect(released()).toEqual(expect.arrayContaining(numbers));
  });
});

describe('values per row', () => {
  /** What batch jobs have set on a number, from the job with this position on. */
  const setOn = (number: string, since: number) => {
    const { jobs, changed } = stage.simulator.ledger();
    const late = new Set<string | null>(jobs.slice(since).map((j) => j.id));
    return changed.filter((c) => c.phone_number === number && late.has(c.job_id)).map((c) => c.fields);
  };
  const jobsNow = () => stage.simulator.ledger().jobs.length;

  it('give each number its own, in one batch job for each set of values; what failed is retried with its own', async () => {
    const numbers = take(8);
    const stranger = '+13125550199';
    const rows = [...numbers, stranger].map((n, i) => ({
      n,
      connection: i % 2 === 0 ? connection : otherConnection,
      tags: i % 4 < 2 ? 'north,east' : 'east,north,east',
      reference: i === 0 ? "'=first" : '',
    }));
    const csv = rows.map((r) => `${r.n};${r.connection};"${r.tags}";${r.reference};x`).join('\n');
    const list = file('values.csv', `phone_number;Connection ID;tags;customer_reference;note\n${csv}\n${csv.split('\n')[0]}\n`);
    const before = jobsNow();
    const columns = ['--columns', 'connection_id,tags,customer_reference'];
    const said = await stage.run(['update', ...list, ...columns, ...wait]);
    expect({ exit: said.exit, ...said.json() }).toMatchObject({ exit: 3, counts: { asked: 9, succeeded: 8, failed: 1 } });
    expect(said.err).toContain(`another column is ignored: note`);
    expect(said.err).toContain(`1 repeated number is counted once: ${numbers[0]} (row 11, first at row 2)`);
    expect(jobsNow() - before).toBe(3);
    for (const { n, connection, reference } of rows.slice(0, 8)) {
      const wanted = { connection_id: connection, tags: ['east', 'north'] };
      expect([n, setOn(n, before)]).toEqual([n, [reference === '' ? wanted : { ...wanted, customer_reference: '=first' }]]);
    }
    const again = await stage.run(['retry', said.json().id, '--yes', '--json']);
    const [chunk] = await stage.sql<{ numbers: string[]; step: unknown }[]>`
      select numbers, step from chunks where request_id = ${again.json().id}`;
    const { connection: own } = rows[8] ?? {};
    expect(chunk).toEqual({
      numbers: [stranger],
      step: { kind: 'update', settings: { connection_id: own, tags: ['east', 'north'] } },
    });
  });

  it('may come from our own inventory, formula-safe texts included: what was read back changes nothing', async () => {
    const [a = '', b = ''] = take(2);
    const list = file('own.csv', `phone_number,customer_reference,tags\n${a},"'=1+1","x,y"\n${b},-7,z\n`);
    const columns = ['--columns', 'customer_reference,tags'];
    expect(await stage.run(['update', ...list, ...columns, ...wait])).toMatchObject({ exit: 0 });
    const inventory = (await stage.run(['inventory', '--csv'])).out;
    const kept = inventory.split('\n').filter((l, i) => i === 0 || l.includes(a) || l.includes(b));
    expect(kept.join('\n')).toContain("'=1+1");
    const before = jobsNow();
    const again = await stage.run(['update', ...file('again.csv', kept.join('\n')), ...columns, ...wait]);
    expect(again.exit).toBe(0);
    expect([setOn(a, before), setOn(b, before)]).toEqual([
      [{ customer_reference: '=1+1', tags: ['x', 'y'] }],
      [{ customer_reference: '-7', tags: ['z'] }],
    ]);
  });

  it('of one number that differ are refused, and the question says how many sets there are', async () => {
    const [a = '', b = ''] = ours;
    const columns = ['--columns', 'tags'];
    const twice = file('twice.csv', `phone_number,tags\n${a},x\n${b},y\n${a},z\n`);
    const refused = await stage.run(['update', ...twice, ...columns, '--yes']);
    expect([refused.exit, refused.err]).toEqual([
      2,
      expect.stringContaining(`row 4: "${a}" is in the list already, at row 2, with other values`),
    ]);
    const good = file('good.csv', `phone_number,tags\n${a},x\n${b},y\n`);
    const asked = await stage.run(['update', ...good, ...columns], { stdin: 'n\n', canAsk: true });
    expect([asked.exit, asked.err]).toEqual([
      6,
      expect.stringMatching(/This changes 2 numbers:\n[\s\S]* each row +tags \(2 different sets of values\)\n/),
    ]);
  });
});

describe('a list with many problems', () => {
  it('names the first hundred rows and counts the others, under a sentence', async () => {
    const list = file('wrong.csv', `phone_number\n${'+1312\n'.repeat(250)}`);
    const said = await stage.run(['update', ...list, '--set', 'customer_reference=x', '--yes']);
    const lines = said.err.trim().split('\n');
    expect([said.exit, lines[0], lines[100], lines[101]]).toEqual([
      2,
      'error 250 problems, and nothing was changed:',
      expect.stringMatching(/^ {2}row 101: "\+1312"/),
      '  and 150 more',
    ]);
  });

  it('of a release keeps its sentence and shows the first twenty', async () => {
    const list = file('none.csv', Array.from({ length: 300 }, (_, i) => `+1312555${1000 + i}`).join('\n'));
    const said = await stage.run(['delete', ...list, '--expect', '300', '--yes']);
    const [first, ...lines] = said.err.trim().split('\n');
    expect([said.exit, first]).toEqual([
      6,
      expect.stringContaining('nothing was released: 300 of 300 numbers are not in the inventory (first 20 below)'),
    ]);
    expect([lines[0], lines.at(-1), lines.length]).toEqual([
      '  phone_numbers: +13125551000 is not in the inventory',
      '  and 280 more',
      21,
    ]);
  });
});
