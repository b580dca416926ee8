import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliStage, openCliStage } from '../support/cli-harness.ts';

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
      expect.stringMatching(/^2 numbers were rewritten: .*\nThis RELEASES 2 numbers\./),
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
