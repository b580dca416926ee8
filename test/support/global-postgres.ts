import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/app/embedded-postgres/start.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server's own database; every test file makes its own beside it. */
    pgUrl: string;
  }
}

/** One throwaway Postgres for all test files of a project. `TEST_DATABASE_URL` (an empty server of yours) takes its place. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given !== undefined && given !== '') {
    project.provide('pgUrl', given);
    return async () => undefined;
  }
  const server = await startEmbeddedPostgres({ temporary: true });
  project.provide('pgUrl', server.url);
  return () => server.stop();
}
