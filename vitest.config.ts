import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // On a real Docker, by `npm run test:compose`.
    exclude: [...configDefaults.exclude, 'test/compose/**'],
    globalSetup: ['test/harness/services-setup.ts'],
    // Two cores: more files at once only starve the broker and the inference workers.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
