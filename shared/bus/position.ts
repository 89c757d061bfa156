/** Where a message lies in the log. */
export interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** `frames-3-1042`: topic, partition and offset; what logs, dead letters and derived ids call a message by. */
export const positionText = ({ topic, partition, offset }: Position): string => `${topic}-${partition}-${offset}`

/** Whether a text is one that `positionText` can have written; topics have names of these letters only. */
export const isPosition = (text: string): boolean => /^[a-zA-Z0-9._-]{1,249}-\d{1,10}-\d{1,19}$/.test(text)
