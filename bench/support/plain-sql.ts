import { performance } from 'node:perf_hooks';
import postgres from 'postgres';

/** Numbers in a chunk, as the product cuts them. */
const CHUNK = 1_000;

/**
 * Writes what an update of these numbers leaves behind, by plain SQL on one connection: the request, its items, chunks, claims and
 * events, each item and chunk through the same states, and the inventory. As many transactions as the product needs to be safe
 * (accept, claim, sent, settle), but no check, no queue and no call. Answers the milliseconds.
 */
export async function plainSql(url: string, numbers: readonly string[], connectionId: string): Promise<number> {
  const sql = postgres(url, { max: 1, prepare: false, onnotice: () => undefined });
  try {
    await sql`select 1`;
    const begun = performance.now();
    const id = `req_plain_${begun}`;
    const chunks = Array.from({ length: Math.ceil(numbers.length / CHUNK) }, (_, i) => ({
      id: `chk_plain_${begun}_${i}`,
      numbers: numbers.slice(i * CHUNK, (i + 1) * CHUNK),
    }));
    await sql.begin((tx) => accept(tx, id, chunks, connectionId));
    for (const chunk of chunks) {
      await sql.begin((tx) => claim(tx, id, chunk));
      await sql.begin((tx) => move(tx, id, chunk.id, 'submitting', 'submitted', 'accepted'));
      await sql.begin((tx) => settle(tx, id, chunk, connectionId));
    }
    await sql`update requests set status = 'succeeded', finished_at = now(), updated_at = now() where id = ${id}`;
    return performance.now() - begun;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

interface PlainChunk {
  id: string;
  numbers: string[];
}

async function accept(tx: postgres.TransactionSql, id: string, chunks: PlainChunk[], connectionId: string): Promise<void> {
  const step = tx.json([{ kind: 'update', settings: { connection_id: connectionId } }]);
  await tx`
    insert into requests (id, kind, status, body, steps, asked, body_hash, created_at, updated_at)
    values (${id}, 'update', 'running', '{}', ${step}, ${chunks.length * CHUNK}, 'hash', now(), now())`;
  for (const [position, chunk] of chunks.entries()) {
    await tx`
      insert into chunks (id, request_id, position, kind, state, numbers, step, next_steps, customer_reference, next_run_at, created_at, updated_at)
      values (${chunk.id}, ${id}, ${position}, 'update', 'planned', ${chunk.numbers}::text[], ${step}::jsonb -> 0, '[]', ${chunk.id}, now(), now(), now())`;
    await tx`
      insert into items (request_id, position, phone_number, status, chunk_id, updated_at)
      select ${id}, ${position * CHUNK} + ord, number, 'pending', ${chunk.id}, now()
      from unnest(${chunk.numbers}::text[]) with ordinality as n(number, ord)`;
    await note(tx, id, chunk.id, null, 'planned', 'planned');
  }
}

async function claim(tx: postgres.TransactionSql, id: string, chunk: PlainChunk): Promise<void> {
  await tx`
    insert into claims (phone_number, request_id, claimed_at)
    select n, ${id}, now() from unnest(${chunk.numbers}::text[]) n order by n`;
  await tx`update items set status = 'in_flight', updated_at = now() where chunk_id = ${chunk.id}`;
  await move(tx, id, chunk.id, 'planned', 'submitting', 'claim');
}

async function settle(tx: postgres.TransactionSql, id: string, chunk: PlainChunk, connectionId: string): Promise<void> {
  await move(tx, id, chunk.id, 'submitted', 'settled', 'finished');
  await tx`
    with changed as (
      update phone_numbers set connection_id = ${connectionId}, updated_at = now()
      where phone_number = any(${chunk.numbers}::text[]) returning phone_number
    )
    insert into events (at, subject, subject_id, from_state, to_state, cause, request_id, chunk_id, detail)
    select now(), 'number', phone_number, 'owned', 'owned', 'update', ${id}, ${chunk.id},
      jsonb_build_object('connection_id', jsonb_build_array(null, ${connectionId}::text))
    from changed`;
  await tx`update items set status = 'succeeded', updated_at = now() where chunk_id = ${chunk.id}`;
  await tx`delete from claims where request_id = ${id} and phone_number = any(${chunk.numbers}::text[])`;
}

async function move(
  tx: postgres.TransactionSql,
  id: string,
  chunkId: string,
  from: string,
  to: string,
  cause: string,
): Promise<void> {
  await tx`update chunks set state = ${to}, generation = generation + 1, updated_at = now() where id = ${chunkId}`;
  await note(tx, id, chunkId, from, to, cause);
}

async function note(
  tx: postgres.TransactionSql,
  id: string,
  chunkId: string,
  from: string | null,
  to: string,
  cause: string,
): Promise<void> {
  await tx`
    insert into events (at, subject, subject_id, from_state, to_state, cause, request_id, chunk_id)
    values (now(), 'chunk', ${chunkId}, ${from}, ${to}, ${cause}, ${id}, ${chunkId})`;
}
