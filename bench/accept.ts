import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import postgres from 'postgres';
import { count, table } from '../src/cli/output.ts';
import { build, runCommand, startCommand, written } from './support/children.ts';
import { withClosers } from './support/closers.ts';
import { openServer } from './support/database.ts';
import { finding } from './support/findings.ts';
import { median } from './support/median.ts';

const HELP = `npm run bench:accept [-- --small] [-- --numbers 100000] [-- --rounds 3]

How long does it take to accept an update of 100,000 numbers from a CSV, by the command line and over HTTP?
Floor: the same rows by COPY and insert-select alone, in the same Postgres. --small: 10,000 numbers.
`;
const { values: flags } = parseArgs({
  options: {
    small: { type: 'boolean' },
    numbers: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    help: { type: 'boolean' },
  },
});
const BATCH = 1_000;
const KEY = 'bench-key-0123456789';

if (flags.help === true) process.stderr.write(HELP);
else await main(Number(flags.numbers ?? (flags.small === true ? 10_000 : 100_000)), Number(flags.rounds));

async function main(numbers: number, rounds: number): Promise<void> {
  build();
  await withClosers(async (opened) => {
    const server = await openServer();
    opened(server.stop);
    const folder = await mkdtemp(join(tmpdir(), 'provisioner-bench-'));
    opened(() => rm(folder, { recursive: true, force: true }));
    const url = await server.database();
    const sql = postgres(url, { max: 1, onnotice: () => undefined, prepare: false });
    opened(() => sql.end({ timeout: 5 }));
    const list = Array.from({ length: numbers }, (_, i) => `+1${312 + (i % 3)}${2_000_000 + i * 7}`);
    const csv = `phone_number\n${list.join('\n')}\n`;
    const file = join(folder, 'numbers.csv');
    writeFileSync(file, csv);
    const env = { DATABASE_URL: url };
    const serve = startCommand(['serve'], {
      ...env,
      PROVISIONER_PORT: '0',
      PROVISIONER_API_KEYS: `bench:${KEY}`,
      LOG_LEVEL: 'info',
    });
    opened(serve.stop);
    const [, address = ''] = await written(serve, /"url":"(http:[^"]+)"/);
    const update = ['update', '--numbers', file, '--set', 'customer_reference=bench', '--yes', '--json'];
    const floor: number[] = [];
    const cli: number[] = [];
    const start: number[] = [];
    const http: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      floor.push(await timed(() => bare(sql, list, round)));
      start.push(await timed(() => runCommand(['requests'], env)));
      cli.push(await timed(() => runCommand(update, env)));
      http.push(await timed(() => post(address, csv)));
    }
    const row = (name: string, times: readonly number[]) => [
      name,
      `${median(times).toFixed(0)} ms`,
      (median(times) / median(floor)).toFixed(2),
    ];
    const right = (title: string) => ({ title, align: 'right' as const });
    const rows = [row('COPY and insert-select alone', floor), row('provisioner update --numbers', cli)];
    rows.push(row('of these: starting a command (requests)', start), row('POST /v1/requests, text/csv', http));
    process.stdout.write(`${table([`${count(numbers)} numbers`, right('time'), right('x floor')], rows)}\n`);
    finding({
      question: `P8: accept an update of ${count(numbers)} from CSV`,
      figure: `${median(cli).toFixed(0)} ms, ${(median(cli) / median(floor)).toFixed(2)} x floor`,
      goal: '≤ 2.0 x floor, ≤ 3 s for 100,000',
      floor: `COPY and insert-select, ${median(floor).toFixed(0)} ms`,
      ms: median(cli),
    });
  });
}

/** The rows of such an update by plain SQL: a COPY into a temporary table, then chunks and items from it. */
async function bare(sql: postgres.Sql, list: readonly string[], round: number): Promise<void> {
  const request = `bench_${round}`;
  const now = new Date();
  await sql.begin(async (tx) => {
    await tx`create temp table bare (phone_number text not null, position int not null) on commit drop`;
    const sink = await tx`copy bare from stdin`.writable();
    await pipeline(Readable.from([list.map((n, i) => `${n}\t${i}\n`).join('')]), sink);
    await tx`
      insert into requests (id, kind, status, body, steps, asked, body_hash, created_at, updated_at)
      values (${request}, 'update', 'queued', '{}', '[]', ${list.length}, '', ${now}, ${now})`;
    await tx`
      insert into chunks (id, request_id, position, kind, state, numbers, step, next_steps, customer_reference, created_at, updated_at)
      select ${request} || '_' || k, ${request}, k, 'update', 'cancelled', array_agg(phone_number), '{}', '[]',
        ${request} || '-' || k, ${now}, ${now}
      from (select phone_number, position / ${BATCH}::int as k from bare) as cut group by k`;
    await tx`
      insert into items (request_id, chunk_id, position, phone_number, status, updated_at)
      select ${request}, ${request} || '_' || position / ${BATCH}::int, position, phone_number, 'pending', ${now} from bare`;
  });
}

async function post(address: string, csv: string): Promise<void> {
  const answer = await fetch(`${address}/v1/requests?kind=update&set.customer_reference=bench`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'text/csv' },
    body: csv,
  });
  if (answer.status !== 202) throw new Error(`POST /v1/requests answered ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
