/** What every bus driver promises; each driver's test file runs this suite on it. */
import { describe } from 'vitest'
import { closingContract } from './contract/closing.ts'
import { failuresContract } from './contract/failures.ts'
import { groupsContract } from './contract/groups.ts'
import { messagesContract } from './contract/messages.ts'
import { type BusDriver, contractTools } from './contract/tools.ts'

export function busContract(driver: BusDriver): void {
  const tools = contractTools(driver)
  describe(`${driver.name}: messages`, () => messagesContract(tools))
  describe(`${driver.name}: groups`, () => groupsContract(tools))
  describe(`${driver.name}: failures`, () => failuresContract(tools))
  describe(`${driver.name}: closing`, () => closingContract(tools))
}
