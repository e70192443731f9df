/** Whether the scanner of files answers that this node is to have. */
import { parseControl, type Config } from "../../config/index.ts";
import { createClock } from "../../node/platform/index.ts";
import { createClamd, whyOf } from "../../node/scanning/index.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Check } from "./check.ts";

const name = "Antivirus";

/** Asks it for its version, and to look at something harmless. */
export async function scannerCheck({ antivirus, files }: Pick<Config, "antivirus" | "files">): Promise<Check> {
  const place = antivirus === undefined ? undefined : parseControl(antivirus);
  if (place === undefined) return { name, state: "skipped", says: "this node checks no files: --antivirus" };
  const version = await createClamd(place, createClock()).works();
  if (version.ok) return { name, state: "good", says: `${withoutControls(version.value)} at ${antivirus}` };
  const reason = withoutControls(whyOf(version.error));
  return {
    name,
    state: files.withoutScanner === "refuse" ? "bad" : "warning",
    says: `clamd does not check files at ${antivirus}: ${reason}`,
    hint: "Start it, look into its log, or let the node's user into its group: usermod -aG clamav USER.",
  };
}
