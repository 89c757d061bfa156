import { defineConfig } from 'vitest/config'

/** docker-compose.yml on a real Docker: `npm run test:compose`. COMPOSE_LENGTH=short shortens what is waited for. */
export default defineConfig({
  test: {
    include: ['test/compose/*.test.ts'],
    globalSetup: ['test/compose/docker-setup.ts'],
    // Each file has the whole machine, and starts a stack of its own.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 900_000,
  },
})
