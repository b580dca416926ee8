import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

// Only the projects that need a database start one. It runs in a process of its own: imported into the runner, the package
// would turn red runs green.
const POSTGRES = ['test/support/global-postgres.ts'];
const REDIS = ['test/support/global-redis.ts'];

// The projects run one after the other (`groupOrder`), because each has another number of workers. Vitest takes one worker less
// than there are processors, which is a single one on a machine of two; most tests here wait for timers, for Postgres or for a
// child process. `isolate: false` lets a worker load the sources once and not once a file: no test changes a module.
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    unstubEnvs: true,
    env: { NODE_ENV: 'test', LOG_LEVEL: 'silent' },
    reporters: process.env['CI'] === 'true' ? ['default', 'github-actions'] : ['default'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false, maxWorkers: 2, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: {
          name: 'rules',
          include: ['test/rules/**/*.test.ts'],
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          // One of them runs the compiler.
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: [...POSTGRES, ...REDIS],
          isolate: false,
          maxWorkers: 4,
          sequence: { groupOrder: 2 },
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
          // Each test starts several real processes, which wait more than they work.
          isolate: false,
          maxWorkers: 4,
          sequence: { groupOrder: 3 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
