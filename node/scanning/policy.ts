/** What the cluster wants of files, and whether somebody can look at them. */
import { failure, ok, refused, type Said, type WithoutScanner } from "../../protocols/index.ts";
import type { Engine } from "../../runtimes/engine.ts";
import type { ScanPolicy } from "../ports/index.ts";

/** The settings `files.scan` and `files.withoutScanner`. */
export interface FileSettings {
  readonly scan: boolean;
  readonly withoutScanner: WithoutScanner;
}

/** Makes it. A cluster without any scanner that lets files through has them as they come. */
export const createPolicy = (settings: () => FileSettings, engine: Pick<Engine<"scan">, "models">): ScanPolicy => ({
  mustScan() {
    const { scan, withoutScanner } = settings();
    if (!scan) return ok(false);
    const scanners = engine.models();
    if (withoutScanner === "refuse" && scanners.every(({ state }) => state === "failed"))
      return refused(failure("SCANNER_MISSING"));
    return ok(withoutScanner !== "allow" || scanners.length > 0);
  },
});

/** The engine as rooms ask it: a failure says what becomes of the file when it was the last one. */
export const withPolicy = (engine: Engine<"scan">, settings: () => FileSettings): Engine<"scan"> => ({
  models: () => engine.models(),
  watch: (listener) => engine.watch(listener),
  call(request, hear) {
    const tell = (said: Said<"scan">): void => {
      if (said.type !== "answered" || said.result.ok) return hear(said);
      const { scan, withoutScanner } = settings();
      const { error } = said.result;
      const details = { ...error.details, withoutScanner: scan ? withoutScanner : "allow" };
      hear({ type: "answered", result: refused({ ...error, details }) });
    };
    return engine.call(request, tell);
  },
});
