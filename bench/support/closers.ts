/** Runs `work`, then closes in reverse order what it opened, also after a failure. */
export async function withClosers<T>(work: (opened: (close: () => Promise<unknown>) => void) => Promise<T>): Promise<T> {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    return await work((close) => closers.push(close));
  } finally {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  }
}
