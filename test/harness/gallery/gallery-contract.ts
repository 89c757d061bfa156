/** What every gallery driver promises; each driver's test file runs this suite on it. */
import { describe } from 'vitest'
import { buildingContract } from './contract/building.ts'
import { entriesContract } from './contract/entries.ts'
import { openingContract } from './contract/opening.ts'
import { rulesContract } from './contract/rules.ts'
import { contractTools, type GalleryDriver } from './contract/tools.ts'
import { writersContract } from './contract/writers.ts'

export function galleryContract(driver: GalleryDriver): void {
  const tools = contractTools(driver)
  describe(`a gallery in ${driver.name}: entries`, () => entriesContract(tools))
  describe(`a gallery in ${driver.name}: opening`, () => openingContract(tools))
  describe(`a gallery in ${driver.name}: rules`, () => rulesContract(tools))
  describe(`a gallery in ${driver.name}: writers`, () => writersContract(tools))
  describe(`a gallery in ${driver.name}: building`, () => buildingContract(tools))
}
