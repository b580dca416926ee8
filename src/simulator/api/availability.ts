import type { Fault } from '../fault-kinds.ts';
import { hitByHash, share } from '../random.ts';
import type { E164 } from '../types.ts';
import { type Context, struckBy } from './context.ts';
import { goneRefusal, unsearchedRefusal } from './refusals.ts';

/** The asked numbers that this account or somebody else has already. */
function alreadyTaken({ world }: Context, asked: readonly E164[]): Set<E164> {
  const taken = new Set<E164>();
  for (const e164 of asked) {
    if (world.owned.has(e164) || world.inOrder.has(e164)) world.book.duplicateAttempt(e164);
    if (world.owned.has(e164) || world.taken.has(e164) || world.ghosts.has(e164)) taken.add(e164);
  }
  return taken;
}

/** The numbers that no recent search showed. A masked number counts as not shown. */
function unsearchedOf({ world }: Context, asked: readonly E164[], gone: ReadonlySet<E164>): Set<E164> {
  const since = world.now() - world.settings.recentSearchMs;
  const unsearched = asked.filter((e164) => {
    const seen = world.searchedAt.get(e164);
    return !gone.has(e164) && (seen === undefined || seen < since || !world.poolByNumber.has(e164));
  });
  return new Set(unsearched);
}

interface Sale {
  fault: Fault;
  numbers: readonly E164[];
}

/** Sells numbers to others at the moment when somebody orders them. Seed and number alone decide which ones. */
export function sellBetween(context: Context, free: readonly E164[]): Sale[] {
  const { faults, ghosts, taken, book } = context.world;
  const hits = (fault: Fault): E164[] => free.filter((e164) => hitByHash(faults.seed, e164, fault.fraction ?? 0));
  const struck = faults.takeAll('sell_between', context.target, (fault) => hits(fault).length > 0);
  return struck.map((fault) => {
    const numbers = hits(fault);
    for (const e164 of numbers) {
      if (fault.stale === true) ghosts.add(e164);
      else taken.add(e164);
      book.soldToOthers(e164);
    }
    return { fault, numbers };
  });
}

/** Sells a share of the numbers of one order. */
function sellToOther(context: Context, free: readonly E164[]): Sale[] {
  const fault = struckBy(context, 'sold_to_other');
  if (!fault) return [];
  const fraction = fault.fraction ?? (fault.count === undefined ? 1 : undefined);
  const hit = share(free.length, { count: fault.count, fraction });
  const numbers = free.filter((_, index) => hit.has(index));
  for (const e164 of numbers) {
    context.world.taken.add(e164);
    context.world.book.soldToOthers(e164);
  }
  return [{ fault, numbers }];
}

/** Refuses an order for numbers that are not available, or returns the numbers whose order lines will fail. */
export function assertAvailable(context: Context, asked: readonly E164[]): ReadonlySet<E164> {
  const { behaviour } = context.world;
  const gone = alreadyTaken(context, asked);
  const unsearched = unsearchedOf(context, asked, gone);
  const free = asked.filter((e164) => !gone.has(e164) && !unsearched.has(e164));
  const sales = sellToOther(context, free);
  const sold = new Set(sales.flatMap(({ numbers }) => numbers));
  sales.push(
    ...sellBetween(
      context,
      free.filter((e164) => !sold.has(e164)),
    ),
  );
  for (const { numbers } of sales) for (const e164 of numbers) gone.add(e164);
  const strike = sales[0]?.fault;
  const shape = strike?.shape ?? behaviour.refusal;
  const code = behaviour.unsearched === 'as_refusal' ? (shape === '10027' ? shape : '85000') : behaviour.unsearched;
  if ((strike?.mode ?? behaviour.unavailable) === 'order' && gone.size > 0) {
    // In the shape of live accounts, one text names them all.
    const named = asked.filter((e164) => gone.has(e164) || (shape === code && unsearched.has(e164)));
    throw goneRefusal(shape, named, strike?.named ?? behaviour.refusalNames);
  }
  if (unsearched.size > 0) throw unsearchedRefusal(code, [...unsearched]);
  return gone;
}
