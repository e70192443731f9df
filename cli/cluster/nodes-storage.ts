/** `plexus nodes storage`: how much a node may keep of shards. */
import type { NodeStorage } from "../../protocols/index.ts";
import { advised, callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { describeBytes, exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { named } from "./cluster.ts";

/** `plexus nodes storage NAME 200gb`. */
export async function setNodeStorage(
  flags: AdminFlags,
  { node, quotaBytes }: { readonly node: string; readonly quotaBytes: number | null },
  output: Output,
): Promise<number> {
  const target = await findNode(flags);
  const answer = await named(target, await callsTo(target)("cluster.setStorage", { node, quotaBytes }), node);
  const done = demand(advised(answer, { FORBIDDEN: ({ details }) => wayOut(String(details?.["reason"])) }));
  output.print(flags.json ? jsonLine(done) : describeStorage(node, done, quotaBytes));
  return exitCodes.ok;
}

/** What helps where a node may not be given a quota; undefined: the reason says it all, or it is a matter of rights. */
function wayOut(reason: string): string | undefined {
  if (reason.includes("role storage")) return "The role comes first: plexus nodes roles NAME ROLES,storage.";
  return /invitation/.test(reason) ? "A bounded node is changed at another one: --url." : undefined;
}

/** What follows from a change. */
export function describeStorage(
  node: string,
  { usedBytes, beyondBytes }: Pick<NodeStorage, "usedBytes" | "beyondBytes">,
  quotaBytes: number | null,
): string {
  const name = withoutControls(node);
  const most =
    quotaBytes === null ? "as much of shards as its operator gives" : `at most ${describeBytes(quotaBytes)} of shards`;
  const has = usedBytes === undefined ? "" : ` It has ${describeBytes(usedBytes)}.`;
  const beyond =
    beyondBytes === undefined
      ? ""
      : ` That is ${describeBytes(beyondBytes)} more than it may: it takes no new ones, and throws none away. ` +
        "Where another node of the role storage has room and none of a group's holders, one moves there: " +
        "plexus shards list.";
  return `${name} keeps ${most} from now on.${has}${beyond}`;
}
