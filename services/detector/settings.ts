/** The detector's settings, as a service and in the embedded mode. */
import { defaultCropCodec, parseCropCodec } from '@sightline/shared/imaging/crop-codec.ts'
import { combine, settingGroup, type ValuesOf } from '@sightline/shared/process/settings.ts'
import { networkSettings, stageSettings } from '@sightline/shared/process/stage-settings.ts'
import { take } from '@sightline/shared/process/take.ts'
import { sceneModes } from './scene.ts'
import { parseGrid } from './tiles.ts'

export const detectionSettings = settingGroup({
  detectionThreshold: {
    schema: take.number(0, 1).optional(),
    help: "least detection score, 0..1; the detector's where not given",
    flag: { value: 'T' },
  },
  detectionNmsIou: {
    schema: take.number(0, 1).optional(),
    help: "overlap (IoU) from which the weaker of two boxes goes, 0..1; the detector's where not given",
    flag: { value: 'T' },
  },
  maxBoxes: {
    schema: take.integer(1, 1000).optional(),
    help: "most boxes a frame; the detector's where not given, 300 in a dense scene",
    flag: { value: 'N' },
  },
  scene: {
    schema: take.choice(sceneModes).default('auto'),
    help: 'how closely to look: normal is once at the whole frame, dense in overlapping tiles too, with a threshold of its own, auto is dense where the whole frame looks crowded',
    flag: { value: 'MODE' },
  },
  cameraScenes: {
    schema: take.choices(sceneModes).default(new Map()),
    help: 'other scenes for some cameras, as JSON: {"cam-1": "dense"}',
  },
  tiles: {
    schema: take.parsed(parseGrid, 'takes COLUMNSxROWS, as 3x2, of at most 64 tiles').optional(),
    help: "tiles of a dense scene, as 3x2; by the frame's size where not given",
    flag: { value: 'CxR' },
  },
  wholeFrame: {
    schema: take.choice(['always', 'fallback', 'never']).default('fallback'),
    help: 'also look at the whole frame: always, fallback (when nothing was detected) or never',
    flag: { value: 'MODE' },
  },
  cropCodec: {
    schema: take.parsed(parseCropCodec, 'takes jpeg, jpeg:98, webp:95, png or raw').default(defaultCropCodec),
    help: "how crops travel to the embedder: jpeg (of a quality by the crop's size), jpeg:QUALITY, webp:QUALITY, png, or raw (not encoded) [jpeg]",
  },
  maxFrameAgeSeconds: {
    schema: take.number(0, 1e9).optional(),
    help: 'an older frame is not computed; its event says skipped: stale',
    flag: { name: 'max-frame-age', value: 'S' },
  },
  cameraMaxFrameAgeSeconds: {
    schema: take.numbers(0, 1e9).default(new Map()),
    help: 'other limits for some cameras, as JSON: {"cam-1": 5}',
  },
  maxFrameBytes: { schema: take.integer(1, 2 ** 30).default(32 * 1024 * 1024), help: 'largest encoded frame' },
  maxFramePixels: {
    schema: take.integer(1, 1e9).default(64_000_000),
    help: 'largest frame, width times height',
    flag: { name: 'max-pixels', value: 'N' },
  },
  framesAtOnce: {
    schema: take.integer(1, 256).default(8),
    help: 'frames decoded at one time, ahead of the network',
  },
  pictureMemory: {
    schema: take.integer(1, 2 ** 20).optional(),
    help: 'MiB that decoded frames may take at one time: larger ones wait for each other, what takes more alone is a dead letter [half of what the container or machine has left]',
  },
  redisUrl: {
    schema: take.text().optional(),
    help: 'redis:// or rediss://: remembers frames for all detectors; without it each remembers its own',
    isSecret: true,
  },
  dedupeSeconds: {
    schema: take.number(0, 86_400).default(600),
    help: 'a frame published again with the same ce_id within this time is dropped; 0 turns it off',
  },
})

export const detectorSettings = combine(stageSettings, networkSettings, detectionSettings)

export type DetectorSettings = ValuesOf<typeof detectorSettings>
