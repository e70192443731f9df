import type { Output } from "../../../cli/output.ts";
import { nodeRow, summaryOf } from "../gateway/cluster-stand.ts";

/** Where a command prints in a test: a pipe, or a terminal of so many columns. */
export const collected = (columns = Infinity): Output & { readonly out: string[]; readonly err: string[] } => {
  const out: string[] = [];
  const err: string[] = [];
  return {
    out,
    err,
    print: (text) => void out.push(text),
    printError: (text) => void err.push(text),
    color: false,
    columns,
  };
};

const three = [
  nodeRow("node-a", { roles: ["manager", "gateway"], directory: true, self: true, turnsPerSecond: 0 }),
  nodeRow("node-b", { labels: { zone: "b" }, slotsOwned: 130, slotsReplicated: 126, actors: 7, turnsPerSecond: 40.25 }),
  nodeRow("node-c", { up: false, state: "draining", slotsOwned: 2, slotsReplicated: 254 }),
];
/** A cluster of which one node is down. */
export const summary = summaryOf(three, { slots: { total: 256, ok: 254, moving: 1, short: 0, blocked: 0, down: 1 } });
