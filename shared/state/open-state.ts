/** Opens the state: Redis where there is one, else this process's memory. */
import { MemoryState } from './memory-state.ts'
import { RedisState } from './redis-state.ts'
import type { State } from './state.ts'

/** Connects in the background. Throws CONFIG_INVALID for what is no URL of Redis. */
export const openState = (redisUrl: string | undefined): State =>
  redisUrl === undefined ? new MemoryState() : new RedisState({ url: redisUrl })
