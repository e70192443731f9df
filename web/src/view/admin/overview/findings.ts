/** What is wrong with the cluster and what helps, from everything that the overview has asked for. Pure. */
import { adviceOn, standsStill } from "../../../../../protocols/words/cluster-advice.ts";
import { counted } from "../../../../../protocols/words/amounts.ts";
import type { AlertPage, ClusterSummary, NodeStatus } from "../../../../../protocols/index.ts";
import { bytes } from "../bytes.ts";

/** Something to look at. */
export interface Finding {
  readonly tone: "bad" | "warn";
  readonly text: string;
  /** The screen where it is mended. */
  readonly page: string;
  readonly search?: Readonly<Record<string, string>>;
}

/** What the overview knows; what it could not ask for, or may not, is absent. */
export interface Seen {
  readonly summary: ClusterSummary;
  readonly status?: NodeStatus | undefined;
  readonly alerts?: AlertPage | undefined;
  /** Actors in quarantine, and whether there are more. */
  readonly quarantined?: { readonly rows: readonly { readonly actor: string }[]; readonly more: boolean } | undefined;
}

/** A disk with less than this share of it free is told of, and one with less than the second is bad. */
const diskShares = { warn: 0.1, bad: 0.03 } as const;

interface Disk {
  readonly diskBytes?: number;
  readonly diskFreeBytes?: number;
}

/** The share of a disk that is free; undefined: not known. */
export const freeShare = (node: Disk): number | undefined =>
  node.diskBytes === undefined || node.diskFreeBytes === undefined ? undefined : node.diskFreeBytes / node.diskBytes;

/** Actors that were stopped; `more`: beside these. */
function illActors(ill: readonly { readonly actor: string }[], more: boolean): readonly Finding[] {
  if (ill.length === 0) return [];
  const isOne = ill.length === 1 && !more;
  const [takes, it, them] = isOne ? ["actor takes", "it", "it"] : ["actors take", "each", "them"];
  const named = ill.slice(0, 3).map(({ actor }) => actor);
  const count = `${ill.length}${more ? " or more" : ""}`;
  const text =
    `${count} ${takes} no messages, because ${it} failed again and again: ${named.join(", ")}. ` +
    `Look at the reason, then release ${them}.`;
  return [{ tone: "bad", text, page: "actors", search: { status: "quarantined" } }];
}

/** All that is wrong, the worst first. */
export function findings({ summary, status, alerts, quarantined }: Seen): readonly Finding[] {
  const stands = standsStill(summary);
  const ofCluster = adviceOn(summary).map((text): Finding => {
    const slots = text.startsWith("`plexus slots --not-ok`");
    return {
      tone: stands ? "bad" : "warn",
      text: slots ? "Some slots have too few copies, or cannot be used now." : text,
      ...(slots ? { page: "slots", search: { show: "faulty" } } : { page: "nodes" }),
    };
  });
  const ofDisks = summary.nodes.flatMap((node): Finding[] => {
    const share = freeShare(node);
    if (share === undefined || share >= diskShares.warn) return [];
    const free = bytes(node.diskFreeBytes ?? 0);
    const tone = share < diskShares.bad ? "bad" : "warn";
    return [
      {
        tone,
        text: `The disk of ${node.name} is nearly full: ${free} are free. Make room, or drain the node.`,
        page: "nodes",
      },
    ];
  });
  const faulty = status?.slots.quarantined ?? [];
  const ofSlots: readonly Finding[] =
    faulty.length === 0
      ? []
      : [
          {
            tone: "bad",
            text:
              `${status?.name ?? status?.node} does not serve ${counted(faulty.length, "slot")} that it should: ` +
              `${faulty[0]?.reason}`,
            page: "slots",
            search: { show: "faulty" },
          },
        ];
  const ofActors = illActors(quarantined?.rows ?? [], quarantined?.more === true);
  const ofAlerts = (alerts?.alerts ?? []).map(({ severity, title, about }): Finding => ({
    tone: severity === "critical" ? "bad" : "warn",
    text: `Alert: ${title} (${about})`,
    page: "alerts",
  }));
  const ofProxies = (status?.unnamedProxies ?? []).map((address): Finding => ({
    tone: "warn",
    text:
      `Requests of others come from ${address}, so all of them count as one visitor. If it is your proxy, start ` +
      `the node with \`--trusted-proxy ${address}\`.`,
    page: "nodes",
  }));
  const all = [...ofCluster, ...ofSlots, ...ofActors, ...ofDisks, ...ofAlerts, ...ofProxies];
  return [...all.filter(({ tone }) => tone === "bad"), ...all.filter(({ tone }) => tone === "warn")];
}
