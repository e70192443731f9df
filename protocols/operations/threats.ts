/** Lists of what is known to be harmful. */
import { answer } from "../wire/command.ts";
import { object } from "../wire/schema.ts";
import { setThreatList, threatListName, type ThreatList, type ThreatListsView } from "../admin/threat-lists.ts";
import { changes, ofDirectory, reads } from "./operation.ts";

const tags = ["admin"];
const one = object({ list: threatListName });

export const threatOperations = {
  "threats.list": reads({
    answer: answer<ThreatListsView>("ThreatListsView"),
    permission: "cluster.see",
    errors: [],
    summary: "The lists of threats that every node reads, and what this node has of them and of its own",
    tags,
  }),
  "threats.set": changes({
    params: one,
    fields: setThreatList,
    answer: answer<ThreatList>("ThreatList"),
    permission: "config.manage",
    errors: ["LIMIT_REACHED", ...ofDirectory],
    action: "setThreatList",
    facts: ({ list }) => ({ list }),
    summary: "Has every node read a list of bad addresses, names of hosts and digests of files",
    description: "A node that cannot reach the URL takes what most of the others have read there.",
    tags,
  }),
  "threats.remove": changes({
    params: one,
    answer: answer<ThreatList>("ThreatList"),
    permission: "config.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removeThreatList",
    facts: ({ list }) => ({ list }),
    summary: "Ends such a list; answers with it",
    tags,
  }),
};
