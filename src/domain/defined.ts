/** The same keys without the values that are `undefined`. */
export type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** A copy without the entries that are `undefined`. */
export function defined<T extends object>(value: T): Defined<T> {
  // The cast is sound, because exactly the entries that are `undefined` are left out.
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as Defined<T>;
}
