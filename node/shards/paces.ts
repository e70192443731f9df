/** How fast nodes give shards, as this node has seen it: for whom to ask first, and when one is slow. */
import type { NodeId } from "../ports.ts";

export interface Paces {
  /** What an answer took; without bytes none came. */
  took(node: NodeId, ms: number, bytes: number | undefined): void;
  expectedMs(node: NodeId, bytes: number): number;
}

/** Of the last answers each counts a quarter: a node that becomes slow is known after a few. */
const newest = 0.25;
const mib = 1024 * 1024;
/** Of a node that nobody has asked yet. */
const usualMsPerMib = 100;
/** A node that gave nothing is asked later than all that give. */
const failedFactor = 8;

/** Remembers the nodes asked last. */
export function createPaces(own: NodeId, nodesMax: number): Paces {
  const msPerMib = new Map<NodeId, number>();
  return {
    took(node, ms, bytes) {
      const before = msPerMib.get(node) ?? usualMsPerMib;
      // Small shards say how long an answer takes, and little of how long bytes do.
      const measured = bytes === undefined ? before * failedFactor : ms / Math.max(1, bytes / mib);
      msPerMib.delete(node);
      msPerMib.set(node, Math.min(60_000, before + newest * (measured - before)));
      const [oldest] = msPerMib.keys();
      if (msPerMib.size > nodesMax && oldest !== undefined) msPerMib.delete(oldest);
    },
    expectedMs: (node, bytes) => (node === own ? 0 : (msPerMib.get(node) ?? usualMsPerMib) * Math.max(1, bytes / mib)),
  };
}
