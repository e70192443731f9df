/** The records of members, as plain as they can be: a test says only what it is about. */
import type { OwnRecord } from "../node/membership/index.ts";
import type { MemberRecord, NodeId } from "../node/ports.ts";

/** What a node says of itself. */
export const ownRecord = (node: NodeId, more: Partial<OwnRecord> = {}): OwnRecord => ({
  node,
  name: `node-${node}`,
  peer: `peer-${node}`,
  addresses: [],
  roles: ["chat"],
  labels: {},
  models: [],
  gpu: false,
  weight: 1,
  version: "0.1.0",
  url: "",
  ...more,
});

/** What the directory has of it. */
export const memberRecord = (node: NodeId, more: Partial<MemberRecord> = {}): MemberRecord => ({
  ...ownRecord(node),
  incarnation: 1,
  state: "active",
  ...more,
});
