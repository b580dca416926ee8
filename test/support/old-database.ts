import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { z } from 'zod';
import { customerReferenceOf, newChunkId, newLineId, newRequestId } from '../../src/db/ids.ts';
import { ROOT } from './sources.ts';

const journalShape = z.looseObject({ entries: z.array(z.looseObject({ tag: z.string() })) });

/** Applies the migrations before the one named `tag`, as the version before it did. */
export async function migrateBefore(url: string, tag: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'migrations-'));
  cpSync(join(ROOT, 'src/db/migrations'), folder, { recursive: true });
  const path = join(folder, 'meta/_journal.json');
  const journal = journalShape.parse(JSON.parse(readFileSync(path, 'utf8')));
  const until = journal.entries.findIndex((entry) => entry.tag === tag);
  if (until < 1) throw new Error(`no migration stands before ${tag}`);
  writeFileSync(path, JSON.stringify({ ...journal, entries: journal.entries.slice(0, until) }));
  const client = rawClient(url);
  await migrate(drizzle(client), { migrationsFolder: folder }).finally(() => client.end());
  rmSync(folder, { recursive: true });
}

/** Without our types and names of columns: what it writes is exactly what stands in the test. */
export const rawClient = (url: string): postgres.Sql => postgres(url, { max: 1, onnotice: () => undefined });

export interface OldNumber {
  phoneNumber: string;
  upfrontCost?: string;
  monthlyCost?: string;
}

/** A chunk as the version before `0009_payload_and_evidence` wrote it. Dates are times from now in milliseconds. */
export interface OldChunk {
  state: string;
  numbers: OldNumber[];
  step: { kind: string; [field: string]: unknown };
  nextSteps?: object[];
  evidence?: unknown;
  /** Given when the order was made at Telnyx before the row was written. */
  id?: string;
  telnyxId?: string;
  attempt?: number;
  /** For a claimed chunk: when its lease ends. */
  leaseMs?: number;
  createdMs?: number;
  more?: Record<string, unknown>;
}

const WAS_SENT: ReadonlySet<string> = new Set(['submitting', 'submitted', 'ambiguous', 'needs_attention']);

/** Files a request with chunks in any state. Answers the id of the request. */
export async function fileAsBefore(
  sql: postgres.Sql,
  request: { kind: 'buy' | 'update' | 'delete'; body?: object },
  chunks: OldChunk[],
): Promise<string> {
  const [id, lineId] = [newRequestId(), request.kind === 'buy' ? newLineId() : null];
  const asked = chunks.reduce((sum, c) => sum + c.numbers.length, 0);
  const at = new Date();
  const first = chunks[0];
  if (first === undefined) throw new Error('a request has chunks');
  const steps = request.kind === 'delete' ? [{ kind: 'delete', include_locked: true, include_emergency: false }] : [first.step];
  await sql`
    insert into requests (id, kind, status, body, steps, asked, body_hash, created_at, updated_at)
    values (${id}, ${request.kind}, 'running', ${sql.json({ kind: request.kind, ...request.body } as postgres.JSONValue)},
      ${sql.json(steps as postgres.JSONValue)}, ${asked}, 'hash', ${at}, ${at})`;
  if (lineId !== null) {
    const criteria = {
      kind: 'search',
      country_code: 'US',
      phone_number_type: 'local',
      national_destination_code: '312',
      features: [],
      max_number_cost: '5.00',
      fallback_ndcs: [],
      best_effort: false,
    };
    await sql`
      insert into lines (id, request_id, position, quantity, criteria, created_at, updated_at)
      values (${lineId}, ${id}, 0, ${asked}, ${sql.json(criteria)}, ${at}, ${at})`;
  }
  for (const [position, chunk] of chunks.entries()) await insertChunk(sql, { id, lineId, position }, chunk);
  return id;
}

async function insertChunk(
  sql: postgres.Sql,
  of: { id: string; lineId: string | null; position: number },
  chunk: OldChunk,
): Promise<void> {
  const chunkId = chunk.id ?? newChunkId();
  const sent = WAS_SENT.has(chunk.state);
  const from = (ms: number): Date => new Date(Date.now() + ms);
  const created = from(chunk.createdMs ?? -5_000);
  const json = (value: unknown) => (value === undefined ? null : sql.json(value as postgres.JSONValue));
  const numbers = chunk.numbers.map((n) => n.phoneNumber);
  const row = {
    id: chunkId,
    request_id: of.id,
    line_id: of.lineId,
    position: of.position,
    kind: chunk.step.kind,
    state: chunk.state,
    numbers,
    step: json(chunk.step),
    next_steps: json(chunk.nextSteps ?? []),
    customer_reference: customerReferenceOf(chunkId),
    telnyx_id: chunk.telnyxId ?? null,
    attempt: chunk.attempt ?? (sent ? 1 : 0),
    evidence: json(chunk.evidence),
    next_run_at: chunk.state === 'needs_attention' ? null : from(0),
    lease_token: chunk.leaseMs === undefined ? null : `lse_${chunkId}`,
    lease_until: chunk.leaseMs === undefined ? null : from(chunk.leaseMs),
    submitting_at: sent ? created : null,
    submitted_at: chunk.telnyxId === undefined ? null : from(-1_000),
    ambiguous_at: chunk.state === 'ambiguous' || chunk.state === 'needs_attention' ? from(-100) : null,
    created_at: created,
    updated_at: created,
    ...chunk.more,
  };
  await sql`insert into chunks ${sql(row)}`;
  const open = chunk.state !== 'settled' && chunk.state !== 'cancelled';
  const items = chunk.numbers.map((n, i) => ({
    request_id: of.id,
    line_id: of.lineId,
    position: of.position * 100 + i,
    phone_number: n.phoneNumber,
    status: open ? (sent ? 'in_flight' : 'pending') : 'succeeded',
    chunk_id: chunkId,
    upfront_cost: n.upfrontCost ?? null,
    monthly_cost: n.monthlyCost ?? null,
    currency: n.upfrontCost === undefined ? null : 'USD',
    searched_at: n.upfrontCost === undefined ? null : from(0),
    updated_at: created,
  }));
  await sql`insert into items ${sql(items)}`;
  // An order holds its numbers from the search on, a batch from its first try on.
  if (!open || (chunk.step.kind !== 'order' && !sent && (chunk.attempt ?? 0) === 0)) return;
  await sql`insert into claims ${sql(numbers.map((n) => ({ phone_number: n, request_id: of.id, claimed_at: created })))}`;
}
