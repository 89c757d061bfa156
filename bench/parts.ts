/** All parts of the bench, in the order of the report. */
import type { Part } from './part.ts'
import { pipelinePart } from './pipeline.ts'
import { rivalPart } from './rival/compare.ts'

export const parts: readonly Part[] = [pipelinePart, rivalPart]
