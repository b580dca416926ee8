import type { E164, OwnedNumber } from './types.ts';

type Test = (row: OwnedNumber) => boolean;

const byPhoneNumber = (a: OwnedNumber, b: OwnedNumber): number => (a.e164 < b.e164 ? -1 : a.e164 > b.e164 ? 1 : 0);

/**
 * Every number the account ever had, in both orders that lists are read in.
 * New numbers are merged into the sorted order when it is next read, so a page costs a scan and never a sort of all.
 */
export class Inventory {
  readonly #created: OwnedNumber[];
  readonly #ids = new Map<string, OwnedNumber>();
  readonly #numbers = new Map<E164, OwnedNumber>();
  #sorted: OwnedNumber[] = [];
  #unsorted: OwnedNumber[];
  /** Rows up to here are known to have appeared. */
  #checked = 0;
  /** Set by the first deletion. */
  deletions = false;

  constructor(seeded: readonly OwnedNumber[]) {
    this.#created = [...seeded];
    this.#unsorted = [...seeded];
    for (const number of seeded) this.#index(number);
  }

  add(number: OwnedNumber): void {
    this.#created.push(number);
    this.#unsorted.push(number);
    this.#index(number);
  }

  byId(id: string): OwnedNumber | undefined {
    return this.#ids.get(id);
  }

  byNumber(e164: E164): OwnedNumber | undefined {
    return this.#numbers.get(e164);
  }

  /** Rows by phone number. */
  sorted(): readonly OwnedNumber[] {
    if (this.#unsorted.length > 0) {
      const added = this.#unsorted.sort(byPhoneNumber);
      this.#sorted = this.#sorted.length === 0 ? added : merge(this.#sorted, added);
      this.#unsorted = [];
    }
    return this.#sorted;
  }

  /**
   * One page of the rows that pass, newest first unless sorted by number, and how many pass in all.
   * Without a test every row passes and the page is cut out directly.
   */
  page(
    order: 'created' | 'phone_number',
    passes: Test | undefined,
    offset: number,
    size: number,
  ): { rows: OwnedNumber[]; total: number } {
    const newestFirst = order === 'created';
    const source = newestFirst ? this.#created : this.sorted();
    const length = source.length;
    if (!passes) {
      const rows = newestFirst
        ? source.slice(Math.max(0, length - offset - size), Math.max(0, length - offset)).reverse()
        : source.slice(offset, offset + size);
      return { rows, total: length };
    }
    const rows: OwnedNumber[] = [];
    let total = 0;
    for (let n = 0; n < length; n += 1) {
      const row = source[newestFirst ? length - 1 - n : n];
      if (!row || !passes(row)) continue;
      if (total >= offset && rows.length < size) rows.push(row);
      total += 1;
    }
    return { rows, total };
  }

  /** Whether every row has appeared by then and none was ever deleted: the state that needs no test. */
  settledBy(time: number): boolean {
    while (this.#created.length > this.#checked) {
      const row = this.#created[this.#checked];
      if (row && row.appearedAt > time) return false;
      this.#checked += 1;
    }
    return !this.deletions;
  }

  #index(number: OwnedNumber): void {
    this.#ids.set(number.id, number);
    this.#numbers.set(number.e164, number);
  }
}

function merge(left: readonly OwnedNumber[], right: readonly OwnedNumber[]): OwnedNumber[] {
  const result: OwnedNumber[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const a = left[l];
    const b = right[r];
    if (a && (!b || byPhoneNumber(a, b) <= 0)) {
      result.push(a);
      l += 1;
    } else if (b) {
      result.push(b);
      r += 1;
    }
  }
  return result;
}
