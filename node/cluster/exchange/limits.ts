/** Calls between nodes. */
export const callLimits = {
  /** Calls to one peer that wait for their answers; one more is refused with `OVERLOADED`. */
  callsPerPeerMax: 16_384,
  /** Peers with a message of a later version that are logged, each once; further ones are only counted in
   *  `plexus_mesh_unknown_messages_total`.
   *
   *  A node that is older than its peers is about to be restarted. */
  unknownNamesMax: 256,
} as const;
