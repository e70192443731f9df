/** What a detector is: one step over the entries of one subject, with a row that it remembers. */
import type { AuditFacts, AuditRecord } from "../../protocols/index.ts";

/** What a step may look at beside the entry. */
export interface StepContext {
  readonly subject: string;
  /** The thresholds that hold now. */
  readonly settings: Readonly<Record<string, number>>;
  /** Where an address is; undefined: nobody knows. */
  readonly place: (address: string) => Place | undefined;
}

/** Where addresses are, as the file of an admin says. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
  readonly name: string;
}

/** What was found of a subject. */
export interface Found {
  readonly title: string;
  readonly facts?: AuditFacts;
}

/** What a step comes to. `row`: what is remembered now, null nothing; absent: the same as before. */
export interface Step<Row> {
  readonly row?: Row | null;
  readonly found?: Found;
}

/** A detector. Rows are plain data. */
export interface Detector<Row = unknown> {
  subjects(entry: AuditRecord): readonly string[];
  step(row: Row | undefined, entry: AuditRecord, at: StepContext): Step<Row>;
}
