/** How fast nodes give shards, as this node has seen it: for whom to ask first, and when one is slow. */
import type { NodeId } from "../../ports/index.ts";

export interface NodeSpeeds {
  /** What an answer took; without bytes none came. */
  took(node: NodeId, ms: number, bytes: number | undefined): void;
  /** How long a node took to answer what gives no bytes. */
  answered(node: NodeId, ms: number): void;
  expectedMs(node: NodeId, bytes: number): number;
}

/** Of the last answers each counts a quarter: a node that becomes slow is known after a few. */
const newest = 0.25;
const mib = 1024 * 1024;
/** Of a node that nobody has asked yet. */
const usualMsPerMib = 100;
/** Of a node that answers, and has given no bytes yet. */
const answeringMsPerMib = 50;
/** A node that gave nothing is asked later than all that give. */
const failedFactor = 8;

/** Remembers the nodes asked last. */
export function createNodeSpeeds(own: NodeId, nodesMax: number): NodeSpeeds {
  const msPerMib = new Map<NodeId, number>();
  const note = (node: NodeId, measured: (before: number) => number): void => {
    const before = msPerMib.get(node) ?? usualMsPerMib;
    msPerMib.delete(node);
    msPerMib.set(node, Math.min(60_000, before + newest * (measured(before) - before)));
    const [oldest] = msPerMib.keys();
    if (msPerMib.size > nodesMax && oldest !== undefined) msPerMib.delete(oldest);
  };
  return {
    took: (node, ms, bytes) =>
      // Small shards say how long an answer takes, and little of how long bytes do.
      note(node, (before) => (bytes === undefined ? before * failedFactor : ms / Math.max(1, bytes / mib))),
    // A quick word promises no quick bytes: it takes back what late ones have said, and goes before silence.
    answered: (node, ms) => note(node, (before) => Math.max(ms, Math.min(before, answeringMsPerMib))),
    expectedMs: (node, bytes) => (node === own ? 0 : (msPerMib.get(node) ?? usualMsPerMib) * Math.max(1, bytes / mib)),
  };
}
