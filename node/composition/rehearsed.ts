/** The program that a rehearsal starts: a node on a folder that was just restored, at this machine's own address alone,
 *  on any free port. It begins no connection and no program, and ends with the process that started it. */
import { parseConfig } from "../../config/index.ts";
import { failureOf } from "../../protocols/index.ts";
import { closePrograms } from "../../runtimes/children.ts";
import type { Log } from "../ports/index.ts";
import { closeOutward, type NodeStarted, type NodeToStart } from "../backup/restore/index.ts";

closeOutward();
closePrograms();
process.once("disconnect", () => process.exit(0));
process.once("message", (asked: NodeToStart) => void run(asked));

const ignore = (): void => undefined;
const quiet: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

async function run({ data, token, version }: NodeToStart): Promise<void> {
  const tell = (said: NodeStarted): void => void process.send?.(said);
  try {
    const { startNode } = await import("./index.ts");
    const config = parseConfig(
      {
        flags: {
          data,
          name: "rehearsal",
          host: "127.0.0.1",
          port: 0,
          roles: ["manager", "chat", "gateway"],
          models: [],
          mesh: { host: "127.0.0.1", port: 0, mdns: false },
        },
      },
      { workFolder: data, dataFolder: data, hostname: "rehearsal", models: [] },
    );
    const { url } = await startNode(config, { log: quiet, version, controlToken: token });
    tell({ url });
  } catch (error) {
    const why = failureOf(error);
    // There is no log of this process in which the cause would be.
    tell({ error: why.code === "INTERNAL" ? { ...why, details: { reason: String(error) } } : why });
  }
}
