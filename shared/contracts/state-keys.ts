/** Every key that lies in the state (Redis): each deployment's apart from all others', though they share it. */

/** Who remembers. Two of these that differ in anything never meet. */
export interface StateScope {
  /** Id of the Kafka cluster; `embedded` without one. */
  readonly cluster: string
  /** In front of the topics' names. */
  readonly prefix: string
  /** Consumer group of the stage. */
  readonly group: string
}

/** As text. A cluster's id, a prefix and a group have no `/` where Kafka gave or took them; one that has is escaped. */
export const stateScope = ({ cluster, prefix, group }: StateScope): string =>
  [cluster, prefix, group].map(encodeURIComponent).join('/')

/** The message, by its position, by which a frame of this id ended in an event. */
export const frameKey = (scope: string, frameId: string): string => `${scope}/frame/${frameId}`

/** A camera's most recent frame, as it was encoded. */
export const recentFrameKey = (scope: string, camera: string): string => `${scope}/recent-frame/${camera}`
