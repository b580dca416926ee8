import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { type CliStage, openCliStage } from '../support/cli-harness.ts';
import { ROOT } from '../support/sources.ts';

const [_connection = '', _otherConnection = ''] = SIMULATED_ACCOUNT.connectionIds;
const WAIT = ['--yes', '--wait', '--timeout', '30s', '--json'];

let stage: CliStage;
const run = (argv: string[], stdin = '') => stage.run(argv, { stdin });
beforeAll(async () => {
  stage = await openCliStage();
  expect(await run(['reconcile'])).toMatchObject({ exit: 0 });
});
afterEach(() => stage.simulator.faults({ clear: true }));
afterAll(() => stage.close());

describe('what a budget or a guard of the request lets through', () => {
  it('I5 nothing within the budget exits 6, a part of it 3', async () => {
    const none = await run(['buy', '--ndc', '312=2', '--max-upfront', '0.50', ...WAIT]);
    expect({ exit: none.exit, ...none.json() }).toMatchObject({ exit: 6, status: 'failed', counts: { failed: 2 } });
    expect(stage.simulator.ledger().bought).toEqual([]);
    const some = await run(['buy', '--ndc', '312=3', '--max-upfront', '2.00', ...WAIT]);
    expect({ exit: some.exit, ...some.json() }).toMatchObject({ exit: 3, status: 'partially_succeeded' });
    expect((await run(['watch', none.json().id, '--json'])).exit).toBe(6);
  });

  it('I8 a release whose guards kept every number exits 6, one that kept some 3', async () => {
    const [locked = '', emergency = '', free = ''] = stage.simulator.ownedNumbers();
    stage.simulator.lock([locked]);
    stage.simulator.setEmergency([emergency], 'active');
    const kept = await run(['delete', '--numbers', '-', '--expect', '2', ...WAIT], `${locked}\n${emergency}\n`);
    expect({ exit: kept.exit, ...kept.json() }).toMatchObject({ exit: 6, counts: { skipped: 2 } });
    const partly = await run(['delete', '--numbers', '-', '--expect', '2', ...WAIT], `${locked}\n${free}\n`);
    expect({ exit: partly.exit, ...partly.json() }).toMatchObject({ exit: 3, counts: { skipped: 1, succeeded: 1 } });
  });
});

describe('the buy of the README', () => {
  it('ends whole on the simulator of the README', async () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const [, buy = ''] = /^provisioner (buy --ndc .*)$/m.exec(readme) ?? [];
    const [, numbers, owned] = /^provisioner simulate .*--numbers (\d+) --owned (\d+)$/m.exec(readme) ?? [];
    const own = await openCliStage({ simulator: { numbers: Number(numbers), owned: Number(owned) } });
    try {
      const said = await own.run([...buy.split(' '), '--json']);
      expect({ exit: said.exit, ...said.json() }).toMatchObject({
        ...{ exit: 0, status: 'succeeded', counts: { asked: 250, succeeded: 250 } },
      });
    } finally {
      await own.close();
    }
  });
});

describe('a request that is held back', () => {
  it('is paused and resumed by command, and says when it starts and why it stands still', async () => {
    const start = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = (await run(['buy', '--ndc', '646=3', '--start-at', start, '--yes', '--json'])).json();
    expect(await run(['pause', id, '--yes', '--json'])).toMatchObject({ exit: 0 });
    const shown = (await run(['request', id])).out;
    expect(shown).toMatch(/status +paused/);
    expect(shown).toMatch(/paused by cli:.* \(paused\)/);
    expect((await run(['resume', id, '--yes', '--json'])).json()).toMatchObject({ status: 'scheduled', start_at: start });
    expect((await run(['resume', id, '--yes'])).exit).toBe(6);
    expect((await run(['cancel', id, '--yes', '--json'])).json()).toMatchObject({ status: 'cancelled' });
    const held = await run(['buy', '--ndc', '646=3', '--canary', '1', '--stop-above', '5%', ...WAIT]);
    expect({ exit: held.exit, ...held.json() }).toMatchObject({ exit: 0, body: { canary: 1, stop_above: 5 } });
  });
});

describe('numbers that were just bought', () => {
  it('are found by country and type, from a search and from a list, without a reconciliation', async () => {
    const local = await run(['buy', '--ndc', '646=2', '--tag', 'fresh', ...WAIT]);
    const free = await run(['buy', '--toll-free', '1', '--max-number-cost', '50', '--tag', 'fresh', ...WAIT]);
    const [offer] = await stage.sql<
      { phoneNumber: string }[]
    >`select phone_number from items where request_id = ${local.json().id}`;
    const wanted = await numberOnSale(offer?.phoneNumber.slice(0, 5) ?? '');
    const listed = await run(['buy', '--numbers', '-', '--tag', 'fresh', ...WAIT], `${wanted}\n`);
    expect([local.exit, free.exit, listed.exit]).toEqual([0, 0, 0]);
    const found = async (...where: string[]) => {
      const said = await run(['inventory', '--where', 'tag=fresh', ...where.flatMap((w) => ['--where', w]), '--json']);
      return (said.json() as unknown as { data: { phone_number: string }[] }).data.length;
    };
    expect(await found('country_code=US')).toBe(4);
    expect(await found('phone_number_type=local')).toBe(2);
    expect(await found('phone_number_type=toll_free')).toBe(1);
    expect(await found('country_code=CA')).toBe(0);
    // Telnyx calls them by old names for a while: what the inventory knows better stays.
    await run(['reconcile']);
    expect([await found('phone_number_type=local'), await found('phone_number_type=toll_free')]).toEqual([2, 1]);
    const update = await run(['update', '--where', 'country_code=US', '--where', 'tag=fresh', '--set', 'add_tags=us', ...WAIT]);
    expect({ exit: update.exit, ...update.json() }).toMatchObject({ exit: 0, counts: { asked: 4, succeeded: 4 } });
  });

  async function numberOnSale(prefix: string): Promise<string> {
    const answer = await fetch(`${stage.simulator.controlUrl}/_sim/numbers?owned=false`);
    const numbers = JSON.stringify(await answer.json()).match(/\+\d{11}/g) ?? [];
    return numbers.find((n) => n.startsWith(prefix)) ?? 'none';
  }
});

describe('requests that wait', () => {
  it('the list shows what is missing and until when', async () => {
    stage.simulator.faults({ clear: true, faults: [{ kind: 'paperwork', times: 1 }] });
    const { id } = (await run(['buy', '--ndc', '312=1', '--label', 'two lines', '--yes', '--json'])).json();
    // As an older version stored it.
    await stage.sql`update requests set label = ${'two\nlines'} where id = ${id}`;
    const waited = await run(['watch', id, '--timeout', '4s']);
    expect(waited.exit).toBe(5);
    const { error } = (await run(['request', id, '--json'])).json() as unknown as { error: { message: string } };
    expect(error.message).toMatch(/waits for paperwork: .+; Telnyx cancels it on \d{4}-/);
    const listed = await run(['requests', '--status', 'waiting']);
    const lines = listed.out.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(new RegExp(`^two\\\\u\\{A\\}lines  ${id} `));
    expect(lines[2]).toBe(`  waits: ${error.message} (requirements_not_met)`);
    expect((await run(['requests', '--status', 'waiting', '--json'])).json()).toMatchObject({ data: [{ id, error }] });
    expect(await run(['cancel', id, '--yes'])).toMatchObject({ exit: 0 });
  });
});
