import { and, count, eq, inArray, sql } from 'drizzle-orm';
import { AT_TELNYX_STATES } from '../../domain/chunk.ts';
import { type Account, onlyRow } from '../account.ts';
import type { Reads } from '../client.ts';
import { account, chunks, workers } from '../schema/index.ts';
import { GONE_AFTER_MS } from '../workers.ts';

/** Returns the account with its gate. */
export async function readAccount(reads: Reads): Promise<Account> {
  return onlyRow(await reads((q) => q.select().from(account).where(eq(account.id, 1))));
}

/** Returns how many chunks occupy a job slot at Telnyx, by our rows. Emergency jobs have a cap of their own and are not counted. */
export async function slotsInUse(reads: Reads): Promise<number> {
  const [row] = await reads((q) =>
    q
      .select({ n: count() })
      .from(chunks)
      .where(
        and(
          inArray(chunks.kind, ['update', 'delete']),
          inArray(chunks.state, AT_TELNYX_STATES),
          sql`(${chunks.evidence} -> 'seen' ->> 'phase') is distinct from 'final'`,
        ),
      ),
  );
  return row?.n ?? 0;
}

/** True when any worker is alive, by the clock of the database. */
export async function someWorkerLives(reads: Reads): Promise<boolean> {
  const alive = sql`${workers.seenAt} > clock_timestamp() - ${GONE_AFTER_MS}::int * interval '1 millisecond'`;
  const rows = await reads((q) => q.select({ id: workers.id }).from(workers).where(alive).limit(1));
  return rows.length > 0;
}
