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
const released = () => stage.simulator.ledger().released.map((r) => r.phone_number);

describe('C13 a list of which a number has left the account', () => {
  it('is refused with the number by name and the cure; --skip-gone releases the rest, with the count over all', async () => {
    const [gone = '', ...rest] = take(3);
    const list = file('three.csv', `phone_number\n${[gone, ...rest].join('\n')}\n`);
    stage.simulator.portOut([gone]);
    expect((await stage.run(['reconcile'])).exit).toBe(2);
    const refused = await stage.run(['delete', ...list, '--expect', '3', '--yes']);
    expect([refused.exit, refused.out]).toEqual([6, '']);
    expect(refused.err).toContain(`${gone} left the account: it is missing`);
    expect(refused.err).toMatch(/nothing was released: 1 of 3 numbers left the account; .*--skip-gone/);
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
