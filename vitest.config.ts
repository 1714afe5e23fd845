import { defineConfig } from 'vitest/config';

// The tests drive real mounts, runtimes and the real command line, as root: files run two at a time at most, and
// a loaded machine gets its time.
export default defineConfig({
  define: { CAMBIUM_VERSION: JSON.stringify('0.0.0-test') },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/globalSetup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    // What hangs on a machine's load, or on a mirror, gets two more tries where nobody is there to start it again.
    retry: process.env['CI'] ? 2 : 0,
    env: { NO_COLOR: '1' },
  },
});
