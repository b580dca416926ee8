import type { WorkDeps } from '../../account/deps.ts';
import { isOurs, readNumbersSoon } from '../../account/read-numbers.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import type { ItemEnd } from '../../db/items.ts';
import { getNumbers, noteSettings } from '../../db/numbers.ts';
import type { StepOf } from '../../domain/step.ts';
import { mergeTags, sameTags } from '../../domain/tags.ts';
import type { Prepared } from '../chunk/kind.ts';
import { waitUntilShown } from './wait-until-shown.ts';

/**
 * Merges tags that a step adds or removes. Telnyx replaces all tags of a number, so the tags are read, merged and grouped:
 * numbers that end with the same tags share a batch job. A single group goes out as this chunk. Several groups become chunks of
 * their own, which read the tags again before they are sent. Numbers that already have the wanted tags succeed at once.
 */
export async function mergedTags(deps: WorkDeps, chunk: Chunk, numbers: string[], step: StepOf<'update'>): Promise<Prepared> {
  const { settings, tags: change } = step;
  if (change === undefined) return { kind: 'ready', chunk, numbers, payload: { settings } };
  const listed = await readNumbersSoon(deps, numbers);
  if (listed === null) return { kind: 'too_slow', chunk, numbers };
  const seen = new Map<string, string[]>();
  for (const [number, shown] of listed) if (isOurs(shown) && shown.tags !== undefined) seen.set(number, shown.tags);
  // A write without a read would delete the existing tags. So a number whose tags do not show waits, and then fails.
  const unread = numbers.filter((n) => !seen.has(n));
  const inventory = await getNumbers(deps.db.sql, unread);
  const waiting = { delayMs: deps.timings.checkMinMs, reason: 'some numbers do not show their tags yet' };
  const wait = await waitUntilShown(deps, chunk, unread, inventory, waiting);
  if (wait !== null) return wait;
  const onlyTags = Object.keys(settings).length === 0;
  const groups = new Map<string, TagGroup>();
  const unchanged = new Map<string, TagGroup>();
  for (const [number, current] of seen) {
    const tags = mergeTags(current, change);
    addTo(onlyTags && sameTags(tags, current) ? unchanged : groups, tags, number);
  }
  const made = [...groups.values()];
  const [only] = made;
  if (only !== undefined && made.length === 1 && unchanged.size === 0 && unread.length === 0) {
    return { kind: 'ready', chunk, numbers: only.numbers, payload: { settings: { ...settings, tags: only.tags } } };
  }
  const same = [...unchanged.values()];
  const settlement = {
    cause: made.length === 0 ? ('nothing_to_send' as const) : ('split' as const),
    succeeded: same.flatMap((g) => g.numbers).map((phoneNumber) => ({ phoneNumber })),
    ended: unread.map(unreadEnd),
    again: made.map((g) => ({ numbers: g.numbers })),
    detail: { groups: made.length, unchanged: same.reduce((sum, g) => sum + g.numbers.length, 0) },
    inventory: async (tx: Tx) => {
      // The inventory may not know the tags that were just read, and a filter by tag searches there.
      const because = { cause: 'update', at: deps.clock.now(), requestId: chunk.requestId, chunkId: chunk.id };
      for (const { tags, numbers: having } of same) await noteSettings(tx, having, { tags }, because);
    },
  };
  return { kind: 'settle', chunk, settlement };
}

const unreadEnd = (phoneNumber: string): ItemEnd => ({
  phoneNumber,
  status: 'failed',
  reasonCode: 'not_readable',
  reason: 'Telnyx does not show this number in its list, so its present tags are unknown and were not changed',
});

interface TagGroup {
  tags: string[];
  numbers: string[];
}

function addTo(groups: Map<string, TagGroup>, tags: string[], number: string): void {
  const key = JSON.stringify(tags);
  const group = groups.get(key) ?? { tags, numbers: [] };
  group.numbers.push(number);
  groups.set(key, group);
}
