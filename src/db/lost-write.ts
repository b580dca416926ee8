/**
 * postgres.js 3.4.9 sometimes writes to a connection that has just closed, outside of every promise (porsager/postgres 1208,
 * 1154): typically the rollback of a transaction whose server went away. The queries are rejected all the same, so this one
 * error, known by its place, is let pass; a Postgres that restarts must not end the process. Any other error ends it as ever.
 * For the owner of a process only: a library must not decide this for its host.
 */
export function surviveLostWrites(): void {
  process.on('uncaughtException', (error) => {
    if (isLostWrite(error)) return;
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });
}

export function isLostWrite(error: unknown): boolean {
  return error instanceof TypeError && /nextWrite \(.*[\\/]postgres[\\/].*connection\.js/.test(error.stack ?? '');
}
