/** Backups in a folder of a node's machine, as its operator asks for them. */
import { Type, type Static } from "typebox";
import type { Failure } from "../errors.ts";
import { wireLimits } from "../limits.ts";
import { recallId } from "./restored.ts";
import { object } from "../wire/schema.ts";

const folder = (description: string) => Type.String({ pattern: "^/", maxLength: 4_096, description });
const from = Type.Optional(
  folder("The folder of the backups: its absolute path on the node's machine; absent: those of the cluster"),
);
const atMs = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const number = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const kept = Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000 }));
const name = Type.Optional(Type.String({ minLength: 1, maxLength: 256 }));

/** Body. */
export const runBackup = object({
  to: Type.Optional(
    folder(
      "The folder of the backups of this node, which is made where it is absent: its absolute path on the " +
        "node's machine; absent: the whole cluster, onto its storage nodes",
    ),
  ),
  full: Type.Optional(Type.Boolean({ description: "Everything is stored again, also what is there already" })),
});
/** Body. */
export const listBackups = object({ from });
/** How deep a check goes. */
export const backupDepth = Type.Union([Type.Literal("manifest"), Type.Literal("shards"), Type.Literal("data")], {
  description: "`manifest`: what leads to the data; `shards`: each shard is read; `data`: all of it is decrypted",
});
/** What is brought back. */
export const backupQuery = object({
  snapshot: Type.Optional(number),
  atMs: Type.Optional(atMs),
  person: name,
  thread: name,
  type: name,
  replies: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description:
        "Of a room: the message of this position and what answers it. Only with a room as `thread`, and messages",
    }),
  ),
  text: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: wireLimits.backupSearchCharsMax,
      description: "Records whose text has this in it, whatever its case",
    }),
  ),
  fromMs: Type.Optional(atMs),
  toMs: Type.Optional(atMs),
});
/** Which snapshots stay. */
export const backupRetention = Type.Object(
  { last: kept, hourly: kept, daily: kept, weekly: kept, monthly: kept, yearly: kept, withinMs: Type.Optional(atMs) },
  { additionalProperties: false, minProperties: 1, description: "What any of them keeps, stays; the newest does" },
);
/** Whose hours, days and months a retention counts. */
export const retentionZone = Type.Optional(
  Type.String({
    pattern: "^[A-Za-z0-9_+/-]{1,64}$",
    description: "Whose days and months count, such as Europe/Vienna; absent: those of the schedule, else UTC",
  }),
);
/** Body. */
export const verifyBackup = object({ from, snapshot: Type.Optional(number), depth: backupDepth });
/** Body. */
export const recallBackup = object({
  from,
  to: Type.Optional(
    folder(
      "Where it is written, a folder that is empty or absent, or where the same recall ended too early: there " +
        "it goes on; without it nothing is written",
    ),
  ),
  query: backupQuery,
});
/** What comes back into its place, and by which rules. */
export const placeRules = {
  query: backupQuery,
  recall: recallId,
  existing: Type.Optional(
    Type.Union([Type.Literal("skip"), Type.Literal("edited"), Type.Literal("again")], {
      description: "What comes back of what lives. `skip`: nothing; `edited`: also what was edited since; `again`: all",
    }),
  ),
  deleted: Type.Optional(Type.Boolean({ description: "What was deleted since comes back, too" })),
  remake: Type.Optional(
    Type.Boolean({ description: "A room that no longer exists is made again, with the members that it had then" }),
  ),
  dryRun: Type.Optional(Type.Boolean({ description: "Only says what would come" })),
} as const;
/** Body. */
export const placeBackup = object({ from, ...placeRules });
/** Body. */
export const withdrawBackup = object({ from, query: backupQuery, recall: recallId });
export type PlaceBackup = Static<typeof placeBackup>;
export type WithdrawBackup = Static<typeof withdrawBackup>;
/** Body. */
export const pruneBackup = object({
  from,
  keep: backupRetention,
  timeZone: retentionZone,
  apply: Type.Optional(Type.Boolean({ description: "Without it the answer only says what would be removed" })),
});
/** Body. */
export const copyBackup = object({
  from,
  to: folder("The folder of the copy, which is made where it is absent"),
});
/** Body. */
export const drillBackup = object({
  from,
  scratch: Type.Optional(
    folder(
      "Where it is rehearsed: a folder that is empty or absent, and is so again afterwards. Absent: the node " +
        "that works on it has one",
    ),
  ),
  snapshot: Type.Optional(number),
});
export type CopyBackup = Static<typeof copyBackup>;
export type DrillBackup = Static<typeof drillBackup>;
export type RecallBackup = Static<typeof recallBackup>;
export type VerifyBackup = Static<typeof verifyBackup>;
export type PruneBackup = Static<typeof pruneBackup>;

/** The cluster as it was, as far as the backing node could read it. */
export interface BackupSnapshot {
  readonly number: number;
  readonly atMs: number;
  readonly units: number;
  /** Of plaintext. */
  readonly bytes: number;
  /** Slots that were not read: what the snapshot before had of them is there, or nothing. Files that were not there to
   *  be read: `agent/ada.helper/files/…`. */
  readonly missed: readonly string[];
  /** Units of it that cannot be brought back, as the last check or run found; absent: none is known. */
  readonly lostUnits?: number;
}

/** The backups of the cluster, or those in a folder. */
export interface BackupList {
  readonly folder?: string;
  /** Whose slots are in the folder. */
  readonly node?: string;
  /** The oldest first. */
  readonly snapshots: readonly BackupSnapshot[];
}

/** A slot that a run did not read. */
export interface MissedSlot {
  readonly slot: string;
  /** The node that owns it, where that is another one. */
  readonly owner?: string;
  readonly error: Failure;
}

/** A picture, or another file of an actor, that a snapshot lacks. */
export interface MissedFile {
  readonly actor: string;
  /** The file's name; `*`: which files the actor has could not be told. */
  readonly hash: string;
  readonly error: Failure;
}

/** What a run found lost. */
export interface RunLosses {
  /** Stripes of the snapshot before that could not be read any more: what still lives of them was stored again. */
  readonly before: number;
  /** Units of the new snapshot that cannot be brought back now, and the stripes for which that is so. */
  readonly units: number;
  readonly stripes: number;
  /** The list of all earlier snapshots was lost: this one begins another list. */
  readonly list?: boolean;
}

/** Which storage nodes have the newest head and the keys on their disks, for a restore without any node. */
export interface HeadHolders {
  readonly nodes: number;
  readonly current: number;
  /** Those that do not, or have an older head, or did not answer. */
  readonly behind: readonly string[];
  /** Those that have a later head than the directory, or another one of its number: the directory went back to an older
   *  state. Absent: none. */
  readonly ahead?: readonly string[];
}

/** What each sort of task comes to. */
export interface BackupResults {
  readonly run: {
    readonly snapshot: BackupSnapshot;
    readonly changedUnits: number;
    readonly changedBytes: number;
    readonly storedBytes: number;
    readonly missed: readonly MissedSlot[];
    /** Files of actors that were not there to be read; the next run looks for them again. */
    readonly missedFiles: Losses<MissedFile>;
    /** Absent: it was made by an older version, which did not look. */
    readonly lost?: RunLosses;
  };
  readonly verify: {
    readonly snapshots: number;
    /** Of those that have lost any, how many units cannot be brought back. Absent in what an older version has
     *  found. */
    readonly damaged?: readonly { readonly snapshot: number; readonly units: number }[];
    readonly units: number;
    readonly stripes: number;
    readonly bytes: number;
    /** Stripes that can be read, but lack shards. */
    readonly weak: number;
    /** Stripes that cannot be read. */
    readonly lost: Losses<{ readonly stripe: string; readonly error: Failure }>;
    readonly lostUnits: Losses<LostUnit>;
  };
  readonly recall: {
    readonly snapshot: BackupSnapshot;
    /** Units that may have something of it, and what is in them; with a date or a person less is given. */
    readonly units: number;
    readonly rows: number;
    readonly bytes: number;
    readonly threads: number;
    readonly stripeBytes: number;
    /** How long reading it takes, as far as the cluster knows; `measured`: by earlier recalls. */
    readonly takesMs?: number;
    readonly measured?: boolean;
    /** Absent: nothing was to be written. */
    readonly written?: {
      readonly folder: string;
      readonly files: number;
      readonly bytes: number;
      /** Of these bytes: what an earlier attempt had written, behind which this one went on. Absent: it began. */
      readonly beforeBytes?: number;
    };
    readonly lost: Losses<LostUnit>;
  };
  readonly place: {
    readonly recall: string;
    readonly snapshot: BackupSnapshot;
    readonly dryRun: boolean;
    /** Rooms and conversations with agents. */
    readonly threads: number;
    /** Entries of the backup: their place has it in no form; as it was; edited, deleted since; back by an earlier
     *  recall; by this one before. */
    readonly found: Readonly<Record<"fresh" | "same" | "edited" | "deleted" | "back" | "done", number>>;
    /** What came back now, or would, the bytes of its texts, and how long that takes: reading, and the time that people
     *  are given. */
    readonly restored: number;
    readonly bytes: number;
    readonly takesMs: number;
    /** Pictures and sounds of conversations that came back. */
    readonly files?: number;
    /** Rooms and agents that were made anew, or would be. */
    readonly remade: number;
    readonly failed: Losses<FailedThread>;
    readonly lost: Losses<LostUnit>;
  };
  readonly withdraw: { readonly threads: number; readonly removed: number; readonly failed: Losses<FailedThread> };
  readonly prune: {
    readonly kept: readonly { readonly snapshot: number; readonly by: readonly string[] }[];
    /** Whose days were counted; absent: a node of the release before, which counts those of UTC. */
    readonly timeZone?: string;
    readonly removed: readonly number[];
    readonly stripes: number;
    readonly bytes: number;
    /** A snapshot that stays has lost nodes: what nobody leads to stays with it, since they may have led there. Absent:
     *  none has. */
    readonly torn?: boolean;
    /** What killed runs have left in a folder. */
    readonly leftovers?: { readonly files: number; readonly bytes: number };
    /** Packs that were written anew, and what that freed, or would at the most; or why it was not done. */
    readonly repacked?: { readonly packs: number; readonly freedBytes: number; readonly error?: Failure };
    readonly applied: boolean;
  };
  readonly copy: {
    /** The number of the head that was copied. */
    readonly head: number;
    readonly snapshots: number;
    readonly stripes: number;
    /** Those that were not there yet. */
    readonly copied: number;
    readonly copiedBytes: number;
    readonly lost: Losses<{ readonly stripe: string; readonly error: Failure }>;
  };
  readonly drill: {
    readonly snapshot: { readonly number: number; readonly atMs: number };
    readonly tookMs: number;
    readonly slots: number;
    readonly actors: number;
    readonly rows: number;
    readonly files: number;
    readonly bytes: number;
    readonly settings: number;
    /** What was read back and compared. */
    readonly compared: { readonly units: number; readonly states: number };
    /** Units whose keys were erased on purpose. */
    readonly erased: number;
    /** Everything else came back, and is what it was. */
    readonly whole: boolean;
    readonly lost: Losses<LostUnit>;
    /** What came back otherwise than it was. */
    readonly wrong: Losses<LostUnit>;
    /** Slots of which there is nothing or something older, and files that were gone already. */
    readonly missing: Losses<string>;
    /** Of the cluster's backups: how many storage nodes have the newest head and the keys on their disks, for a restore
     *  without any node. */
    readonly holders?: HeadHolders;
    /** The node that was started of it. Nodes of former versions started none. */
    readonly started?: DrillStarted;
    /** How often it was begun again from the beginning, since its node ended; absent: never. */
    readonly begunAgain?: number;
  };
}

/** What a node showed that a rehearsal had started on what it restored. */
export interface DrillStarted {
  /** How long it took to be ready. */
  readonly readyMs: number;
  /** The account that signed in there; absent: none of the accounts that were tried can with a password alone. */
  readonly account?: string;
  /** Of that account's rooms so many were read, and of them so many messages. */
  readonly rooms: number;
  readonly messages: number;
  /** Rooms whose newest message is another than in the snapshot. */
  readonly differs: readonly string[];
  /** It did not start, or did not answer. */
  readonly error?: Failure;
}

/** What is lost: how much, and the first of it by name. */
export interface Losses<Row> {
  readonly total: number;
  readonly named: readonly Row[];
}

/** A room or an agent that took nothing more of a recall. */
export interface FailedThread {
  readonly thread: string;
  readonly error: Failure;
}

/** A unit that cannot be brought back. */
export interface LostUnit {
  readonly thread: string;
  readonly type: string;
  readonly error: Failure;
}

/** How a task with backups stands. */
export interface TaskView<Sort extends keyof BackupResults = keyof BackupResults> {
  readonly id: string;
  readonly sort: Sort;
  readonly state: "waiting" | "running" | "done" | "failed" | "cancelled";
  /** How far it is: slots, units, bytes, as far as the sort has them. */
  readonly progress: Readonly<Record<string, number>>;
  readonly error?: Failure;
  readonly result?: BackupResults[Sort];
}

/** Whether a task that is done did all of what it was for; undefined: it is not done. What is not whole is in its
 *  result. */
export function isWholeTask({ sort, state, result }: Pick<TaskView, "sort" | "state" | "result">): boolean | undefined {
  if (state !== "done" || result === undefined) return undefined;
  const found = result as Partial<
    BackupResults["run"] & BackupResults["verify"] & BackupResults["place"] & BackupResults["drill"]
  >;
  // Elsewhere is where a node's own folder has nothing of.
  const missed = (found.missed ?? []).filter(({ error }) => error.code !== "MOVED").length;
  if (sort === "run") {
    const lost = (result as BackupResults["run"]).lost;
    return missed + (found.missedFiles?.total ?? 0) + (lost?.stripes ?? 0) === 0 && lost?.list !== true;
  }
  const { lost, lostUnits, failed } = found as { readonly [Name in "lost" | "lostUnits" | "failed"]?: Losses<unknown> };
  return (
    (lost?.total ?? 0) + (lostUnits?.total ?? 0) + (failed?.total ?? 0) + (found.weak ?? 0) === 0 &&
    found.whole !== false
  );
}

/** What a node does, or did, with backups in a folder. */
export interface BackupTask<Sort extends keyof BackupResults = keyof BackupResults> extends TaskView<Sort> {
  readonly folder: string;
}
