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

describe('C13 a list of which a number has left the account', () => {
  it('is refused with the number by name and the cure; --skip-gone releases the rest, with the count over all', async () => {
    const [gone = '', ...rest] = take(3);
    const list = file('three.csv', `phone_number\n${[gone, ...rest].join('\n')}\n`);
    stage.simulator.portOut([gone]);
    expect((await stage.run(['reconcile'])).exit).toBe(2);
    const refused = await stage.run(['delete', ...list, '--expect', '3', '--yes']);
    expect([refused.exit, refused.out]).toEqual([6, '']);
    expect(refused.err).toContain(`${gone} left the account: it is missing`);
    expect(refused.err).toMatch(/1 of the numbers are not ours.*--skip-gone/);
    expect(refused.err).not.toMatch(/reconciliation/);
    expect(await stage.run(['delete', ...list, '--expect', '2', '--skip-gone', '--yes'])).toMatchObject({ exit: 6 });
    expect(released()).not.toContain(rest[0]);
    const said = await stage.run(['delete', ...list, '--expect', '3', '--skip-gone', ...wait]);
    expect({ exit: said.exit, ...said.json() }).toMatchObject({ exit: 3, counts: { asked: 3, succeeded: 2, skipped: 1 } });
    const ends = (await stage.run(['request', said.json().id, '--items', 'skipped', '--json'])).json();
    expect(ends['items']).toMatchObject([{ phone_number: gone, reason_code: 'already_gone' }]);
    expect(released()).toEqual(expect.arrayContaining(rest));
    expect(released()).not.toContain(gone);
  });

  it('ends at once when all have left; a number that was never ours is no number that left', async () => {
    const [gone = ''] = take(1);
    stage.simulator.releaseInPortal([gone]);
    await stage.run(['reconcile']);
    const said = await stage.run(['delete', ...file('one.csv', gone), '--expect', '1', '--skip-gone', '--yes', '--json']);
    expect(said.json()).toMatchObject({ status: 'failed', counts: { asked: 1, skipped: 1 }, chunks: { total: 0 } });
    const strange = await stage.run([
      'delete',
      ...file('slip.csv', `${gone}\n+13125559999`),
      '--expect',
      '2',
      '--skip-gone',
      '--yes',
    ]);
    expect([strange.exit, strange.err]).toEqual([6, expect.stringContaining('+13125559999 is not in the inventory')]);
  });
});

describe('C1 a new area code', () => {
  it.each(['861', '436', '624'])(
    '%s is searched for: no numbers there is an answer of Telnyx, not of a library',
    async (code) => {
      const said = await stage.run(['buy', '--ndc', `${code}=1`, ...wait]);
      expect({ exit: said.exit, ...said.json() }).toMatchObject({ exit: 1, status: 'failed', counts: { failed: 1 } });
      const ends = (await stage.run(['request', said.json().id, '--items', 'failed', '--json'])).json();
      expect(ends['items']).toMatchObject([{ reason_code: 'inventory_exhausted' }]);
    },
  );
});
