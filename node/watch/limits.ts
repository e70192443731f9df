/** The watch over the audit and over what nodes count. */
export const watchLimits = {
  /** How often the watcher looks for new entries. */
  pollMs: 1_000,
  /** How long the actor may take to answer; then the same step is sent again. */
  askTimeoutMs: 5_000,
  /** Entries that are read of one log at a time. */
  readEntries: 200,
  /** Entries of one step. */
  stepEntries: 500,
  /** How often nodes are asked for what they have counted. */
  countsEveryMs: 10_000,
  /** A node that does not say so long what it has counted is asked again the next time: counts go on from the start of
   *  its process, so none is lost. */
  countsTimeoutMs: 3_000,
  /** Nodes whose counts one step brings; those of others come with the next. */
  stepSamples: 16,
  /** Runs of playbooks that are done at once; the others wait. */
  runsAtOnceMax: 4,
  /** People to whom one act of a playbook sends a mail; the names that come first in the alphabet. */
  mailHoldersMax: 20,
  /** Subjects (people, addresses) that one detector or rule remembers; the one that was heard of longest ago is
   *  forgotten. */
  subjectsMax: 10_000,
  /** Entries that one trial of a rule looks at. */
  triedEntries: 200_000,
  /** Findings of a trial that are shown, the newest ones. */
  triedFindings: 50,
  /** What a playbook does at an actor may take so long; then it has failed. */
  actTimeoutMs: 10_000,
  /** A page (an alert that is posted somewhere) that takes longer has failed. */
  postTimeoutMs: 10_000,
  /** Times and names that a detector remembers of one subject; the oldest is forgotten. */
  rememberedMax: 100,
} as const;

/** The limits of the watch; tests set others. */
export type WatchLimits = { readonly [Name in keyof typeof watchLimits]: number };
