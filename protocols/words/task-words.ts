/** Words of tasks, for the page and the terminal. Pure, and without schemas. */
import type { ReportRun } from "../admin/reports.ts";
import { describeBytes } from "./amounts.ts";

/** Whether nothing more comes of it. */
export const isTaskOver = ({ state }: { readonly state: string }): boolean =>
  state !== "waiting" && state !== "running";

/** `copiesLeft` is read as two words, `PerSecond` as a rate. */
const wordsOf = (name: string): string =>
  name === "PerSecond" ? "a second" : name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim();

/** How far a task is, in few words. */
export function progressWords({
  progress,
  share,
}: {
  readonly progress: Readonly<Record<string, number>>;
  readonly share?: number;
}): string {
  const parts = Object.entries(progress).map(([name, value]) =>
    /bytes/i.test(name)
      ? `${describeBytes(value)} ${wordsOf(name.replace(/bytes/i, ""))}`.trim()
      : `${value.toLocaleString("en-US")} ${wordsOf(name)}`,
  );
  return [...(share === undefined ? [] : [`${Math.floor(share * 100)} %`]), ...parts].join(", ");
}

/** How many mails a run of a report comes to. */
export const mailsOf = ({ state, sent, left, missed }: ReportRun): number =>
  sent + missed + (state === "failed" ? 0 : left.length);
