/** The directory: the cluster's small memory of who belongs to it and who owns what. Everything else rests on its rows
 *  being changed by compare-and-set, so it is the one place where a promise is kept by asking a single authority.
 *
 *      createEmbeddedDirectory   on the manager's own store; one node is a cluster of one
 *      serveDirectory   ─┐       the same, for the other nodes
 *      createRemoteDirectory ◄┘  … as they see it
 *      createReplicatedPart      with voters among the managers, each of which may die
 *      readLastKnown, foundVoter what one of them has, and its state in a new generation
 *      createEtcdDirectory       in etcd, for clusters that have it
 *      createSwitchingDirectory  what a node uses: one object, whichever of them is behind it
 *      openDirectory             all of it at one node: where the directory is, and where it moves (place.ts)
 *      migrateDirectory          from a node or voters to etcd, while everything runs; back: `EtcdDirectory.handOver`
 *
 *  Of all of them holds (test/conformance/directory.ts):
 *
 *  - **Revisions** only rise, over all rows and over every life of a row, also through a migration. So a change that
 *    was prepared on an old row never fits a later one, and of two rows of one key the higher is the later.
 *  - **A change is asked for once.** No connection, no answer in time, a disk that fails: DIRECTORY_UNAVAILABLE, and
 *    the outcome is unknown. It may even come about later. A caller that needs to know reads the row again.
 *  - **Reads are of now**: a row that was read was on disk, and was the newest at some moment between question and
 *    answer.
 *  - **Watches may be behind**, but tell everything in order. What could not be told (a broken connection, a slow
 *    watcher, a compacted history) is announced by `stale` and made good by a `reset`, which replaces all that was
 *    known.
 *  - **No clock, no lease.** Time only says how long to wait before asking again.
 *
 *  Read `embedded.ts` first: it is the reference; then `serve.ts` with `remote.ts`, `etcd.ts` with `etcd-feed.ts`. */
export { createEmbeddedDirectory, type EmbeddedDirectory } from "./embedded.ts";
export { createEtcdDirectory, isSupportedEtcd, type EtcdDirectory } from "./etcd.ts";
export type { EtcdLink } from "./etcd-servers.ts";
export type { EtcdSecurity } from "./etcd-wire.ts";
export { directoryLimits, type DirectoryLimits } from "./limits.ts";
export { migrateDirectory } from "./migrate.ts";
export { loadVoter } from "./raft/disk.ts";
export { createRemoteDirectory } from "./remote.ts";
export { foundVoter } from "./raft/disk.ts";
export { readLastKnown, type LastKnown } from "./raft/last-known.ts";
export type { Lead } from "./replicated.ts";
export type { DirectoryHome, EtcdHome, VotersHome } from "./row.ts";
export { serveDirectory } from "./serve.ts";
export { createSwitchingDirectory, type SwitchingDirectory } from "./switching.ts";
export { rowKey as directoryRowKey } from "./layout.ts";
export { openDirectory, type RowRules } from "./place.ts";
export { createSizeLook } from "./size.ts";
export { votersFor } from "./voters.ts";
