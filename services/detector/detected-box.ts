/** A box as every decoder gives it. */

export interface DetectedBox {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
  readonly score: number
}

export interface Size {
  readonly width: number
  readonly height: number
}
