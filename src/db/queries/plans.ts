import { eq } from 'drizzle-orm';
import type { Reads } from '../client.ts';
import type { Plan } from '../plans.ts';
import { plans } from '../schema/index.ts';

/** Returns a plan, or `null` when there is none with this id. */
export async function findPlan(reads: Reads, id: string): Promise<Plan | null> {
  const [row] = await reads((q) => q.select().from(plans).where(eq(plans.id, id)));
  return row ?? null;
}
