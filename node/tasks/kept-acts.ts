/** Long acts as a node writes them down, so that they are known in its next process. */
import { Type } from "typebox";
import type { ActView, TaskRequest } from "../../protocols/index.ts";
import { checkOf } from "../../protocols/wire/check.ts";
import type { Log } from "../ports/index.ts";
import { taskLimits } from "./limits.ts";

/** Where they are written down. Both reject with the system's errors. */
export interface KeptActs {
  /** Undefined: there are none that can be read. */
  read(): Promise<string | undefined>;
  /** Replaces them at once. */
  write(text: string): Promise<void>;
}

const text = (most: number) => Type.String({ maxLength: most });
const isKept = checkOf(
  Type.Array(
    Type.Object({
      id: text(32),
      what: text(2_048),
      by: Type.Optional(text(256)),
      state: Type.Union([
        Type.Literal("running"),
        Type.Literal("done"),
        Type.Literal("failed"),
        Type.Literal("cancelled"),
      ]),
      begunAtMs: Type.Number(),
      endedAtMs: Type.Optional(Type.Number()),
      again: Type.Optional(Type.Unsafe<TaskRequest>(Type.Object({ path: text(2_048) }))),
      error: Type.Optional(Type.Unsafe<NonNullable<ActView["error"]>>(Type.Object({ code: text(64) }))),
    }),
    { maxItems: taskLimits.actsMax },
  ),
);

/** Writes acts down, one write at a time; what changes meanwhile is in the next. */
export function writeActs(
  { kept, log }: { readonly kept?: KeptActs; readonly log: Log },
  views: () => readonly ActView[],
) {
  let [isWriting, hasChanged] = [false, false];
  let before: Promise<unknown> = Promise.resolve();
  const writeAll = async (to: KeptActs): Promise<void> => {
    await before;
    while (hasChanged) {
      hasChanged = false;
      const lines = views().map((view) => JSON.stringify(view));
      while (lines.join().length > taskLimits.actsFileBytesMax / 4) lines.shift();
      await to
        .write(`[${lines.join(",\n")}]\n`)
        .catch((error: unknown) => log.warn("tasks.unwritten", { reason: String(error) }));
    }
    isWriting = false;
  };
  return {
    read(): Promise<readonly ActView[]> {
      const reading = (kept?.read() ?? Promise.resolve(undefined)).then(
        (said) => {
          const value: unknown = JSON.parse(said ?? "[]");
          return isKept.Check(value) ? (value as readonly ActView[]) : [];
        },
        // There is none, or it is none.
        () => [],
      );
      before = reading.catch(() => []);
      return before as Promise<readonly ActView[]>;
    },
    write(): void {
      hasChanged = true;
      if (kept === undefined || isWriting) return;
      isWriting = true;
      void writeAll(kept);
    },
  };
}
