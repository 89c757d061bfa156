/** What a check of a gallery has found: what the table, the JSON and the page all show. */
import type { GalleryInfo } from '@sightline/shared/gallery/gallery.ts'
import type { Calibration } from '@sightline/shared/gallery/rules.ts'

/** An enrolled picture, without its vector. */
export interface CheckedPicture {
  readonly id: string
  readonly item: string
  readonly label: string
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface Neighbour {
  readonly id: string
  readonly item: string
  readonly label: string
  /** Cosine similarity, -1..1. */
  readonly score: number
}

/** Two pictures that are the same, or nearly; of two items, one of them has the wrong label or both show both. */
export interface Duplicate {
  readonly pictures: readonly [CheckedPicture, CheckedPicture]
  readonly score: number
  /** The very same bytes. */
  readonly isCopy: boolean
}

/** A picture that is more like another item than like the others of its own. */
export interface Doubtful {
  readonly picture: CheckedPicture
  /** The most alike picture of its own item. */
  readonly own: Neighbour
  /** The most alike one of the item that it may belong to. */
  readonly other: Neighbour
  readonly otherPicture: CheckedPicture
}

/** Two items that the gallery's pictures do not tell apart. */
export interface ClosePair {
  readonly items: readonly [Named, Named]
  /** Their most alike pictures. */
  readonly pictures: readonly [CheckedPicture, CheckedPicture]
  readonly score: number
  /** Pictures of either that are more like the other item than like their own. */
  readonly confused: number
}

export interface Named {
  readonly item: string
  readonly label: string
}

export interface ItemCheck extends Named {
  readonly pictures: number
  /** Pictures that differ: near-duplicates count once. */
  readonly distinct: number
  /** Mean similarity of its pictures to each other; null for a single one. */
  readonly likeness: number | null
  /** Share of its pictures that, left out, its others still name first; null for a single one. */
  readonly recall: number | null
  readonly isEnough: boolean
  /** What is missing, a sentence each. */
  readonly advice: readonly string[]
}

/** What a threshold gives on the gallery's own pictures, each left out once. */
export interface ThresholdPoint {
  readonly threshold: number
  /** Share of pictures that are named, wrongly, once their whole item is left out: what is not enrolled and gets a name. */
  readonly falseAccept: number
  /** Share of pictures that their item's others do not name rightly: what is enrolled and stays unknown, or is misnamed. */
  readonly falseReject: number
}

export interface ItemThreshold extends Named {
  readonly threshold: number
  /** Pictures of other items that are taken for it, with the general threshold and with its own. */
  readonly falseAccepts: readonly [number, number]
  /** Its own pictures that are not named, with the general threshold and with its own. */
  readonly falseRejects: readonly [number, number]
}

/** Answers of about the same probability, and how many of them were right. */
export interface ReliabilityBin {
  readonly from: number
  readonly to: number
  readonly answers: number
  /** Mean probability that was said, 0..1. */
  readonly said: number
  /** Share that was right. */
  readonly right: number
}

export interface Reliability {
  readonly bins: readonly ReliabilityBin[]
  /** Expected calibration error: the mean distance of said and right, 0..1. */
  readonly error: number
}

export interface GalleryCheck {
  readonly location: string
  readonly info: GalleryInfo
  /** Pictures of cameras that thresholds and probabilities are told by; null where it is the gallery's own. */
  readonly asked: number | null
  /** Share of all pictures that, left out, are named rightly first; of items with two or more. Null where there are none. */
  readonly recall: number | null
  readonly items: readonly ItemCheck[]
  readonly duplicates: readonly Duplicate[]
  readonly doubtful: readonly Doubtful[]
  readonly close: readonly ClosePair[]
  readonly thresholds: {
    /** In force, of the gallery itself; null where too little is enrolled to tell. */
    readonly current: ThresholdPoint | null
    /** With the least of both errors together. */
    readonly suggested: ThresholdPoint | null
    /** The lowest with at most 1 % falsely accepted. */
    readonly careful: ThresholdPoint | null
    readonly curve: readonly ThresholdPoint[]
    readonly items: readonly ItemThreshold[]
  }
  /** Null where there are too few right and wrong answers to learn from. */
  readonly calibration: Calibration | null
  /** Of a calibration that has not seen the items that it is judged by. */
  readonly reliability: Reliability | null
}
