/** The kinds of pictures there are: what files of each are called, and whether they are read; one table for names and contents. */

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
  ...[
    '.ico',
    '.cur',
    '.tga',
    '.pcx',
    '.psd',
    '.psb',
    '.xcf',
    '.qoi',
    '.dds',
    '.sgi',
    '.ras',
    '.pam',
    '.pfm',
    '.jxr',
    '.wdp',
  ],
  ...['.hdr', '.exr', '.fits', '.fit', '.dcm', '.jng', '.mng', '.bpg', '.flif', '.jls'],
  // What cameras call their raw sensor data.
  ...[
    '.dng',
    '.cr2',
    '.cr3',
    '.crw',
    '.nef',
    '.nrw',
    '.arw',
    '.srf',
    '.sr2',
    '.raf',
    '.orf',
    '.rw2',
    '.pef',
    '.srw',
    '.x3f',
  ],
  ...['.raw', '.3fr', '.iiq', '.rwl', '.kdc', '.dcr', '.mrw', '.erf'],
])
