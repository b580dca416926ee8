/** Seeded choices: the same seed makes the same walk. mulberry32, good enough to choose with. */
export class Choice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
    // Consecutive seeds start alike; a few turns take them apart.
    for (let i = 0; i < 4; i += 1) this.unit();
  }

  /** 0 <= x < 1. */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** One of a list; `undefined` of an empty one. */
  maybe<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.unit() * list.length)];
  }

  one<T>(list: readonly [T, ...T[]]): T {
    return this.maybe(list) ?? list[0];
  }

  /** `count` different entries of a list, in a random order. */
  some<T>(list: readonly T[], count: number): T[] {
    const rest = [...list];
    const chosen: T[] = [];
    while (chosen.length < count && rest.length > 0) chosen.push(...rest.splice(Math.floor(this.unit() * rest.length), 1));
    return chosen;
  }

  /** One of a list by weight. */
  weighted<T>(list: readonly { weight: number; value: T }[]): T | undefined {
    let left = this.unit() * list.reduce((sum, entry) => sum + entry.weight, 0);
    for (const entry of list) {
      left -= entry.weight;
      if (left < 0) return entry.value;
    }
    return list.at(-1)?.value;
  }
}
