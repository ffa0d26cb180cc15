import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    // Otherwise vitest loads graphql as ESM beside the CommonJS copy that type-graphql has: "another module or realm".
    alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['dist/**', 'node_modules/**'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
