import { defineConfig } from 'vitest/config';

const each = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // A shared build machine: what fails twice in a row has failed.
  retry: process.env['CI'] === undefined ? 0 : 1,
  pool: 'forks',
} as const;
/** They keep nothing of their own in modules: a worker loads the service once for all of them, and not two seconds for each. */
const sharing = ['db', 'http', 'unit', 'vectors'].map((folder) => `tests/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    globalSetup: ['tests/support/globalSetup.ts'],
    maxWorkers: 3,
    reporters: ['default', './tests/support/closingLine.ts'],
    projects: [
      { test: { ...each, name: 'alone', include: ['tests/**/*.test.ts'], exclude: sharing } },
      { test: { ...each, name: 'together', include: sharing, isolate: false } },
    ],
  },
});
