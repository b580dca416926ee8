import { asc, eq } from 'drizzle-orm';
import type { Chunk } from '../chunks.ts';
import type { Reads } from '../client.ts';
import { chunks } from '../schema/index.ts';

/** Returns the chunks of a request by position. */
export async function listChunks(reads: Reads, requestId: string): Promise<Chunk[]> {
  return reads((q) =>
    q.select().from(chunks).where(eq(chunks.requestId, requestId)).orderBy(asc(chunks.position), asc(chunks.id)),
  );
}
