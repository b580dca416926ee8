import { defineConfig } from 'vitest/config';

// Only the projects that need a database start one. It runs in a process of its own: imported into the runner, the package
// would turn red runs green.
const POSTGRES = ['test/support/global-postgres.ts'];
const REDIS = ['test/support/global-redis.ts'];

export default defineConfig({
  test: {
    env: { NODE_ENV: 'test', LOG_LEVEL: 'silent' },
    reporters: process.env['CI'] === 'true' ? ['default', 'github-actions'] : ['default'],
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      { extends: true, test: { name: 'rules', include: ['test/rules/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: [...POSTGRES, ...REDIS],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          globalSetup: [...POSTGRES, ...REDIS],
          // Real processes, killed and started: one file at a time, or a small machine makes them wait for each other.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
