import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildRole } from '../../src/app/roles.ts';
import { loadConfig } from '../../src/config/config.ts';
import { packageVersion } from '../../src/config/version.ts';
import { createLog } from '../../src/observability/log.ts';
import { SIMULATED_ACCOUNT } from '../../src/simulator/index.ts';
import { type CliStage, openCliStage } from '../support/cli-harness.ts';

const [connection = '', otherConnection = ''] = SIMULATED_ACCOUNT.connectionIds;

let stage: CliStage;
const run = (argv: string[], stdin = '') => stage.run(argv, { stdin });
beforeAll(async () => {
  stage = await openCliStage();
  expect(await run(['reconcile'])).toMatchObject({ exit: 0 });
});
afterEach(() => stage.simulator.faults({ clear: true }));
afterAll(() => stage.close());

describe('a reconciliation that repairs', () => {
  /** What the account shows now is what we want. */
  const accepted = async () => {
    const { id } = (await run(['reconcile', '--json'])).json() as unknown as { id: string };
    expect(await run(['accept', id, '--yes'])).toMatchObject({ exit: 0 });
  };

  it('names the requests it filed; one that could not be filed makes it exit 1', async () => {
    const [one = '', two = ''] = stage.simulator.ownedNumbers().slice(5, 7);
    stage.simulator.setOwnedField([one], 'connection_id', connection);
    stage.simulator.setTags([two], ['Sales Team']);
    await accepted();
    stage.simulator.setOwnedField([one], 'connection_id', otherConnection);
    stage.simulator.setTags([two], []);
    const repaired = await run(['reconcile', '--repair', '--yes', '--json']);
    const { repair_requests: filed } = repaired.json() as unknown as { repair_requests: string[] };
    expect(repaired.json()).toMatchObject({ error: null, counts: { changed: 2 } });
    // The repairs may be done already when the command looks what is open.
    expect([0, 2]).toContain(repaired.exit);
    expect(filed).toHaveLength(2);
    for (const id of filed) expect(await run(['watch', id, '--timeout', '20s'])).toMatchObject({ exit: 0 });
    expect((await run(['reconcile'])).exit).toBe(0);

    stage.simulator.setOwnedField([one], 'connection_id', otherConnection);
    await stage.sql`alter table requests add constraint refused check (label not like 'repair of %') not valid`;
    const refused = await run(['reconcile', '--repair', '--yes']);
    await stage.sql`alter table requests drop constraint refused`;
    expect(refused).toMatchObject({
      exit: 1,
      out: expect.stringMatching(/error .*the repair of connection_id of \+\d+ could not be filed/),
    });
  });
});

describe('drift on the command line', () => {
  const reconciled = async () => {
    const { exit, json } = await run(['reconcile', '--json']);
    return { exit, ...(json() as unknown as { id: string; still_open: { run_id: string }[] }) };
  };

  it('keeps `reconcile` at exit 2 until it is repaired or accepted, also in later runs', async () => {
    for (const { run_id } of (await reconciled()).still_open) await run(['accept', run_id, '--yes']);
    const [one = '', two = ''] = stage.simulator.ownedNumbers().slice(8, 10);
    const update = ['update', '--numbers', '-', '--set', 'customer_reference=ours', '--yes', '--wait'];
    expect(await run(update, `${one}\n${two}\n`)).toMatchObject({ exit: 0 });
    stage.simulator.setOwnedField([one, two], 'customer_reference', 'theirs');
    const first = await reconciled();
    expect(first).toMatchObject({ exit: 2, still_open: [{ run_id: first.id, changed: 2 }] });
    const text = await run(['reconcile']);
    expect(text).toMatchObject({ exit: 2, out: expect.stringContaining(`${first.id}  2 fields changed`) });
    expect(text.out).toContain('provisioner repair RUN');
    expect((await run(['runs'])).out).toContain('2 fields changed');
    const csv = (await run(['run', first.id, '--csv'])).out;
    expect(csv.split('\n').slice(0, 2)).toEqual([
      'phone_number,kind,field,ours,theirs,state,at,by,request_id,repair_request_id,found_by',
      expect.stringMatching(/^\+\d+,changed,customer_reference,ours,theirs,open,/),
    ]);
    expect(await run(['accept', first.id])).toMatchObject({ exit: 6 });
    // What `run --csv` writes is read: only the rows that are left in it.
    const one_row = csv
      .split('\n')
      .filter((line) => !line.startsWith(two))
      .join('\n');
    const accepted = await run(['accept', first.id, '--numbers', '-', '--yes'], one_row);
    expect(accepted).toMatchObject({ exit: 0, out: expect.stringContaining('accepted: 1 field changed') });
    expect(accepted.err).toContain('other columns are ignored');
    const repaired = await run(['repair', first.id, '--yes', '--json']);
    const { requests } = repaired.json() as unknown as { requests: { id: string }[] };
    expect([repaired.exit, requests.length]).toEqual([0, 1]);
    expect(await run(['watch', requests[0]?.id ?? '', '--timeout', '20s'])).toMatchObject({ exit: 0 });
    expect(await reconciled()).toMatchObject({ exit: 0, still_open: [] });
    expect(await run(['repair', 'run_none', '--yes'])).toMatchObject({ exit: 4 });
    expect(await run(['accept', first.id, '--only', 'colour', '--yes'])).toMatchObject({ exit: 2 });
  });
});

describe('the way in', () => {
  it('simulate on a port that is taken names it and what to do', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const said = await run(['simulate', '--port', String(port)]);
    expect(said).toMatchObject({
      exit: 2,
      err: expect.stringContaining(`port ${port} is in use by another program; choose another with --port`),
    });
    await new Promise((resolve) => taken.close(resolve));
  });

  it('a requirement group given once goes with every line', async () => {
    const group = '3fa85f64-5717-4562-b3fc-2c963f66afa6';
    const buy = await run(['buy', '--ndc', '312=1', '--state', 'TX=1', '--requirement-group-id', group, '--yes', '--json']);
    const lines = await stage.sql<{ group: string }[]>`
      select criteria->>'requirement_group_id' as group from lines where request_id = ${buy.json().id}`;
    expect(lines.map((l) => l.group)).toEqual([group, group]);
  });

  it('the description of the API carries the version of the package', async () => {
    const config = loadConfig({ DATABASE_URL: stage.databaseUrl, PROVISIONER_PORT: '0' });
    const server = await buildRole('serve', config, createLog({ level: 'silent', format: 'json' }));
    await server.lifecycle.start();
    const answer = await fetch(`${server.url()}/openapi.json`);
    expect(await answer.json()).toMatchObject({ info: { version: packageVersion() } });
    expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+/);
    await server.lifecycle.stop('the test is over');
  });
});

describe('undo on the command line', () => {
  it('shows the plan, asks, and files; `--plan` only shows it, and nobody is asked off a terminal', async () => {
    const [one = '', two = ''] = stage.simulator.ownedNumbers().slice(20, 22);
    const set = (tags: string, list: string) =>
      run(['update', '--numbers', '-', '--set', `add_tags=${tags}`, '--yes', '--wait', '--json'], list);
    const update = await set('live', `${one}\n${two}\n`);
    const { id } = update.json();
    const requests = async () => (await stage.sql`select count(*)::int as n from requests`)[0]?.['n'];
    const before = await requests();
    expect(await run(['undo', id])).toMatchObject({ exit: 6, err: expect.stringContaining('add --yes') });
    const plan = await run(['undo', id, '--plan']);
    expect(plan.exit).toBe(0);
    expect(plan.out).toMatch(new RegExp(`^This puts 2 numbers back to what they were before request ${id}:\\n`));
    expect(plan.out).toMatch(/^tags +live +- +2 numbers /m);
    const no = await stage.run(['undo', id], { canAsk: true, stdin: 'n\n' });
    expect(no).toMatchObject({ exit: 6, err: expect.stringContaining('This puts 2 numbers back') });
    expect(await requests()).toBe(before);
    const yes = await stage.run(['undo', id, '--json'], { canAsk: true, stdin: 'y\n' });
    expect(yes.json()).toMatchObject({ undoes: id, numbers: 2, request: { kind: 'update', filed_by: id } });
    const { id: undoId } = Object(yes.json()['request']) as { id: string };
    expect(await run(['watch', undoId, '--timeout', '20s'])).toMatchObject({ exit: 0 });
    expect((await run(['history', id])).out).toMatch(new RegExp(`undone +by ${undoId}`));
    expect(await run(['undo', id, '--yes'])).toMatchObject({ exit: 6, err: expect.stringContaining('values are as before') });
  });
});
