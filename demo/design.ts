/** What a made-up product is: its shape and what is printed on it. */
import type { Motif } from './motifs.ts'

export interface Palette {
  /** The package's main colour. */
  readonly ground: string
  readonly deep: string
  readonly accent: string
  /** Letters on the ground. */
  readonly ink: string
  readonly paper: string
}

export type Layout = 'arch' | 'band' | 'diagonal' | 'medallion' | 'poster' | 'quarters' | 'stripes' | 'waves' | 'window'

/** What is printed on a package. */
export interface Design {
  readonly brand: string
  readonly name: string
  readonly flavour: string
  readonly net: string
  readonly layout: Layout
  readonly motif: Motif
  readonly motifColours: { readonly main: string; readonly dark: string; readonly light: string }
  readonly palette: Palette
}
