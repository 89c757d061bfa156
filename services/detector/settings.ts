/** The detector's settings. */
import { defaultCropCodec, parseCropCodec } from '@sightline/shared/imaging/crop-codec.ts'
import { networkSettings, serviceSettings } from '@sightline/shared/process/service-settings.ts'
import { take } from '@sightline/shared/process/settings.ts'

export const detectorSettings = {
  ...serviceSettings,
  ...networkSettings,
  detectionThreshold: {
    schema: take.number(0, 1).optional(),
    help: "least detection score; the detector's where not given",
  },
  detectionNmsIou: {
    schema: take.number(0, 1).optional(),
    help: "overlap (IoU) from which the weaker of two boxes goes; the detector's where not given",
  },
  maxBoxes: { schema: take.integer(1, 1000).optional(), help: "most boxes a frame; the detector's where not given" },
  wholeFrame: {
    schema: take.choice(['always', 'fallback', 'never']).default('fallback'),
    help: 'also look at the whole frame: always, fallback (when nothing was detected) or never',
  },
  cropCodec: {
    schema: take.parsed(parseCropCodec, 'takes jpeg:98, webp:95, png or ppm').default(defaultCropCodec),
    help: 'how crops travel to the embedder: jpeg:QUALITY, webp:QUALITY, png, or ppm (not encoded) [jpeg:98]',
  },
  maxFrameAgeSeconds: {
    schema: take.number(0, 1e9).optional(),
    help: 'an older frame is not computed; its event says skipped: stale',
  },
  cameraMaxFrameAgeSeconds: {
    schema: take.numbers(0, 1e9).default(new Map()),
    help: 'other limits for some cameras, as JSON: {"cam-1": 5}',
  },
  maxFrameBytes: { schema: take.integer(1, 2 ** 30).default(32 * 1024 * 1024), help: 'largest encoded frame' },
  maxFramePixels: { schema: take.integer(1, 1e9).default(64_000_000), help: 'largest frame, width times height' },
  framesAtOnce: {
    schema: take.integer(1, 256).default(8),
    help: 'frames held as pixels at one time: bounds the memory',
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
  recentFrameSeconds: {
    schema: take.number(0, 86_400).default(60),
    help: "how long each camera's most recent frame is kept in Redis; 0 keeps none",
  },
} as const
