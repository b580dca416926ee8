import type { TagChange } from './step.ts';

/** The tags of a number after a change: the present ones without the removed and with the added, sorted. */
export function mergeTags(current: string[], change: TagChange): string[] {
  const removed = new Set(change.remove);
  const merged = new Set([...current.filter((t) => !removed.has(t)), ...change.add]);
  return [...merged].sort();
}

/** True when both hold the same tags, in any order. */
export function sameTags(a: string[], b: string[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((t) => right.has(t));
}
