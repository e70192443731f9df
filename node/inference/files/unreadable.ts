/** PDFs that could not be read: each takes its time once. */
import type { FileText, NoText } from "../../../runtimes/opened/index.ts";
import type { Clock } from "../../ports/index.ts";
import type { FileReadingLimits } from "./limits.ts";

/** What another try would not change. */
const lasting: ReadonlySet<NoText> = new Set(["time", "memory", "locked", "refused"]);

/** Remembers them for a while, by what names them among all. */
export function createUnreadable(clock: Clock, { unreadableMs, unreadableMax }: FileReadingLimits) {
  const known = new Map<string, { readonly text: FileText; readonly untilMs: number }>();
  return {
    get(id: string): FileText | undefined {
      const one = known.get(id);
      return one !== undefined && clock.monotonicMs() < one.untilMs ? one.text : undefined;
    },
    note(id: string, text: FileText): void {
      if (text.type !== "none" || !lasting.has(text.why)) return;
      known.delete(id);
      known.set(id, { text, untilMs: clock.monotonicMs() + unreadableMs });
      for (const oldest of known.keys()) {
        if (known.size <= unreadableMax) return;
        known.delete(oldest);
      }
    },
  };
}
