/** What a look at a data folder comes to. */

/** One thing that was looked at. `bad` means that a node will not work, `warning` that it will work less well. */
export interface Check {
  readonly name: string;
  readonly state: "good" | "warning" | "bad" | "skipped";
  readonly says: string;
  /** What to do about it. */
  readonly hint?: string;
}
