/** What voters keep and what they say to one another: plain data. `Data` is what a change is made of, `State` what all
 *  changes up to an entry have come to. Raft as in Ongaro's dissertation; the sections named below are its. */

/** A node that may be a voter, by its id. */
export type Voter = string;

/** The members that count. Learners get every entry and are not asked: so a new voter has caught up before its voice is
 *  needed (4.2.1). */
export interface Members {
  readonly voters: readonly Voter[];
  readonly learners: readonly Voter[];
}

/** `begin`: the first entry of a leader, which commits what earlier terms left (3.6.2). Members count from the moment
 *  the entry is in the log (4.1). */
export type EntryBody<Data> =
  | { readonly type: "data"; readonly data: Data }
  | { readonly type: "members"; readonly members: Members }
  | { readonly type: "begin" };

/** One place of the log. */
export interface Entry<Data> {
  readonly index: number;
  readonly term: number;
  readonly body: EntryBody<Data>;
}

/** A place of the log by its term. Two logs that have the same mark are the same up to it (3.5). */
export interface Mark {
  readonly index: number;
  readonly term: number;
}

/** What a voter must not forget: the term, and whom it voted for in it. */
export interface Promise {
  readonly term: number;
  readonly vote: Voter | undefined;
}

/** What all entries up to a mark have come to. */
export interface Snapshot<State> extends Mark {
  readonly members: Members;
  readonly state: State;
}

/** Each has the sender's term; `vote` with `pre`, and a granted answer to it, the term that the sender would begin
 *  (9.6). */
export type RaftMessage<Data, State> =
  /** `forced`: the leader asked for this election (3.10). */
  | {
      readonly type: "vote";
      readonly term: number;
      readonly pre: boolean;
      readonly forced: boolean;
      readonly last: Mark;
    }
  | { readonly type: "voted"; readonly term: number; readonly pre: boolean; readonly granted: boolean }
  /** The entries behind `previous`; none: a heartbeat. `round` counts the leader's questions whether it still leads
   *  (6.4). */
  | {
      readonly type: "append";
      readonly term: number;
      readonly previous: Mark;
      readonly entries: readonly Entry<Data>[];
      readonly commit: number;
      readonly round: number;
    }
  /** `match`: the sender's disk has the leader's entries up to it. */
  | { readonly type: "appended"; readonly term: number; readonly match: number; readonly round: number }
  /** The sender has not `previous`; `hint`: the last mark of its log that may be the leader's, too. */
  | {
      readonly type: "refused";
      readonly term: number;
      readonly previous: number;
      readonly hint: Mark;
      readonly round: number;
    }
  | { readonly type: "install"; readonly term: number; readonly snapshot: Snapshot<State>; readonly round: number }
  /** Have yourself elected now (3.10). */
  | { readonly type: "lead"; readonly term: number };

/** What is to be written, whole and in order; synced before `stored` is told of it. */
export interface Write<Data, State> {
  readonly promise?: Promise;
  /** Replaces everything. */
  readonly snapshot?: Snapshot<State>;
  /** Replaces everything from the first one's index on. */
  readonly entries: readonly Entry<Data>[];
  /** The last place of the log, once this is written. */
  readonly last: Mark;
}

export interface Addressed<Data, State> {
  readonly to: Voter;
  readonly message: RaftMessage<Data, State>;
  /** It says only that more changes are committed. Nobody waits for that, and the next message says it too: it may be
   *  left out. */
  readonly mayWait?: true;
}

/** What a core wants done. Several may be under way; writes are written one after the other. */
export interface Ready<Data, State> {
  readonly write: Write<Data, State> | undefined;
  /** At once. */
  readonly send: readonly Addressed<Data, State>[];
  /** When this write, and every one before, is synced: they promise what is in them. */
  readonly sendStored: readonly Addressed<Data, State>[];
  /** Replaces what was applied, before `apply`. */
  readonly restore: Snapshot<State> | undefined;
  /** Committed, and on this disk, in order. */
  readonly apply: readonly Entry<Data>[];
  /** Questions that may be answered when everything up to `index` is applied. */
  readonly reads: readonly { readonly id: number; readonly index: number }[];
  /** Questions that this node cannot answer any more: it does not lead. */
  readonly dropped: readonly number[];
}
