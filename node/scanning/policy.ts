/** What the cluster wants of files, and whether somebody can look at them. */
import { failure, ok, refused, type Said, type WithoutScanner } from "../../protocols/index.ts";
import type { Engine } from "../../runtimes/engine.ts";
import type { ScanPolicy } from "../ports/index.ts";
import type { ListedFiles } from "./listed.ts";

/** The settings `files.scan` and `files.withoutScanner`. */
export interface FileSettings {
  readonly scan: boolean;
  readonly withoutScanner: WithoutScanner;
}

/** Makes it. A cluster without any scanner that lets files through has them as they come, but where lists of threats
 *  name files. */
export const createPolicy = (
  settings: () => FileSettings,
  engine: Pick<Engine<"scan">, "models">,
  listed?: Pick<ListedFiles, "any">,
): ScanPolicy => ({
  mustScan() {
    const { scan, withoutScanner } = settings();
    if (!scan) return ok(false);
    const scanners = engine.models();
    if (withoutScanner === "refuse" && scanners.every(({ state }) => state === "failed"))
      return refused(failure("SCANNER_MISSING"));
    return ok(withoutScanner !== "allow" || scanners.length > 0 || listed?.any() === true);
  },
});

/** The engine as rooms ask it: lists of threats are asked first, and a failure says what becomes of the file when it
 *  was the last one. */
export const withPolicy = (
  engine: Engine<"scan">,
  settings: () => FileSettings,
  listed?: ListedFiles,
): Engine<"scan"> => ({
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
    if (listed === undefined || !settings().scan) return engine.call(request, tell);
    const ended = new AbortController();
    let cancel = (): void => ended.abort();
    const untilMs = listed.nowMs() + request.timeoutMs;
    void listed.look(request, ended.signal).then((result) => {
      const isLast = !result.ok || result.value.signature !== undefined || ended.signal.aborted;
      // Lists alone look at files here: what none of them names is let through, as it would be without them.
      const isAlone = listed.any() && engine.models().length === 0 && settings().withoutScanner === "allow";
      if (isLast || isAlone) return tell({ type: "answered", result });
      const timeoutMs = Math.max(1, Math.floor(untilMs - listed.nowMs()));
      const running = engine.call({ ...request, timeoutMs }, tell);
      cancel = () => running.cancel();
      return undefined;
    });
    return { cancel: () => cancel() };
  },
});
