import { type Context, struckBy } from './context.ts';
import type { Fault } from './fault-kinds.ts';
import { share } from './random.ts';
import { goneRefusal, unsearchedRefusal } from './refusals.ts';
import type { E164 } from './types.ts';

/** The asked numbers that this account or somebody else has already. */
function alreadyTaken({ world }: Context, asked: readonly E164[]): Set<E164> {
  const taken = new Set<E164>();
  for (const e164 of asked) {
    if (world.owned.has(e164) || world.inOrder.has(e164)) world.book.duplicateAttempt(e164);
    if (world.owned.has(e164) || world.taken.has(e164)) taken.add(e164);
  }
  return taken;
}

/** Sells numbers of the order to somebody else at the last moment; they are added to `gone`. */
function sellToOthers(context: Context, asked: readonly E164[], gone: Set<E164>): Fault | undefined {
  const { world } = context;
  const free = asked.filter((e164) => !gone.has(e164));
  const sold = struckBy(context, 'sold_to_other');
  if (!sold) return undefined;
  const fraction = sold.fraction ?? (sold.count === undefined ? 1 : undefined);
  const hit = share(free.length, { count: sold.count, fraction });
  for (const e164 of free.filter((_, index) => hit.has(index))) {
    world.taken.add(e164);
    gone.add(e164);
    world.book.soldToOthers(e164);
  }
  return sold;
}

/** The numbers that no recent search showed. What a search shows masked it does not show. */
function unsearchedOf({ world }: Context, asked: readonly E164[], gone: ReadonlySet<E164>): E164[] {
  const since = world.now() - world.settings.recentSearchMs;
  return asked.filter((e164) => {
    const seen = world.searchedAt.get(e164);
    return !gone.has(e164) && (seen === undefined || seen < since || !world.poolByNumber.has(e164));
  });
}

/** Refuses an order for numbers that cannot be had, or gives back those whose lines are to fail. */
export function assertAvailable(context: Context, asked: readonly E164[]): ReadonlySet<E164> {
  const { behaviour } = context.world;
  const gone = alreadyTaken(context, asked);
  const sale = sellToOthers(context, asked, gone);
  const unsearched = unsearchedOf(context, asked, gone);
  const shape = sale?.shape ?? behaviour.refusal;
  const code = behaviour.unsearched === 'as_refusal' ? (shape === '10027' ? shape : '85000') : behaviour.unsearched;
  if ((sale?.mode ?? behaviour.unavailable) === 'order' && gone.size > 0) {
    // In the field's shape one text names them all.
    const together = new Set([...gone, ...(shape === code ? unsearched : [])]);
    const named = asked.filter((e164) => together.has(e164));
    throw goneRefusal(shape, named, sale?.named ?? behaviour.refusalNames);
  }
  if (unsearched.length > 0) throw unsearchedRefusal(code, unsearched);
  return gone;
}
