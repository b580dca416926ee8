import type { Sql } from '../../src/db/client.ts';
import { getRequest } from '../../src/db/requests.ts';
import { getRun } from '../../src/db/runs.ts';
import { startRun } from '../../src/producers/actions/start-run.ts';
import type { ProducerDeps } from '../../src/producers/deps.ts';
import { submitRequest } from '../../src/producers/intake/submit.ts';
import { SIMULATED_ACCOUNT, type Simulator } from '../../src/simulator/index.ts';
import { until } from '../support/stage.ts';

const [CONNECTION = '', OTHER = ''] = SIMULATED_ACCOUNT.connectionIds;
const AREAS = ['312', '773', '646', '512', '415'];
const BOUGHT = 50;
const UPDATED = 400;

/** How many campaigns ended, and how many numbers they changed. */
export interface Done {
  campaigns: number;
  numbers: number;
}

/**
 * One campaign: buys numbers, gives them tags, moves others to another connection, releases as many as it bought, and reconciles.
 * So the account stays as large as it is, and whatever grows is what the product leaves behind.
 */
export async function campaign(deps: ProducerDeps, simulator: Simulator, nth: number, done: Done): Promise<void> {
  const ndc = AREAS[nth % AREAS.length];
  const before = new Set(simulator.ownedNumbers());
  await end(deps, {
    kind: 'buy',
    lines: [{ national_destination_code: ndc, quantity: BOUGHT }],
    assign: { tags: [`soak-${nth % 7}`] },
  });
  const bought = simulator.ownedNumbers().filter((n) => !before.has(n));
  const owned = [...before];
  const from = (nth * UPDATED) % Math.max(1, owned.length - UPDATED);
  const some = owned.slice(from, from + UPDATED);
  await Promise.all([
    end(deps, { kind: 'update', phone_numbers: some, set: { connection_id: nth % 2 === 0 ? CONNECTION : OTHER } }),
    end(deps, { kind: 'update', phone_numbers: bought, set: { add_tags: ['live'] } }),
  ]);
  await end(deps, { kind: 'delete', phone_numbers: bought, expected_count: bought.length });
  const { id } = await startRun(deps, 'manual', false);
  await until(`run ${id}`, async () => {
    const run = await getRun(deps.db.sql, id);
    return run?.finishedAt == null ? null : run;
  });
  done.campaigns += 1;
  done.numbers += 3 * bought.length + some.length;
}

async function end(deps: ProducerDeps, body: object): Promise<void> {
  const { request } = await submitRequest(deps, body);
  const row = await until(`request ${request.id}`, async () => {
    const now = await getRequest(deps.db.sql, request.id);
    return now?.finishedAt == null ? null : now;
  });
  if (row.status === 'failed') throw new Error(`request ${request.id} failed: ${JSON.stringify(body).slice(0, 200)}`);
}

/** Rows that are meant to stay: a request, its numbers and its history. */
export async function keptRows(sql: Sql): Promise<number> {
  const [row] = await sql<{ n: number }[]>`
    select ((select count(*) from events) + (select count(*) from items) + (select count(*) from chunks)
      + (select count(*) from requests) + (select count(*) from drift))::int as n`;
  return row?.n ?? 0;
}
