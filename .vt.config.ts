import { defineConfig } from 'vitest/config';
export default defineConfig({ root: '/work/main', define: { CAMBIUM_VERSION: JSON.stringify('0.0.0-test') }, test: { include: ['test/**/*.test.ts'], pool: 'forks', testTimeout: 120000, hookTimeout: 100000 } });
