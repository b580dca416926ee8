import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { realServices } from '../../src/cli/services.ts';
import { openCliStage } from '../support/cli-harness.ts';
import { testIo } from '../support/cli-runs.ts';

const stage = await openCliStage({ simulator: { owned: 150 } });
afterAll(() => stage.close());
const { run, sql } = stage;
await run(['reconcile']);
const owned = (await sql<{ phoneNumber: string }[]>`select phone_number from phone_numbers order by 1`).map((r) => r.phoneNumber);
const [first = '', second = ''] = owned;
const EVIL = 'a\u202eb\u001b[2J\u001b[31mc\u009bd\u2028e';

const requestCount = async () => (await sql<{ n: number }[]>`select count(*)::int as n from requests`)[0]?.n;

describe('the command line', () => {
  it.each(['national_destination_code=%', 'status=%', 'connection_id=%', 'country_code=%', 'bought_by=%'])(
    'refuses --where %s everywhere, and changes nothing',
    async (where) => {
      const [field] = where.split('=');
      const before = await requestCount();
      const update = await run(['update', '--where', where, '--set', 'tags=x', '--yes']);
      const release = await run(['delete', '--where', where, '--expect', '150', '--yes']);
      const list = await run(['inventory', '--where', where]);
      for (const said of [update, release, list]) {
        expect(said.exit).toBe(2);
        expect(said.err).toContain(`--where ${field}: must be`);
      }
      expect(await requestCount()).toBe(before);
    },
  );

  it('says in its question when a filter matches most of the inventory', async () => {
    const { io, err } = testIo('n\n', { ...stage.env });
    const exit = await runCli(['update', '--where', 'state=owned', '--set', 'tags=x'], { ...io, canAsk: true }, realServices);
    expect([exit, err()]).toEqual([2, expect.stringContaining('--where state: is not known')]);
    const asked = testIo('n\n', { ...stage.env });
    const answer = await runCli(
      ['update', '--where', 'country_code=US', '--set', 'tags=x'],
      { ...asked.io, canAsk: true },
      realServices,
    );
    expect(answer).toBe(6);
    expect(asked.err()).toMatch(
      /This changes 150 numbers:\n[\s\S]*\nMind that the filter matches 150 of the 150 numbers that we own: all of them\.\n/,
    );
  });

  it('refuses control and direction characters in a label, and repeats none of them', async () => {
    const said = await run(['update', '--where', 'tag=x', '--set', `customer_reference=${EVIL}`, '--label', EVIL, '--yes']);
    expect([said.exit, said.err]).toEqual([2, expect.stringContaining('--label: holds U+202E')]);
    expect(said.err).toContain('--set customer_reference: holds U+202E');
    expect(said.err).not.toMatch(/[\p{Bidi_Control}\p{Line_Separator}]|(?!\n)\p{Control}/u);
  });

  it('shows control and direction characters of others, and lets none of them act', async () => {
    await sql`update phone_numbers set customer_reference = ${EVIL}, tags = array[${EVIL}] where phone_number = ${first}`;
    await sql`update account set reason = ${EVIL}, gate_open = false, reason_code = 'bad_key'`;
    const shows = [
      await run(['number', first]),
      await run(['inventory', '--limit', '5']),
      await run(['inventory', '--limit', '5', '--json']),
      await run(['number', first, '--json']),
      await run(['inventory', '--csv']),
      await run(['account']),
    ];
    for (const { exit, out, err } of shows) {
      expect([exit, err]).toEqual([0, expect.anything()]);
      expect(out + err).not.toMatch(/[\p{Bidi_Control}\p{Line_Separator}]|(?!\n)\p{Control}/u);
      expect(out).toMatch(/a\\u(\{202E\}|202e)b\\u(\{1B\}|001b)\[2J/);
    }
    expect(shows[3]?.json()).toMatchObject({ customer_reference: EVIL, tags: [EVIL] });
    await sql`update account set reason = null, gate_open = true, reason_code = null`;
  });

  it('writes CSV cells that no spreadsheet calculates, and reads its own export back', async () => {
    await sql`update phone_numbers set customer_reference = '=1+1', tags = '{@x}' where phone_number = ${second}`;
    const { out } = await run(['inventory', '--csv']);
    const row = out.split('\n').find((line) => line.startsWith(`${second},`));
    expect(row).toContain(",'=1+1,'@x,");
    expect(out).not.toMatch(/(^|,)"?[=@\t]/m);
    // The column alone, as people cut it out.
    const file = join(tmpdir(), `export-${process.pid}.csv`);
    writeFileSync(
      file,
      out
        .split('\n')
        .map((line) => line.split(',')[0] ?? '')
        .join('\n'),
    );
    const update = await run(['update', '--numbers', file, '--set', 'add_tags=back', '--json', '--yes']);
    expect([update.exit, update.json()['counts']]).toEqual([0, expect.objectContaining({ asked: owned.length })]);
  });

  it('tells a hundred problems and how many more there are', async () => {
    const lines = Array.from({ length: 130 }, () => ['--ndc', '312=0']).flat();
    const said = await run(['buy', ...lines, '--yes']);
    expect([said.exit, said.err.split('\n').filter((line) => line.startsWith('  --ndc')).length]).toEqual([2, 100]);
    expect(said.err).toContain('and 30 more');
  });

  it('refuses a list of more than 100,000 numbers to buy without reading on', async () => {
    const list = Array.from({ length: 100_002 }, (_, i) => `+1312${2_000_000 + i}`).join('\n');
    const said = await run(['buy', '--numbers', '-', '--yes'], { stdin: list });
    expect([said.exit, said.err]).toEqual([2, expect.stringContaining('100,000 numbers at most')]);
  });
});
