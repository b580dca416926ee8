import type { WorkDeps } from '../../account/deps.ts';
import { isOurs, readNumbersSoon } from '../../account/read-numbers.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { ItemEnd } from '../../db/items.ts';
import { getNumbers, noteSettings } from '../../db/numbers.ts';
import type { Step } from '../../domain/step.ts';
import { mergeTags, sameTags } from '../../domain/tags.ts';
import { nothingToSend, type Prepared } from '../chunk/prepared.ts';
import { waitForReady } from './wait-until-shown.ts';

/**
 * Telnyx replaces tags, so adding or removing one is read, merge, group, write: numbers that end with the same tags share a
 * job. One group goes out as this chunk; several become chunks of their own, which read once more when their turn comes;
 * numbers that have what they need are done.
 */
export async function prepareTags(
  deps: WorkDeps,
  chunk: Chunk,
  numbers: string[],
  step: Extract<Step, { kind: 'update' }>,
): Promise<Prepared> {
  const change = step.tags;
  if (change === undefined) return { kind: 'ready', chunk, send: { numbers, step } };
  const listed = await readNumbersSoon(deps, numbers);
  if (listed === null) return { kind: 'too_slow', chunk, numbers };
  const seen = new Map<string, string[]>();
  for (const [number, shown] of listed) if (isOurs(shown) && shown.tags !== undefined) seen.set(number, shown.tags);
  // Not in the list although ownership shows it, or without its tags: writing tags unread would wipe those that are there.
  const unread = numbers.filter((n) => !seen.has(n));
  const inventory = await getNumbers(deps.db.sql, unread);
  const waiting = { delayMs: deps.timings.lookMinMs, reason: 'some numbers do not show their tags yet' };
  const wait = await waitForReady(deps, chunk, unread, inventory, waiting);
  if (wait !== null) return { kind: 'stop', outcome: wait };
  const { tags: _merged, ...settings } = step.settings;
  const onlyTags = Object.keys(settings).length === 0;
  const groups = new Map<string, TagGroup>();
  const unchanged = new Map<string, TagGroup>();
  for (const [number, current] of seen) {
    const tags = mergeTags(current, change);
    addTo(onlyTags && sameTags(tags, current) ? unchanged : groups, tags, number);
  }
  const made = [...groups.values()];
  const [only] = made;
  // The change stays beside the merged tags: whatever waits or is sent again is read and merged once more.
  const stepFor = (tags: string[]): Step => ({ ...step, settings: { ...settings, tags } });
  if (only !== undefined && made.length === 1 && unchanged.size === 0 && unread.length === 0) {
    return { kind: 'ready', chunk, send: { numbers: only.numbers, step: stepFor(only.tags) } };
  }
  const outcome = await nothingToSend(deps, chunk, {
    cause: made.length === 0 ? 'nothing_to_send' : 'split',
    succeeded: [...unchanged.values()].flatMap((g) => g.numbers).map((phoneNumber) => ({ phoneNumber })),
    ended: unread.map(unreadEnd),
    again: made.map((g) => ({ numbers: g.numbers, step: stepFor(g.tags) })),
    detail: { groups: made.length, unchanged: [...unchanged.values()].reduce((sum, g) => sum + g.numbers.length, 0) },
    inventory: async (tx) => {
      // What was just read may be news to the inventory, and a filter by tag looks there.
      const because = { cause: 'update', at: deps.clock.now(), requestId: chunk.requestId, chunkId: chunk.id };
      for (const { tags, numbers: same } of unchanged.values()) await noteSettings(tx, same, { tags }, because);
    },
  });
  return { kind: 'stop', outcome };
}

const unreadEnd = (phoneNumber: string): ItemEnd => ({
  phoneNumber,
  status: 'failed',
  reasonCode: 'not_readable',
  reason: 'Telnyx does not show this number in its list: its tags were not changed, because those that it has are not known',
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
