import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { describeVotersWanted } from "../../protocols/words/cluster-words.ts";
import { readSummary } from "./cluster.ts";
import { forLook } from "../node/node-client.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine } from "../terminal/printable.ts";

/** `plexus directory voters [1|3|5|7]`: shows who keeps the directory, or says how many should. */
export async function directoryVoters(flags: AdminFlags, wanted: number | undefined, output: Output): Promise<number> {
  const target = await findNode(flags);
  if (wanted !== undefined) demand(await callsTo(target)("cluster.setVoters", { wanted }));
  const voters = demand(await callsTo(forLook(target))("cluster.voters"));
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
