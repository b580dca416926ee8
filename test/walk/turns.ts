import type { Choice } from './random.ts';

/** Offers the turn to another run. Resolves when this run may continue. `where` is printed when the turn really changes. */
export type Pass = (where: string) => Promise<void>;

/** How often a run hands over its turn when it could: from rarely to more than every other time. */
const EAGERNESS = [0.1, 0.3, 0.6] as const;

/**
 * Runs several jobs at once, of which only one makes progress at a time. At each of its boundaries the seed decides whether it
 * continues or another one does. So they meet in every order, and the same seed gives the same order. A run must not offer its
 * turn while it holds locks, or the others would wait for it in the database. All runs have ended when this throws.
 */
export async function inTurns(
  choice: Choice,
  onChange: (where: string) => void,
  runs: readonly ((pass: Pass) => Promise<void>)[],
): Promise<void> {
  const eagerness = choice.one(EAGERNESS);
  const waiting: (() => void)[] = [];
  const turn = (): Promise<void> =>
    new Promise((go) => {
      waiting.push(go);
    });
  const next = (): (() => void) | undefined => waiting.splice(Math.floor(choice.unit() * waiting.length), 1)[0];
  const pass: Pass = async (where) => {
    if (waiting.length === 0 || !choice.chance(eagerness)) return;
    onChange(where);
    const go = next();
    const mine = turn();
    go?.();
    await mine;
  };
  const ends = runs.map(async (run) => {
    await turn();
    try {
      await run(pass);
    } finally {
      next()?.();
    }
  });
  next()?.();
  for (const end of await Promise.allSettled(ends)) if (end.status === 'rejected') throw end.reason;
}
