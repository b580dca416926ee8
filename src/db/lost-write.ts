/**
 * Keeps the process alive after one known error of postgres.js 3.4.9 (porsager/postgres 1208, 1154). The driver sometimes writes
 * to a connection that has just closed, outside every promise, usually to roll back a transaction whose server stopped. The
 * queries are rejected anyway, and a restarting Postgres must not end the process. Any other uncaught error still ends it. Only
 * the owner of a process may call this: a library must not decide it for its host.
 */
export function surviveLostWrites(): void {
  process.on('uncaughtException', (error) => {
    if (isLostWrite(error)) return;
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });
}

/** True for that error. It is recognized by its place in the driver. */
export function isLostWrite(error: unknown): boolean {
  return error instanceof TypeError && /nextWrite \(.*[\\/]postgres[\\/].*connection\.js/.test(error.stack ?? '');
}
