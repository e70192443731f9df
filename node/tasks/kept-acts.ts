/** Long acts as a node writes them down, so that they are known in its next process. */
import { Type } from "typebox";
import { errorTable, type ActView } from "../../protocols/index.ts";
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
const oneOf = (...values: readonly string[]) => Type.Union(values.map((value) => Type.Literal(value)));
const isKept = checkOf(
  Type.Object({
    id: text(32),
    what: text(2_048),
    by: Type.Optional(text(256)),
    state: oneOf("running", "done", "failed", "cancelled"),
    begunAtMs: Type.Number(),
    endedAtMs: Type.Optional(Type.Number()),
    result: Type.Optional(text(taskLimits.resultCharsMax)),
    again: Type.Optional(Type.Object({ method: oneOf("POST", "PUT"), path: text(2_048), body: Type.Object({}) })),
    error: Type.Optional(
      Type.Object({
        code: text(64),
        outcome: oneOf("not_started", "failed", "unknown"),
        message: text(4_096),
        details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      }),
    ),
  }),
);

/** Those of a file that are whole. What is odd is left out, with one warning. */
function wholeOnes(said: string, log: Log): readonly ActView[] {
  let found: unknown;
  try {
    found = JSON.parse(said);
  } catch {
    found = undefined;
  }
  if (!Array.isArray(found)) {
    log.warn("tasks.unreadable", { reason: "the file of long acts is none" });
    return [];
  }
  const whole = found.filter((one) => {
    if (!isKept.Check(one)) return false;
    return one.error === undefined || Object.hasOwn(errorTable, one.error.code);
  }) as unknown as readonly ActView[];
  const dropped = found.length - whole.length;
  if (dropped > 0) log.warn("tasks.unreadable", { dropped, reason: "some long acts in the file are not whole" });
  return whole.slice(-taskLimits.actsMax);
}

/** Writes acts down, one write at a time; what changes meanwhile is in the next. */
export function writeActs(
  { kept, log }: { readonly kept?: KeptActs; readonly log: Log },
  views: () => readonly ActView[],
) {
  let [hasChanged, isClosed] = [false, false];
  let writing: Promise<void> | undefined;
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
    writing = undefined;
  };
  return {
    read(): Promise<readonly ActView[]> {
      const reading = (kept?.read() ?? Promise.resolve(undefined)).then(
        (said) => wholeOnes(said ?? "[]", log),
        // There is none, or it is none.
        () => [],
      );
      before = reading.catch(() => []);
      return before as Promise<readonly ActView[]>;
    },
    write(): void {
      if (kept === undefined || isClosed) return;
      hasChanged = true;
      writing ??= writeAll(kept);
    },
    /** Writes nothing from now on. Resolves when what was to be written is. */
    async stop(): Promise<void> {
      isClosed = true;
      await writing;
    },
  };
}
