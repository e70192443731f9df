/** Configuration and secrets of the cluster. */
export const settingsLimits = {
  /** Changes of a row that are kept, to look at and to go back to.
   *
   *  Older ones are forgotten; the audit still has them. */
  settingsHistoryMax: 100,
  /** Bytes of a row; the oldest changes are forgotten before there are more.
   *
   *  A change that does not fit without any history is refused with `TOO_LARGE`. */
  settingsRowBytesMax: 96 * 1024,
  /** How often a change is tried when the row is changed by others at the same moment.
   *
   *  Then it is refused with `OVERLOADED`. */
  settingsAttemptsMax: 4,
  /** Nodes that are asked for their configuration at once.
   *
   *  Of further ones the answer says that they were not asked. */
  settingsNodesMax: 256,
  /** How long another node may take to say how it is configured.
   *
   *  Then the answer says that nothing is known of it. */
  settingsAskTimeoutMs: 3_000,
  /** Bytes of the file in which a node remembers what the cluster has set.
   *
   *  A larger one is not read, and the node starts without. */
  settingsFileBytesMax: 256 * 1024,
  /** Secrets with names that a cluster may have; one more is refused with `LIMIT_REACHED`. */
  secretsMax: 128,
} as const;
