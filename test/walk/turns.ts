import type { Choice } from './random.ts';

/** Offers the turn to another run; returns when this one may go on. `where` is told when the turn really changes hands. */
export type Pass = (where: string) => Promise<void>;

/** How often a run that could let another go on does so: from long strokes to a change at every other step. */
const EAGERNESS = [0.1, 0.3, 0.6] as const;

/**
 * Several runs under way at once, of which only one makes progress at a time: at each of its boundaries the seed says whether it
 * goes on or another does. So they meet in every order, and the same seed brings about the same order. A run must not offer its
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
