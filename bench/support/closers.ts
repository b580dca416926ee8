/** Runs `work`, then whatever it opened is closed in reverse order, also when it failed. */
export async function withClosers<T>(work: (opened: (close: () => Promise<unknown>) => void) => Promise<T>): Promise<T> {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    return await work((close) => closers.push(close));
  } finally {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  }
}
