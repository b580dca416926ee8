import type { WorkDeps } from '../account/deps.ts';
import type { NumbersPage } from '../telnyx/gateway.ts';
import type { RunHold } from './hold-run.ts';

/** The largest page of the number list of Telnyx. */
const PAGE = 250;
/** Pages that are read at once at most. More would only wait in the queue of the rate limiter, before the reads of requests. */
const MOST_READERS = 8;

/** One page of the list, and how new it is. */
export interface AskedPage {
  page: NumbersPage;
  /** Counts the calls of the run in the order in which they were made. A larger one shows a newer state of the account. */
  asked: number;
}

/** Counts calls. One counter serves all walks of a run. */
export type Counter = () => number;

/** Returns a counter that starts at 1. */
export function counter(): Counter {
  let last = 0;
  return () => ++last;
}

/**
 * Reads all pages of the list once, sorted by number, because this order shifts less under purchases than the default order. The
 * first page says how many there are, and then as many are read at once as the allowed rate sends within a second. `take` gets each
 * page as it comes, in any order. Resolves to how many numbers Telnyx says there are, or `null`, when every page was taken.
 */
export async function readList(
  deps: WorkDeps,
  hold: RunHold,
  next: Counter,
  take: (asked: AskedPage) => Promise<void>,
): Promise<number | null> {
  const said = latestWord();
  let failure: unknown;
  let pageNumber = 1;
  const readOne = async (): Promise<void> => {
    const number = pageNumber++;
    let asked = 0;
    const page = await hold.read(() => {
      if (failure !== undefined) throw failure;
      asked = next();
      said.asked();
      return deps.telnyx.listNumbers({ pageNumber: number, pageSize: PAGE });
    });
    said.answered(page);
    await take({ page, asked });
  };
  const reader = async (): Promise<void> => {
    try {
      while (failure === undefined && pageNumber <= said.pages()) await readOne();
    } catch (error) {
      failure ??= error;
    }
  };
  await readOne();
  await Promise.all(Array.from({ length: readersAt(deps) }, reader));
  if (failure !== undefined) throw failure;
  return said.total();
}

function readersAt(deps: WorkDeps): number {
  const perSecond = deps.telnyx.limits().find(({ family }) => family === 'reads')?.perSecond ?? 1;
  return Math.max(1, Math.min(MOST_READERS, Math.ceil(perSecond)));
}

/**
 * What Telnyx says about the length of the list while numbers come and go. The answers that came since the last call was made
 * count, and of these the largest: when the list shifted between two of them, a number may have been missed, and then too few were
 * seen. With one call at a time this is the last answer.
 */
function latestWord() {
  const latest = { pages: 1, total: null as number | null };
  let isNew = true;
  return {
    asked: (): void => {
      isNew = true;
    },
    answered: ({ totalPages, totalResults }: NumbersPage): void => {
      latest.pages = isNew ? totalPages : Math.max(latest.pages, totalPages);
      if (totalResults !== null) latest.total = isNew ? totalResults : Math.max(latest.total ?? 0, totalResults);
      isNew = false;
    },
    pages: (): number => latest.pages,
    total: (): number | null => latest.total,
  };
}
