/** The options of commands that recognize, enrol or measure, and the models and gallery that they name. */
import { gallerySettings } from '@sightline/matcher/settings.ts'
import { type PipelineSettings, pipelineSettings } from '@sightline/pipeline/settings.ts'
import type { Logger } from '@sightline/shared/errors/logger.ts'
import { type Gallery, type GalleryBuild, galleryEmbedder, type OpenMode } from '@sightline/shared/gallery/gallery.ts'
import { type GalleryAccess, openGallery, openGalleryBuild } from '@sightline/shared/gallery/open-gallery.ts'
import { plainKeyWarning } from '@sightline/shared/gallery/qdrant/qdrant-location.ts'
import type { EmbedderManifest, Model } from '@sightline/shared/inference/model-manifest.ts'
import { bundledModels, readEmbedder } from '@sightline/shared/inference/models-folder.ts'
import { type FormOptions, workersOf } from '@sightline/shared/inference/workers.ts'
import { type SettingGroup, settingGroup } from '@sightline/shared/process/settings.ts'
import { describeFlags } from '@sightline/shared/process/settings-help.ts'
import { modelsSettings, networkSettings } from '@sightline/shared/process/stage-settings.ts'
import type { Terminal, Values } from './command.ts'
import { flagOptions, readFlags } from './flags.ts'

export const modelOptions = flagOptions(modelsSettings)
export const modelHelp = describeFlags(modelsSettings)

export const networkOptions = flagOptions(networkSettings)
export const networkHelp = describeFlags(networkSettings)

export const galleryOptions = flagOptions(gallerySettings)
export const galleryHelp = describeFlags(gallerySettings)

/** Of whole pictures that somebody waits for: none of them gets too old. */
const { maxFrameAgeSeconds: _, ...ofPictures } = pipelineSettings.settings
const pictureSettings: SettingGroup = settingGroup(ofPictures)

export const recognitionOptions = flagOptions(pictureSettings)
export const recognitionHelp = describeFlags(pictureSettings)

const { scene, tiles, detectionNmsIou } = pipelineSettings.settings
const lookSettings = settingGroup({ scene, tiles, detectionNmsIou })

/** How closely the detector looks, for who needs no more of the settings of recognition. Throws USAGE, CONFIG_INVALID. */
export const lookOf = (values: Values, terminal: Terminal) => readFlags(lookSettings, values, terminal)

/** Of cameras, whose frames go on coming. */
export const cameraOptions = flagOptions(pipelineSettings)
export const cameraHelp = describeFlags(pipelineSettings)

/** Throws USAGE, CONFIG_INVALID. */
export const recognitionOf = (values: Values, terminal: Terminal): Promise<PipelineSettings> =>
  readFlags(pipelineSettings, values, terminal)

/** Worker threads for a network, on the providers that were asked for. */
export const readWorkers = async (values: Values, terminal: Terminal): Promise<FormOptions> =>
  workersOf(await readFlags(networkSettings, values, terminal))

/** The folder that --models names, else the models that come with Sightline. */
export const modelsFolder = async (values: Values, terminal: Terminal): Promise<string> =>
  (await readFlags(modelsSettings, values, terminal)).models ?? bundledModels

export const embedderOf = async (values: Values, terminal: Terminal): Promise<Model<EmbedderManifest>> =>
  readEmbedder(await modelsFolder(values, terminal))

/** Where --gallery says that the gallery is. */
export const galleryLocation = async (values: Values, terminal: Terminal): Promise<string> =>
  (await readFlags(gallerySettings, values, terminal)).gallery

/** Opens the gallery that --gallery names, with the embedder in use. */
export const openNamedGallery = (
  values: Values,
  { manifest }: Model<EmbedderManifest>,
  terminal: Terminal,
  mode: OpenMode = 'read',
): Promise<Gallery> =>
  atGallery(values, terminal, (location, access) => openGallery(location, galleryEmbedder(manifest), mode, access))

/** Begins a build of the gallery that --gallery names, with a threshold of its own where one is given. */
export const openNamedBuild = (
  values: Values,
  { manifest }: Model<EmbedderManifest>,
  terminal: Terminal,
  threshold?: number,
): Promise<GalleryBuild> => {
  const embedder = { ...galleryEmbedder(manifest), ...(threshold !== undefined && { threshold }) }
  return atGallery(values, terminal, (location, access) => openGalleryBuild(location, embedder, access))
}

async function atGallery<Opened>(
  values: Values,
  terminal: Terminal,
  open: (location: string, access: GalleryAccess) => Promise<Opened>,
): Promise<Opened> {
  const { gallery, qdrantApiKey: apiKey } = await readFlags(gallerySettings, values, terminal)
  const warning = plainKeyWarning(gallery, apiKey)
  if (warning !== null) terminal.err(warning)
  return open(gallery, { apiKey })
}

const ignore = (): void => undefined

/** What a pipeline has to say to a person: its warnings. */
export const logFor = ({ err }: Pick<Terminal, 'err'>): Logger => ({
  debug: ignore,
  info: ignore,
  warn: (_fields, message) => err(message),
  error: (_fields, message) => err(message),
})
