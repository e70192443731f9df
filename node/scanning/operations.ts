/** What the operations on scanned files do. */
import {
  acted,
  ok,
  roomOfFile,
  type ActorId,
  type HandlersOf,
  type QuarantinedFile,
  type QuarantinePage,
  type Result,
  type ServingRow,
  type quarantineOperations,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import type { FileSettings } from "./policy.ts";

/** What they need. */
interface ScanningParts {
  readonly ask: (to: ActorId, message: Message) => Promise<Result<unknown>>;
  readonly settings: () => FileSettings;
  /** The scanners of the cluster, as this node knows them. */
  readonly scanners: () => readonly ServingRow[];
}

/** The handlers. */
export function handleScanning({ ask, settings, scanners }: ScanningParts): HandlersOf<typeof quarantineOperations> {
  const settle = async (id: string, as: "released" | "removed", by: string) => {
    const answer = await ask(`room/${roomOfFile(id)}`, { type: "settleFile", id, as, by });
    // It went with its message: nothing is left to decide, and it leaves the list.
    if (!answer.ok && answer.error.code === "NOT_FOUND") await ask("quarantine/cluster", { type: "drop", id });
    if (!answer.ok) return acted<QuarantinedFile>(answer);
    const file = answer.value as QuarantinedFile;
    const { name, room, sender, signature = "" } = file;
    return acted<QuarantinedFile>(ok(file), { name, room, sender, signature });
  };
  return {
    "quarantine.list": async ({ after, limit }) => {
      const message = { type: "list", ...(after !== undefined && { after }), ...(limit !== undefined && { limit }) };
      return (await ask("quarantine/cluster", message)) as Result<QuarantinePage>;
    },
    "quarantine.release": ({ file }, { by }) => settle(file, "released", by),
    "quarantine.remove": ({ file }, { by }) => settle(file, "removed", by),
    "quarantine.scanners": () => {
      const rows = scanners().map(({ node, state = "loading", because, calls }) => ({
        node,
        state,
        ...(state === "failed" && { reason: because }),
        ...(calls !== undefined && { calls }),
      }));
      return ok({ ...settings(), scanners: rows });
    },
  };
}
