/** All parts of the bench, in the order of the report. */
import { busPart } from './bus.ts'
import { cropCodecPart } from './crop-codec.ts'
import { cropSizePart } from './crop-size.ts'
import { decodePart } from './decode.ts'
import { densePart } from './dense.ts'
import { kernelsPart } from './kernels.ts'
import { latencyPart } from './latency.ts'
import { memoryPart } from './memory.ts'
import { networksPart } from './networks.ts'
import type { Part } from './part.ts'
import { partitionsPart } from './partitions.ts'
import { pipelinePart } from './pipeline.ts'
import { precisionPart } from './precision.ts'
import { restPart } from './rest.ts'
import { rivalPart } from './rival/compare.ts'
import { scalingPart } from './scaling.ts'
import { searchPart } from './search.ts'
import { servicesPart } from './services.ts'

export const parts: readonly Part[] = [
  pipelinePart,
  rivalPart,
  latencyPart,
  densePart,
  decodePart,
  kernelsPart,
  searchPart,
  scalingPart,
  servicesPart,
  memoryPart,
  networksPart,
  precisionPart,
  busPart,
  cropCodecPart,
  cropSizePart,
  restPart,
  partitionsPart,
]
