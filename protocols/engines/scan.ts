/** What an engine of the role `antivirus` is asked, and what it answers. */
import { Type, type Static } from "typebox";
import type { SealedFile } from "../kinds/room-files.ts";
import type { CallRequest } from "./call.ts";

/** A file of a message is to be checked. The engine reads its parts from wherever they are, and opens them. */
export interface ScanRequest extends CallRequest {
  readonly model: string;
  readonly file: SealedFile;
}

/** What came of it. */
export interface ScanAnswer {
  /** What was found in it. Absent: nothing. */
  readonly signature?: string;
}

/** What becomes of files that no scanner can check: everybody who may read the message can fetch them, they wait for a
 *  scanner, or nobody can fetch them. */
export const withoutScanner = Type.Union([Type.Literal("allow"), Type.Literal("hold"), Type.Literal("refuse")]);
export type WithoutScanner = Static<typeof withoutScanner>;

/** What the engine is called in offers of nodes. */
export const scanner = "clamd";
