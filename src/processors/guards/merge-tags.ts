import type { WorkDeps } from '../../account/deps.ts';
import { isOurs, readNumbersSoon } from '../../account/read-numbers.ts';
import type { Chunk } from '../../db/chunks.ts';
import type { Tx } from '../../db/client.ts';
import type { ItemEnd } from '../../db/items.ts';
import { getNumbers, noteSettings, taggedAmong } from '../../db/numbers.ts';
import { isRecent } from '../../domain/clock.ts';
import { PROTECTED_TAG } from '../../domain/delete-guard.ts';
import { type E164, inSlices } from '../../domain/phone-number.ts';
import type { StepOf, TagChange } from '../../domain/step.ts';
import { mergeTags, sameTags } from '../../domain/tags.ts';
import type { Prepared } from '../chunk/kind.ts';
import type { Again } from '../chunk/settle.ts';
import { waitUntilShown } from './wait-until-shown.ts';

/** The numbers of a chunk that ownership showed as ours. */
interface Own {
  chunk: Chunk;
  numbers: E164[];
  /** When ownership was asked; left out when it was not asked just now. */
  askedAt?: Date;
}

/** The share of `tagsMs` that a read may take. The rest is for the way to the call. */
const READ_SHARE = 2 / 3;

/**
 * Merges tags that a step adds or removes. Telnyx replaces all tags of a number, so the tags are read, merged and grouped:
 * numbers that end with the same tags share a batch job. A single group goes out as this chunk. Several groups become chunks of
 * their own, which go out with what was read here while it is recent (`tagsMs`), and otherwise read again. Numbers that already
 * have the wanted tags succeed at once.
 */
export async function mergedTags(deps: WorkDeps, own: Own, step: StepOf<'update'>): Promise<Prepared> {
  const { chunk, numbers } = own;
  const { settings, tags: change } = step;
  if (change === undefined) return { kind: 'ready', chunk, numbers, payload: { settings } };
  if (wasReadBefore(deps, chunk)) return { kind: 'ready', chunk, numbers, payload: chunk.payload ?? {} };
  const readAt = deps.clock.now();
  const listed = await readNumbersSoon(deps, numbers, deps.timings.tagsMs * READ_SHARE);
  if (listed === null) return { kind: 'too_slow', chunk, numbers };
  const seen = new Map<string, string[]>();
  for (const [number, shown] of listed) if (isOurs(shown) && shown.tags !== undefined) seen.set(number, shown.tags);
  // A write without a read would delete the existing tags. So a number whose tags do not show waits, and then fails.
  const unread = numbers.filter((n) => !seen.has(n));
  const isLarge = numbers.length > deps.limits.batchSize;
  if (!isLarge || seen.size === 0) {
    const inventory = await getNumbers(deps.db.sql, unread);
    const waiting = { delayMs: deps.timings.checkMinMs, reason: 'some numbers do not show their tags yet' };
    const wait = await waitUntilShown(deps, chunk, unread, inventory, waiting);
    if (wait !== null) return wait;
  }
  const onlyTags = Object.keys(settings).length === 0;
  const inventoryProtects = await taggedAmong(deps.db.sql, numbers, PROTECTED_TAG);
  const { groups, unchanged } = grouped(seen, change, { onlyTags, inventoryProtects });
  const [only] = groups;
  const payloadOf = (group: TagGroup) => ({ settings: { ...settings, tags: group.tags }, tagsReadAt: readAt.toISOString() });
  if (only !== undefined && groups.length === 1 && unchanged.length === 0 && unread.length === 0 && !isLarge) {
    return { kind: 'ready', chunk, numbers: only.numbers, payload: payloadOf(only) };
  }
  // What was just seen is not asked again, except for protected numbers: they are read once more right before they are written.
  const ownedAt = own.askedAt?.toISOString() ?? chunk.payload?.ownedAt;
  const partsOf = (group: TagGroup): Again[] =>
    inSlices(group.numbers, deps.limits.batchSize).map((slice) => ({
      numbers: slice,
      payload: { ...(ownedAt !== undefined && { ownedAt }), ...(!group.isProtected && payloadOf(group)) },
    }));
  const again = [...groups.flatMap(partsOf), ...(isLarge ? inSlices(unread, deps.limits.batchSize) : []).map(asBefore)];
  const settlement = {
    cause: again.length === 0 ? ('nothing_to_send' as const) : ('split' as const),
    succeeded: unchanged.flatMap((g) => g.numbers).map((phoneNumber) => ({ phoneNumber })),
    ended: isLarge ? [] : unread.map(unreadEnd),
    again,
    detail: { groups: groups.length, unchanged: unchanged.reduce((sum, g) => sum + g.numbers.length, 0) },
    inventory: async (tx: Tx) => {
      // The inventory may not know the tags that were just read, and a filter by tag searches there.
      const because = { cause: 'update', at: deps.clock.now(), requestId: chunk.requestId, chunkId: chunk.id };
      for (const { tags, numbers: having } of unchanged) await noteSettings(tx, having, { tags }, because);
    },
  };
  return { kind: 'settle', chunk, settlement };
}

const asBefore = (numbers: E164[]): Again => ({ numbers });

/**
 * True when the tags of this chunk were read and merged together with those of other chunks, not long ago, and no call has carried
 * them yet. After a refusal they are always read again.
 */
function wasReadBefore(deps: WorkDeps, chunk: Chunk): boolean {
  const { payload, submittingAt } = chunk;
  if (payload?.settings?.tags === undefined || submittingAt !== null) return false;
  return isRecent(payload.tagsReadAt, deps.clock.now(), deps.timings.tagsMs * READ_SHARE);
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
  /** True when the read or the inventory shows the protecting tag on these numbers. */
  isProtected: boolean;
}

/** Groups numbers by the tags that they end with. Protected numbers have groups of their own. */
function grouped(
  seen: ReadonlyMap<string, string[]>,
  change: TagChange,
  how: { onlyTags: boolean; inventoryProtects: ReadonlySet<string> },
): { groups: TagGroup[]; unchanged: TagGroup[] } {
  const [groups, unchanged] = [new Map<string, TagGroup>(), new Map<string, TagGroup>()];
  for (const [number, current] of seen) {
    const tags = mergeTags(current, change);
    const isProtected = current.includes(PROTECTED_TAG) || how.inventoryProtects.has(number);
    const among = how.onlyTags && sameTags(tags, current) ? unchanged : groups;
    const key = JSON.stringify([tags, isProtected]);
    const group = among.get(key) ?? { tags, numbers: [], isProtected };
    group.numbers.push(number);
    among.set(key, group);
  }
  return { groups: [...groups.values()], unchanged: [...unchanged.values()] };
}
