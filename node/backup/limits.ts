/** Backups. */
export const backupLimits = {
  /** A unit is closed before it has more, as the journal has its rows. */
  unitBytes: 512 * 1024,
  /** Rows of the journal that are read at once; the others come with the next page. */
  pageRows: 4_000,
  /** Bytes of the journal that are read at once. A row beyond it comes alone. */
  pageBytes: 1024 * 1024,
  /** Bytes of small actors that are gathered before a thread cuts them. */
  batchBytes: 512 * 1024,
  /** Bytes of all types of one actor that are gathered before a thread cuts them.
   *
   *  What is cut at once is sealed together: two pages of each of three types. */
  batchBytesMax: 6 * 1024 * 1024,
  /** Tasks, of an actor and type each, that are gathered before a thread cuts them. Those of one actor stay
   *  together. */
  batchTasks: 512,
  /** Batches that are being cut while the next one is gathered. */
  batchesCut: 2,
  /** Fragments of a unit, each in a pack of its own.
   *
   *  The fewest with which one pack gives nothing: a unit is lost with any of them. */
  fragments: 2,
  /** A set of packs is closed when one of them has so many bytes. */
  packBytes: 4 * 1024 * 1024,
  /** Sets of packs that are being stored while the next one fills; more hold the reading back. */
  setsStored: 1,
  /** Files that a snapshot names as missed; of more it says how many. */
  missedFilesNamed: 1_000,
  /** Changes of units that are in memory; then they are written into the manifest. */
  changesMax: 20_000,
  /** A removal writes packs anew when more than this share of all packs is what no snapshot refers to. */
  wasteMax: 0.1,
  /** Of those, packs in which more than this share is waste. */
  packWasteMax: 0.2,
  /** Bytes that live in the packs which are written anew with one commit. */
  repackedBytes: 32 * 1024 * 1024,
  /** Nodes of the manifest that a reader keeps in memory. */
  nodesKept: 32,
  /** Units that a recall puts into the order in which they are stored; the others follow in the next lot. */
  recalledUnits: 20_000,
  /** Messages of a room that a recall into place compares with what lives there at a time. */
  placeStretch: 200,
  /** Messages that come back in one event. */
  placeBatch: 50,
  /** Characters of them; a longer message comes alone. */
  placeBatchChars: 32_000,
  /** Messages that come back in a second: the room's people go on meanwhile. */
  placePerSecond: 100,
  /** How often a room is asked that does not answer; then it is named, and the others follow. */
  placeTries: 5,
  /** How often a recall into place, or a check, remembers how far it is. */
  markKeptMs: 2_000,
  /** What failed or is lost is named so often by it; of more there is the number. A task remembers it, in few
   *  characters. */
  placeLossesNamed: 16,
  /** Beginnings of threads whose new places a recall remembers; another is asked for again. */
  placeRootsKept: 1_000,
  /** Bytes of units that are opened at a time, as plaintext; as many are opened ahead. */
  openedBytes: 1024 * 1024,
  /** Units that are opened at a time. */
  openedUnits: 256,
  /** Packs that a reader keeps in memory: two sets of them. */
  packsKept: 4,
  /** What is stored for a backup, and not yet part of one, is collected after so long.
   *
   *  Longer than any run, with the pauses that one may make. */
  unfinishedMs: 7 * 24 * 3_600_000,
  /** How long a task waits with what it stores for storage nodes that are down, where there would be enough with them;
   *  then `HOLDERS_TOO_FEW`, which names them. */
  downWaitMs: 30_000,
  /** Pause before it tries again. */
  downPauseMs: 1_000,
  /** Stripes whose holders are asked at the same time to keep them. */
  keptAtOnce: 16,
  /** What is lost is named so often in what a check found; of more there is the number. */
  lossesNamed: 50,
  /** Stripes whose holders are asked at a time whether they are there. */
  stripesAsked: 256,
  /** Stripes that are remembered as lost until a run has looked at them; and snapshots with losses. */
  lossesKept: 400,
  /** How often a commit is tried again when another one was there first; then `BACKUP_CHANGED`. */
  commitTriesMax: 5,
} as const;

/** The same, where a test has smaller ones. */
export type BackupLimits = { readonly [Name in keyof typeof backupLimits]: number };

/** Backups of the cluster: its runner, and the parts that it asks of the slots' owners. */
export const runnerLimits = {
  /** How often the node that owns `backup/cluster` looks for work. */
  pollMs: 2_000,
  /** How often the runner says how far a task is, and hears whether it is to end. */
  tellMs: 2_000,
  /** How often it tells in its metrics what is late. */
  lateEveryMs: 60_000,
  /** A question to `backup/cluster` that takes longer is asked again. */
  askTimeoutMs: 10_000,
  /** How often it is asked again, a pause of `pollMs` between; then the task is left to the next turn. */
  asksMax: 30,
  /** How often a rehearsal of a restore is begun, each time from its beginning, when its node ends; then it has failed.
   *
   *  A restart of all nodes of a cluster, one after the other, is fewer for most. */
  drillTurnsMax: 8,
  /** Slots of one part. */
  partSlots: 64,
  /** Nodes that are asked for parts at the same time, each for one. */
  partsAtOnce: 8,
  /** Parts that a node has under way; another is refused with `LIMIT_REACHED`, and asked for again. */
  partsHere: 2,
  /** A question for a part is answered after so long, with how far it is. */
  partAnswerMs: 2_000,
  /** A node that does not answer for so long is as good as away. */
  partTimeoutMs: 15_000,
  /** A part that nobody asks for is given up after so long. */
  partForgottenMs: 60_000,
  /** Tasks of which a node remembers the last turn. */
  turnsKept: 32,
  /** Pause before slots are asked for again whose owner did not answer, or was another one. */
  slotPauseMs: 1_000,
  /** A slot that could not be read for so long is missing in the snapshot.
   *
   *  Longer than a failover. */
  slotWaitMs: 3 * 60_000,
  /** How often parts whose lists are lost are made anew; then the run fails. */
  mergesMax: 3,
  /** Bytes of journals that a part reads in a second. */
  partBytesPerSecond: 32 * 1024 * 1024,
  /** Files that a part names as missing; of more there is the number. */
  partFilesNamed: 16,
  /** Lost stripes that an owner of slots is told of; of more it stores everything anew. */
  lostTold: 1_024,
  /** Slots that the result of a run names as missing, each with the reason; the snapshot names all. */
  missedNamed: 100,
} as const;

/** The same, where a test has smaller ones. */
export type RunnerLimits = { readonly [Name in keyof typeof runnerLimits]: number };

/** How backups make room for people (`pacer.ts`). */
export const paceLimits = {
  /** Changes within `presentMs` with which somebody is there. */
  changesPresent: 3,
  /** So long after them nobody is there, and a backup goes on at full speed. */
  presentMs: 10_000,
  /** Changes beside no backup that are remembered. */
  usualKept: 512,
  /** So many of them, and it is counted anew which are slow. */
  countedAnew: 64,
  /** A change is late that takes so many times what the slowest hundredth takes. */
  lateFactor: 1.2,
  /** The share of the time in which a backup works when people come. Each time that it is halved one change was
   *  late. */
  shareFirst: 0.01,
  /** The share goes up by so much for each change beside its work that was not late, divided by the nodes that one
   *  change waits for.
   *
   *  Twice as much is the share of all changes that are late because of a backup, on all these nodes together. */
  shareMore: 0.002,
  /** It never works less: it is to end. */
  shareMin: 0.01,
  /** A shorter rest is put to the next one: timers are not that exact. */
  restMsMin: 5,
  /** Longest rest. */
  restMsMax: 5_000,
  /** The same before a part of a stripe that is put: all of them are to end within the time that a put may take. */
  putRestMsMax: 1_000,
  /** For so long the disk goes on behind a piece of work. */
  tailMs: 20,
  /** Bytes that are read at once when people come. */
  partBytesFirst: 64 * 1024,
  /** Fewer are never read at once: it is to end. */
  partBytesMin: 8 * 1024,
  /** More are never read at once while people are there. */
  partBytesMax: 256 * 1024,
  /** So many more are read at once where the part before took no longer than it may. */
  partBytesMore: 8 * 1024,
  /** A part that takes longer is followed by one half as large. */
  partMs: 4,
  /** Bytes of a shard that are synced at once while people are there: what is written and not synced, their own syncs
   *  wait for. */
  syncedBytes: 256 * 1024,
  /** Stripes whose holders are asked in one piece whether they are there, while people are. */
  stripesAsked: 32,
} as const;

/** The same, where a test has smaller ones. */
export type PaceLimits = { readonly [Name in keyof typeof paceLimits]: number };

/** What storage nodes keep of the head and the keys beside their shards. */
export const holderHeadLimits = {
  /** Heads that are kept; the oldest goes. The newest may lead to what cannot be read any more. */
  headsKept: 4,
  /** From a change of head or keys until they are fetched: many rows change at once. */
  settleMs: 2_000,
  /** Pause before what could not be fetched is tried again; doubles each time. */
  retryMsMin: 5_000,
  /** Longest such pause. */
  retryMsMax: 10 * 60_000,
  /** Bytes of the carried keys in one message. */
  pieceBytes: 1024 * 1024,
  /** Nodes that are fetching the keys from this one at a time, in pieces; the one that began first begins again. */
  fetchesKept: 4,
  /** What is kept of them for further pieces goes after so long. */
  fetchMs: 60_000,
  /** A node that does not give a piece for so long is as good as away. */
  fetchTimeoutMs: 15_000,
  /** So many storage nodes have the newest head and the keys, or all that there are; else a drill fails. */
  nodesMin: 3,
} as const;

/** The same, where a test has smaller ones. */
export type HolderHeadLimits = { readonly [Name in keyof typeof holderHeadLimits]: number };

/** The commands of backups at one node. */
export const commandLimits = {
  /** Tasks (runs, checks, recalls, removals) that a node remembers, the running one among them; of older ones
   *  `NOT_FOUND` is said. One runs at a time: another is refused with `LIMIT_REACHED`. */
  backupTasksKept: 16,
  /** What is lost is named so often in the answer of a check or recall; of more there is the number. */
  lostNamedMax: 50,
  /** An archive that is downloaded says that it goes on when nothing was found for so long. */
  archiveBeatMs: 15_000,
  /** A prune asks the cluster so long which holds there are; then it ends with `ASK_TIMEOUT`, and removes nothing. */
  holdsTimeoutMs: 10_000,
  /** A room that does not answer a recall for so long is asked again. */
  placeTimeoutMs: 10_000,
  /** Threads that compress and encrypt for a task; they are not the node's own. */
  sealerThreads: 1,
  /** Bytes of a recall that are gathered before they are written into its folder; as many are being written
   *  meanwhile. */
  writtenBytes: 1024 * 1024,
  /** Parts of files that are gathered before. */
  writtenParts: 512,
  /** Bytes of a recall into a folder between two marks, from which it goes on when it ended too early. */
  recallKeptBytes: 8 * 1024 * 1024,
  /** A node that a rehearsal starts may take so long until it is ready; then the rehearsal has failed. */
  drillStartMs: 180_000,
  /** One request to it may take so long. */
  drillRequestMs: 30_000,
  /** Accounts of which one is signed in to there; where none of them can be, only the list of accounts is asked for. */
  drillAccountsMax: 8,
  /** Rooms whose newest messages are remembered for it; of the others nothing is compared. */
  drillRoomsMax: 2_048,
  /** Of the rooms of that account so many are read. */
  drillRoomsRead: 4,
  /** Such a thread ends after so long without work. */
  sealerIdleMs: 5_000,
} as const;
