/** Backups. */
export const backupLimits = {
  /** A unit is closed before it has more, as the journal has its rows. */
  unitBytes: 512 * 1024,
  /** Rows of the journal that are read at once; the others come with the next page. */
  pageRows: 8_000,
  /** Bytes of the journal that are read at once. A row beyond it comes alone. */
  pageBytes: 2 * 1024 * 1024,
  /** Bytes of small actors that are gathered before a thread cuts them. */
  batchBytes: 512 * 1024,
  /** Tasks, of an actor and type each, that are gathered before a thread cuts them. */
  batchTasks: 512,
  /** Batches that are being cut while the next one is gathered. */
  batchesCut: 2,
  /** Fragments of a unit, each in a pack of its own. */
  fragments: 3,
  /** A set of packs is closed when one of them has so many bytes. */
  packBytes: 4 * 1024 * 1024,
  /** Sets of packs that are being stored while the next one fills; more hold the reading back. */
  setsStored: 1,
  /** Files that a snapshot names as missed; of more it says how many. */
  missedFilesNamed: 1_000,
  /** Changes of units that are in memory; then they are written into the manifest. */
  changesMax: 20_000,
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
  /** Beginnings of threads whose new places a recall remembers; another is asked for again. */
  placeRootsKept: 1_000,
  /** Packs that a reader keeps in memory. */
  packsKept: 6,
  /** What is stored for a backup, and not yet part of one, is collected after so long.
   *
   *  Longer than any run, with the pauses that one may make. */
  unfinishedMs: 7 * 24 * 3_600_000,
  /** Stripes whose holders are asked at the same time to keep them. */
  keptAtOnce: 16,
  /** How often a commit is tried again when another one was there first; then `BACKUP_CHANGED`. */
  commitTriesMax: 5,
} as const;

/** The same, where a test has smaller ones. */
export type BackupLimits = { readonly [Name in keyof typeof backupLimits]: number };
