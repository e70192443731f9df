import { failure, failureOf, PlexusError } from "../../../protocols/index.ts";
import type { EmbeddedDirectory } from "./embedded.ts";
import type { EtcdDirectory } from "./etcd.ts";
import type { EtcdHome } from "./row.ts";

/** Moves a running cluster's directory to etcd, from a node's store or from voters. `source` says from which. If it
 *  fails, everything goes on as before and it may be tried again; if the process dies, the next start is either before
 *  the move or after it. Errors: ALREADY_DONE (the prefix is in use), DIRECTORY_MOVED (it was moved before),
 *  UNREACHABLE (etcd does not answer), DIRECTORY_UNAVAILABLE (where it is now it does not, or another voter leads).
 *
 *      changes wait ──► fill etcd ──► on disk, or committed by the voters: "moved to …" ──► all are sent there
 *                                                   ▲ the one moment of the move
 *
 *  Before it, etcd says `copying`, or holds rows that nobody is sent to; after it, the old directory refuses everything
 *  for good. So there is never a time with two truths, and nothing needs to be rolled back. Voters commit it only if no
 *  row has changed since the copy: a leader in between did not hold changes back. */
export async function migrateDirectory(
  from: { handOver(home: EtcdHome, copy: Parameters<EmbeddedDirectory["handOver"]>[1]): Promise<void> },
  to: Pick<EtcdDirectory, "home" | "fill">,
  source: string,
): Promise<{ readonly rows: number }> {
  let copied = 0;
  await from.handOver(to.home, async (rows, revision) => {
    await to.fill(source, rows, revision).catch((error: unknown) => {
      const { code, details } = failureOf(error);
      if (code !== "DIRECTORY_UNAVAILABLE") throw error;
      const reason = "the etcd to move to does not answer; the directory stays where it is, and works";
      throw new PlexusError(failure("UNREACHABLE", { etcd: to.home.endpoints, reason, ...details }), error);
    });
    copied = rows.length;
  });
  return { rows: copied };
}
