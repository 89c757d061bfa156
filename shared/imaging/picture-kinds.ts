/** The kinds of pictures there are: what files of each are called, how their bytes begin, and whether they are read. */

/** In small letters, with the dot, as `extname` gives it. What a file is, its bytes decide; names only tell what to look at. */
export const readableExtensions: ReadonlySet<string> = new Set([
  ...['.jpg', '.jpeg', '.jpe', '.jfif', '.jif', '.mpo'],
  ...['.png', '.apng', '.webp', '.gif', '.tif', '.tiff', '.bmp', '.dib'],
  ...['.avif', '.heic', '.heif', '.hif', '.jxl', '.jp2', '.j2k', '.j2c', '.jpc', '.jpf', '.jpx'],
  ...['.ppm', '.pgm', '.pbm', '.pnm'],
])

/** Names of pictures that are not read: what a folder holds of them is told, not passed over in silence. */
export const unreadExtensions: ReadonlySet<string> = new Set([
  ...['.svg', '.svgz', '.pdf', '.eps', '.ps', '.ai', '.wmf', '.emf'],
  ...['.ico', '.cur', '.tga', '.pcx', '.psd', '.psb', '.xcf', '.qoi', '.dds', '.sgi', '.ras', '.pam', '.pfm'],
  ...['.hdr', '.exr', '.fits', '.fit', '.dcm', '.jng', '.mng', '.bpg', '.flif', '.jls', '.jxr', '.wdp'],
  // What cameras call their raw sensor data.
  ...['.dng', '.cr2', '.cr3', '.crw', '.nef', '.nrw', '.arw', '.srf', '.sr2', '.raf', '.orf', '.rw2', '.pef'],
  ...['.srw', '.x3f', '.raw', '.3fr', '.iiq', '.rwl', '.kdc', '.dcr', '.mrw', '.erf'],
])

/** Read by libvips, which is fast. */
export type NativeKind = 'JPEG' | 'PNG' | 'WebP' | 'GIF' | 'TIFF' | 'AVIF'

/** Read by ImageMagick in a thread of its own. */
export type ConvertedKind = 'BMP' | 'HEIC' | 'AVIF sequence' | 'JPEG 2000' | 'JPEG XL' | 'PNM'

export type PictureKind =
  | { readonly reader: 'native'; readonly name: NativeKind }
  | { readonly reader: 'converter'; readonly name: ConvertedKind }
  | { readonly reader: 'none'; readonly name: string }

const native = (name: NativeKind): PictureKind => ({ reader: 'native', name })
const converted = (name: ConvertedKind): PictureKind => ({ reader: 'converter', name })
const unread = (name: string): PictureKind => ({ reader: 'none', name })

/** A byte each; `\xNN` as it stands, `?` for any. The first that fits decides. */
const signatures: readonly (readonly [string, PictureKind])[] = [
  ['\xff\xd8\xff', native('JPEG')],
  ['\x89PNG\r\n\x1a\n', native('PNG')],
  ['RIFF????WEBP', native('WebP')],
  ['GIF87a', native('GIF')],
  ['GIF89a', native('GIF')],
  ['II*\0\x10\0\0\0CR', unread('a Canon raw picture')],
  ['II*\0', native('TIFF')],
  ['MM\0*', native('TIFF')],
  ['II+\0', native('TIFF')],
  ['MM\0+', native('TIFF')],
  ['\0\0\0\x0cjP  \r\n\x87\n', converted('JPEG 2000')],
  ['\xff\x4f\xff\x51', converted('JPEG 2000')],
  ['\xff\x0a', converted('JPEG XL')],
  ['\0\0\0\x0cJXL \r\n\x87\n', converted('JPEG XL')],
  ['%PDF', unread('a PDF')],
  ['%!PS', unread('PostScript')],
  ['8BPS', unread('a Photoshop picture')],
  ['gimp xcf', unread('a GIMP picture')],
  ['qoif', unread('a QOI picture')],
  ['\0\0\x01\0', unread('a Windows icon')],
  ['\0\0\x02\0', unread('a Windows cursor')],
  ['\x76\x2f\x31\x01', unread('an OpenEXR picture')],
  ['#?RADIANCE', unread('a Radiance HDR picture')],
  ['#?RGBE', unread('a Radiance HDR picture')],
  ['DDS ', unread('a DirectDraw texture')],
  ['FUJIFILMCCD-RAW', unread('a Fujifilm raw picture')],
  ['IIRO', unread('an Olympus raw picture')],
  ['IIU\0', unread('a Panasonic raw picture')],
  ['FOVb', unread('a Sigma raw picture')],
  ['II\xbc', unread('JPEG XR')],
  ['\x8aMNG', unread('an MNG animation')],
  ['\x8bJNG', unread('a JNG picture')],
  ['BPG\xfb', unread('a BPG picture')],
  ['FLIF', unread('a FLIF picture')],
  ['\x59\xa6\x6a\x95', unread('a Sun raster picture')],
  ['SIMPLE  =', unread('a FITS picture')],
  ['P7\n', unread('a PAM picture')],
  ['\xd7\xcd\xc6\x9a', unread('a Windows metafile')],
  ['\x1aE\xdf\xa3', unread('a Matroska or WebM video')],
  ['RIFF????AVI ', unread('an AVI video')],
]

/** Brands of ISO base media files: of the family's many, those of pictures. */
const brands: Readonly<Record<string, PictureKind>> = {
  avif: native('AVIF'),
  avis: converted('AVIF sequence'),
  heic: converted('HEIC'),
  heix: converted('HEIC'),
  heim: converted('HEIC'),
  heis: converted('HEIC'),
  hevc: converted('HEIC'),
  hevx: converted('HEIC'),
  crx: unread('a Canon raw picture'),
  jxl: converted('JPEG XL'),
}

const textOf = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', from, to)

const bmpHeaderSizes: ReadonlySet<string> = new Set(
  [12, 40, 52, 56, 64, 108, 124].map((size) => `${String.fromCharCode(size)}\0\0\0`),
)

/** What the bytes say they are; null for what is no picture that one knows. */
export function pictureKindOf(bytes: Uint8Array): PictureKind | null {
  const start = textOf(bytes, 0, 512)
  const found = signatures.find(([signature]) => begins(start, signature))
  if (found !== undefined) return found[1]
  if (start.startsWith('ftyp', 4)) return kindOfBrand(start, bytes)
  // Two letters alone are too little: the size of the second header tells a BMP from a text.
  if (start.startsWith('BM') && bmpHeaderSizes.has(start.slice(14, 18))) return converted('BMP')
  if (/^P[1-6][\s#]/.test(start)) return converted('PNM')
  if (/^P[Ff]\n/.test(start)) return unread('a PFM picture')
  if (/^(\xef\xbb\xbf)?\s*<(\?xml|!--|!DOCTYPE svg|svg[\s>])/i.test(start) && /<svg[\s>]/i.test(start)) {
    return unread('an SVG drawing')
  }
  return null
}

const begins = (start: string, signature: string): boolean =>
  start.length >= signature.length &&
  [...signature].every((character, at) => character === '?' || character === start[at])

function kindOfBrand(start: string, bytes: Uint8Array): PictureKind {
  const major = start.slice(8, 12)
  const own = brands[major.trim()]
  if (own !== undefined) return own
  // `mif1` and `msf1` only say "a picture" and "pictures": the compatible brands say of what kind.
  const size = Math.min(Buffer.from(bytes.subarray(0, 4)).readUInt32BE(0), start.length)
  for (let at = 16; at + 4 <= size; at += 4) {
    const kind = brands[start.slice(at, at + 4).trim()]
    if (kind !== undefined) return kind
  }
  return /^(mif1|msf1)$/.test(major) ? converted('HEIC') : unread('a video of the MP4 family')
}
