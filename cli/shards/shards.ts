/** `plexus shards`: groups of shard-holders, where they are and what they hold. */
import { failure, PlexusError } from "../../protocols/errors.ts";
import { beyondQuota, troublesOf } from "../../protocols/index.ts";
import type { HolderGroupRow, HolderRow, ShardLine, ShardsView, StorageNodeRow } from "../../protocols/index.ts";
import { storageText } from "../../protocols/words/cluster-words.ts";
import { describeAway } from "../../protocols/words/cluster-advice.ts";
import { advised, callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { readSummary } from "../cluster/cluster.ts";
import { forLook } from "../node/node-client.ts";
import { counted, describeBytes, exitCodes, minuteText, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** Of which holder; undefined: groups and holders. */
export interface ShardsAsked {
  readonly holder: string | undefined;
  readonly only: "lost" | "trash" | undefined;
}

/** `plexus shards list`. With --json one line a holder, or a shard. */
export async function listShards(flags: AdminFlags, { holder, only }: ShardsAsked, output: Output): Promise<number> {
  if (holder !== undefined) return listInventory(flags, { holder, only }, output);
  if (only !== undefined) throw new PlexusError(failure("BAD_REQUEST", { reason: "--only needs a holder, like g1.2" }));
  const target = forLook(await findNode(flags));
  const view = demand(await callsTo(target)("shards.list"));
  // Without the directory a list of none is no knowledge.
  const summary = view.groups.length === 0 ? demand(await readSummary(target)) : undefined;
  if (summary?.directoryAway !== undefined && !flags.json)
    output.print(
      ["Which groups of shard-holders there are, only the directory knows.", ...describeAway(summary)].join("\n"),
    );
  else if (flags.json) {
    for (const { holders, ...group } of view.groups)
      for (const row of holders) output.print(jsonLine({ group: group.name, open: group.open, ...row }));
  } else output.print(describeShards(view, output.color, output.columns));
  return exitCodes.ok;
}

async function listInventory(
  flags: AdminFlags,
  { holder, only }: { readonly holder: string; readonly only: ShardsAsked["only"] },
  output: Output,
): Promise<number> {
  const [, group, index] = /^(?:shard-holder\/)?([a-z0-9-]+)\.(\d+)$/.exec(holder) ?? [];
  if (group === undefined || index === undefined)
    throw new PlexusError(failure("BAD_REQUEST", { reason: "a holder is a group and a number, like g1.2" }));
  const call = callsTo(await findNode(flags));
  const lines: ShardLine[] = [];
  for (let after: string | undefined; ;) {
    const page = { limit: 200, ...(only && { only }), ...(after !== undefined && { after }) };
    const answer = await call("shards.inventory", { group, index: Number(index), ...page });
    const { shards, next } = demand(advised(answer, { NOT_FOUND: "`plexus shards list` lists the holders" }));
    if (flags.json) for (const line of shards) output.print(jsonLine(line));
    else lines.push(...shards);
    if (next === undefined) break;
    after = next;
  }
  if (!flags.json) output.print(describeInventory(lines, output.color, output.columns));
  return exitCodes.ok;
}

/** Groups, and their holders, as a person reads them. */
export function describeShards({ places, groups, nodes }: ShardsView, color: boolean, width = Infinity): string {
  if (groups.length === 0)
    return places === 0
      ? "No node has the role storage: `plexus nodes roles NAME ROLES,storage` gives it to one, " +
          "`plexus invite --role storage` invites one."
      : "No group of shard-holders yet: the first is made some seconds after a node with the role storage is there.";
  const columns = [
    { head: "Holder" },
    { head: "Node" },
    { head: "Zone", leaves: 1 },
    { head: "Shards", align: "right" as const },
    { head: "Size", align: "right" as const },
    { head: "Trash", align: "right" as const, leaves: 2 },
    { head: "State" },
  ];
  const described = groups.map((group) => {
    const cells = group.holders.map((row) => [
      row.holder.replace(/^.*\//, ""),
      withoutControls(row.node ?? ""),
      withoutControls(row.zone ?? ""),
      String(row.sums?.held.shards ?? ""),
      row.sums === undefined ? "" : describeBytes(row.sums.held.bytes),
      row.sums === undefined ? "" : describeBytes(row.sums.trash.bytes),
      describeState(row, group),
    ]);
    return `${describeGroup(group)}\n${renderTable(columns, cells, { color, columns: width })}`;
  });
  const head = `${counted(places, "node")} with the role storage`;
  return [`${head}\n${describeNodes(nodes, color, width)}`, ...described].join("\n\n");
}

/** The nodes that keep shards: how much, and whether they may be trusted with more. */
function describeNodes(nodes: readonly StorageNodeRow[], color: boolean, width: number): string {
  const columns = [
    { head: "Node" },
    { head: "Shards take", align: "right" as const },
    { head: "Room", align: "right" as const },
    { head: "Quota", align: "right" as const },
    { head: "Trust" },
  ];
  const size = (bytes: number | undefined): string => (bytes === undefined ? "" : describeBytes(bytes));
  const trust = ({ up, trust: state, sinceMs }: StorageNodeRow): string => {
    const since = state === "trusted" || sinceMs === undefined ? "" : ` since ${minuteText(sinceMs)}`;
    return `${state}${since}${up ? "" : "; down"}`;
  };
  const quota = (row: StorageNodeRow): string => {
    const beyondBytes = beyondQuota(row);
    const beyond = beyondBytes === undefined ? "" : `; over its quota by ${describeBytes(beyondBytes)}`;
    return row.allowed === undefined
      ? `${size(row.quotaBytes)}${beyond}`
      : `${size(row.quotaBytes)} (may keep ${storageText(row.allowed)})${beyond}`;
  };
  const cells = nodes.map((row) => [
    withoutControls(row.name),
    size(row.usedBytes),
    size(row.roomBytes),
    quota(row),
    trust(row),
  ]);
  return renderTable(columns, cells, { color, columns: width });
}

function describeGroup({ name, holders, open }: HolderGroupRow): string {
  const nodes = new Set(holders.flatMap(({ owner }) => owner ?? [])).size;
  const zones = new Set(holders.flatMap(({ zone }) => zone ?? [])).size;
  const where = `on ${counted(nodes, "node")}${zones > 0 ? ` in ${counted(zones, "zone")}` : ""}`;
  return (
    `Group ${name}: ${counted(holders.length, "holder")} ${where}, ` +
    `${open ? "takes new stripes" : "takes no new stripes"}`
  );
}

/** What there is to say of a holder, the worst first. */
function describeState(row: HolderRow, group: HolderGroupRow): string {
  const { owner, status, error, home } = row;
  if (owner === undefined) return "is being made";
  if (status === "down" || status === "blocked") return status;
  if (error !== undefined) return `no answer: ${error}`;
  const { lost, elsewhere, besides } = troublesOf(row, group);
  const { mended } = row.sums ?? {};
  const says = [
    ...(lost > 0 ? [`${lost} lost`] : []),
    ...(elsewhere ? ["bytes on another node"] : []),
    ...(home !== undefined ? [`waits for ${withoutControls(home)}`] : []),
    ...(besides.length > 0 ? [`same node as ${besides.map((holder) => holder.replace(/^.*\//, "")).join(", ")}`] : []),
    ...(status !== "ok" && status !== undefined ? [status] : []),
  ];
  const repaired = mended === undefined ? [] : [`${mended.shards} repaired, last ${minuteText(mended.atMs)}`];
  return [...(says.length === 0 ? ["ok"] : says), ...repaired].join("; ");
}

/** The shards of one holder. */
export function describeInventory(lines: readonly ShardLine[], color: boolean, width = Infinity): string {
  if (lines.length === 0) return "No shards.";
  const columns = [
    { head: "Stripe" },
    { head: "Hash", leaves: 1 },
    { head: "Size", align: "right" as const },
    { head: "State" },
  ];
  const state = ({ lost, trashedAtMs }: ShardLine): string =>
    trashedAtMs === undefined ? (lost ?? "ok") : `in the trash since ${minuteText(trashedAtMs)}`;
  const cells = lines.map((line) => [line.stripe, line.hash.slice(0, 16), describeBytes(line.sizeBytes), state(line)]);
  return renderTable(columns, cells, { color, columns: width });
}
