import type { ModelInfo, NodeStatus } from "../../protocols/index.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { helpFor } from "../disk/data-folder.ts";
import { cliLimits } from "../limits.ts";
import { forLook } from "../node/node-client.ts";
import {
  counted,
  describeBytes,
  describeDuration,
  describeRefusal,
  exitCodes,
  paint,
  refusalIn,
  type Output,
} from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";

/** `plexus status`. */
export async function showStatus(flags: AdminFlags, output: Output): Promise<number> {
  const status = demand(await callsTo(forLook(await findNode(flags)))("node.status"));
  output.print(flags.json ? jsonLine(status) : describeStatus(status, output.color));
  return exitCodes.ok;
}

/** The status as a person reads it. */
export function describeStatus(status: NodeStatus, color: boolean): string {
  const node = status.name === undefined ? status.node : `${status.name} (${status.node})`;
  const rows: readonly (readonly [string, string])[] = [
    ["Node", withoutControls(`${node}, Plexus ${status.version}`)],
    ["Address", withoutControls(status.url)],
    ...(status.mesh ?? []).map((address, index) => [index === 0 ? "Mesh" : "", withoutControls(address)] as const),
    ["Up", describeDuration(status.uptimeMs)],
    ["Roles", withoutControls(status.roles.join(", "))],
    ...(status.joined === false
      ? [["Cluster", paint(color, "red", "has not joined since it started: serves no slots until it has")] as const]
      : []),
    ...describeSilence(status, color),
    ...status.models.map((model, index) => [index === 0 ? "Models" : "", describeModel(model)] as const),
    ...(status.models.length === 0 ? [["Models", "none: agents do not answer"] as const] : []),
    ["Actors", `${status.actors.active} active, ${status.actors.quarantined} quarantined`],
    ...describeSlots(status, color),
    [
      "Journal",
      `${withoutControls(status.journal.location)}, ${counted(status.journal.entries, "entry", "entries")} ` +
        `(${describeBytes(status.journal.bytes)}) since the start`,
    ],
    ["Connections", String(status.connections)],
    ...describeProxies(status, color),
    ["Event loop", `${status.eventLoopLagMs.toFixed(1)} ms late (p99)`],
    ["Memory", describeBytes(status.memoryBytes)],
  ];
  return rows.map(([label, value]) => `${label.padEnd(13)}${value}`).join("\n");
}

/** That the directory does not answer, and why. */
function describeSilence({ directoryAway }: NodeStatus, color: boolean): readonly (readonly [string, string])[] {
  if (directoryAway === undefined) return [];
  const { forMs, because } = directoryAway;
  const since = forMs === undefined ? "does not answer" : `has not answered for ${describeDuration(forMs)}`;
  const why = because === undefined ? "" : `: ${withoutControls(because)}`;
  return [["Directory", paint(color, "red", `${since}${why}`)]];
}

/** That there is a proxy whose clients all count as one. */
function describeProxies({ unnamedProxies = [] }: NodeStatus, color: boolean): readonly (readonly [string, string])[] {
  return unnamedProxies.map((address) => [
    "Proxy",
    paint(
      color,
      "red",
      withoutControls(`requests of others come from ${address}: if it is your proxy, --trusted-proxy ${address}`),
    ),
  ]);
}

const notServed = ["quarantined", "refused for want of disk space", "not served"] as const;

/** How many slots are served, and in words which are not, why, and what helps; those with one reason in one row. */
function describeSlots(
  { slots: { open, quarantined }, journal }: NodeStatus,
  color: boolean,
): readonly (readonly [string, string])[] {
  const rows = quarantined.map((row) => ({ slot: row.slot, ...whyNotServed(row, journal.location) }));
  const counts = notServed.map((what) => ({ what, amount: rows.filter((row) => row.what === what).length }));
  const told = counts.filter(({ what, amount }) => amount > 0 || what === "quarantined");
  const byReason = new Map<string, string[]>();
  for (const { slot, reason } of rows) byReason.set(reason, [...(byReason.get(reason) ?? []), slot]);
  return [
    ["Slots", [`${open} open`, ...told.map(({ what, amount }) => `${amount} ${what}`)].join(", ")],
    ...[...byReason].map(([reason, slots]) => {
      const others = slots.length - cliLimits.statusSlotsNamed;
      const named = slots.slice(0, cliLimits.statusSlotsNamed).join(", ");
      const row = `${named}${others > 0 ? ` and ${others} more` : ""}: ${reason}`;
      return ["", paint(color, "red", withoutControls(row))] as const;
    }),
  ];
}

function whyNotServed(
  { reason, failure: why }: NodeStatus["slots"]["quarantined"][number],
  location: string,
): { readonly what: (typeof notServed)[number]; readonly reason: string } {
  if (why === undefined) return { what: "quarantined", reason };
  const { slot: _, reason: cause, file, ...others } = why.details ?? {};
  const code = typeof cause === "string" && why.code !== "DATA_DAMAGED" ? refusalIn(cause) : undefined;
  if (code !== undefined) {
    const again = "The slots are then taken up again by themselves, within a minute.";
    return {
      what: code === "ENOSPC" || code === "EDQUOT" ? "refused for want of disk space" : "not served",
      reason: `${describeRefusal({ code })}, at ${location}. ${helpFor(code) ?? ""} ${again}`,
    };
  }
  const told = Object.entries({ ...others, reason: cause, file }).flatMap(([name, fact]) =>
    fact === undefined ? [] : [`${name} ${typeof fact === "string" ? fact : JSON.stringify(fact)}`],
  );
  return {
    what: why.code === "DATA_DAMAGED" ? "quarantined" : "not served",
    reason: `${why.message}${told.length === 0 ? "" : ` (${told.join(", ")})`}`,
  };
}

function describeModel({ model, state, node, label, reason }: ModelInfo): string {
  const where = node === undefined ? "" : ` on ${node}`;
  const why = reason === undefined ? "" : ` (${reason})`;
  return withoutControls(`${model}: ${state}${where}${label === undefined ? "" : `, ${label.short}`}${why}`);
}
