import type { DirectoryVoters } from "../protocols/index.ts";
import { demand, findNode, type AdminFlags } from "./admin.ts";
import { describeVotersWanted } from "../protocols/cluster-words.ts";
import { base, readSummary } from "./cluster.ts";
import { callNode, forLook } from "./node-client.ts";
import { exitCodes, type Output } from "./output.ts";
import { jsonLine } from "./printable.ts";

const path = `${base}/directory/voters`;

/** `plexus directory voters [1|3|5|7]`: shows who keeps the directory, or says how many should. */
export async function directoryVoters(flags: AdminFlags, wanted: number | undefined, output: Output): Promise<number> {
  const target = await findNode(flags);
  if (wanted !== undefined) demand(await callNode(target, "PUT", path, { wanted }));
  const voters = demand(await callNode<DirectoryVoters>(forLook(target), "GET", path));
  const summary = demand(await readSummary(target));
  output.print(flags.json ? jsonLine(voters) : describeVotersWanted(voters, summary));
  if (
    wanted !== undefined &&
    !flags.json &&
    voters.directory.kind === "replicated" &&
    voters.directory.voters.length !== wanted
  )
    output.print("The voters change one after the other: plexus directory voters shows how far they are.");
  return exitCodes.ok;
}
