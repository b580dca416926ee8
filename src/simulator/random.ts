/** Seeded randomness: the same seed gives the same world and the same faults. */
export type Random = () => number;

/** mulberry32: a small, fast generator that is good enough for the simulator. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** One of a non-empty list. */
export function pick<T>(random: Random, list: readonly [T, ...T[]]): T {
  return list[Math.floor(random() * list.length)] ?? list[0];
}

/**
 * Which of `total` entries a share hits, spread evenly: `count` wins over `fraction`,
 * so that a test can say exactly how many.
 */
export function share(total: number, part: { count?: number | undefined; fraction?: number | undefined }): Set<number> {
  const wanted = Math.min(total, part.count ?? Math.round(total * (part.fraction ?? 0)));
  const hit = new Set<number>();
  for (let n = 0; n < wanted; n += 1) hit.add(Math.floor((n * total) / wanted));
  return hit;
}

/** Whether a text belongs to a share of all texts: the same for a seed, whatever else there is and whenever it is asked. */
export function hitByHash(seed: number, text: string, fraction: number): boolean {
  let hash = 0x811c9dc5;
  for (let n = 0; n < text.length; n += 1) hash = Math.imul(hash ^ text.charCodeAt(n), 0x01000193);
  return seededRandom(hash ^ Math.imul(seed, 0x9e3779b1))() < fraction;
}

/** Some of a list, each at most once. */
export function choose<T>(random: Random, list: readonly T[], count: number): T[] {
  const rest = [...list];
  return Array.from({ length: Math.min(count, list.length) }, () => rest.splice(Math.floor(random() * rest.length), 1)).flat();
}
