/** Where a message lies in the log. */
export interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** `frames-3-1042`: topic, partition and offset; what logs, dead letters and derived ids call a message by. */
export const positionText = ({ topic, partition, offset }: Position): string => `${topic}-${partition}-${offset}`
