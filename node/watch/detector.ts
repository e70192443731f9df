/** The type of a detector: one step over the entries of one subject, with a row that it remembers. */
import type { AuditFacts, AuditRecord } from "../../protocols/index.ts";

/** What a step may read besides the entry. */
export interface StepContext {
  readonly subject: string;
  /** The thresholds that hold now. */
  readonly settings: Readonly<Record<string, number>>;
  /** The place of an address; undefined: the file does not have it. */
  readonly place: (address: string) => Place | undefined;
}

/** The places of addresses, from the file that an admin supplies. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
  readonly name: string;
}

/** A finding about a subject. */
export interface Found {
  readonly title: string;
  readonly facts?: AuditFacts;
}

/** The result of a step. `row`: the new row; null: the row is deleted; absent: the row stays as it was. */
export interface Step<Row> {
  readonly row?: Row | null;
  readonly found?: Found;
}

/** A detector. Rows are plain data. */
export interface Detector<Row = unknown> {
  subjects(entry: AuditRecord): readonly string[];
  step(row: Row | undefined, entry: AuditRecord, at: StepContext): Step<Row>;
}
