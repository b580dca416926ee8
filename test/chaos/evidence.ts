import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Installation } from './installation.ts';
import type { Struck } from './rounds.ts';

/** Writes the rows and the ledger of a run to a file and returns its path, because the installation itself is removed. */
export async function keepEvidence({ sql, simulator }: Installation, seed: number, struck: readonly Struck[]): Promise<string> {
  const ledger = await simulator.ledger();
  // Only what concerns requests that did not simply succeed, or numbers that two requests claim to have bought.
  const twice = await sql<{ phoneNumber: string }[]>`
    select i.phone_number as "phoneNumber" from items i join requests r on r.id = i.request_id
    where r.kind = 'buy' and i.status = 'succeeded' group by 1 having count(*) > 1`;
  const numbers = twice.map((row) => row.phoneNumber);
  const evidence = {
    struck,
    twice: {
      items: await sql`select * from items where phone_number = any(${numbers}::text[])`,
      events: await sql`select * from events where subject = 'number' and subject_id = any(${numbers}::text[]) order by id`,
      bought: ledger.bought.filter((b) => numbers.includes(b.phone_number)),
    },
    requests: await sql`select * from requests order by seq`,
    lines: await sql`select * from lines order by id`,
    chunks: await sql`select * from chunks order by id`,
    events: await sql`select * from events where subject <> 'number' order by id`,
    items: await sql`select * from items where status <> 'succeeded'`,
    orders: ledger.orders,
    jobs: ledger.jobs,
    released: ledger.released,
  };
  const file = join(tmpdir(), `chaos-${seed}-${Date.now()}.json`);
  writeFileSync(file, JSON.stringify(evidence, null, 1));
  return file;
}
