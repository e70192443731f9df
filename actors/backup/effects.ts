/** What a turn of the actor of the backups has, and what it makes. */
import type { Effect, Turn } from "../behavior.ts";
import type { BackupChange } from "./state.ts";

type Progress = Readonly<Record<string, number>>;
/** How far tasks are, by task. In memory only: a runner tells it again. */
export type Notes = ReadonlyMap<string, Progress>;
export interface Note {
  readonly task: string;
  readonly progress: Progress;
}
export type Effects = readonly Effect<BackupChange, Note>[];
export type BackupTurn = Turn<Notes>;
