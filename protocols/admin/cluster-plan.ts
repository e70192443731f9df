/** What would follow from a change of the cluster: body and answer of `POST /api/v1/admin/cluster/plan`. Nothing is
 *  changed by it. */
import { Type, type Static } from "typebox";
import { chosenRoles, nodeLabels, nodeName } from "./cluster.ts";
import type { Role } from "../ids.ts";
import { object } from "../wire/schema.ts";

/** Nodes that are supposed to come or go at once. */
const nodesMax = 32;

const weight = Type.Number({
  minimum: 0.01,
  maximum: 100,
  description: "Its share compared to other nodes; 1 is usual",
});
const copies = Type.Integer({ minimum: 1, maximum: 7 });

/** A change that is supposed. All of it is looked at together. */
export const supposePlan = object({
  add: Type.Optional(
    Type.Array(object({ roles: chosenRoles, labels: Type.Optional(nodeLabels), weight: Type.Optional(weight) }), {
      minItems: 1,
      maxItems: nodesMax,
      description: "Nodes that would come",
    }),
  ),
  remove: Type.Optional(
    Type.Array(nodeName, {
      minItems: 1,
      maxItems: nodesMax,
      uniqueItems: true,
      description: "Nodes that would be drained and go",
    }),
  ),
  weights: Type.Optional(
    Type.Record(nodeName, weight, { maxProperties: nodesMax, description: "Other weights of nodes" }),
  ),
  roles: Type.Optional(
    Type.Record(nodeName, chosenRoles, { maxProperties: nodesMax, description: "Other roles of nodes" }),
  ),
  replicas: Type.Optional({ ...copies, description: "Copies of each slot" }),
  minInSync: Type.Optional({ ...copies, description: "Copies in sync that a slot needs" }),
});
export type SupposedChange = Static<typeof supposePlan>;

/** What a node holds: slots that it owns, and copies of others'. */
export interface PlannedShare {
  readonly owned: number;
  readonly copies: number;
}

/** A node, before and after. */
export interface PlannedNode {
  readonly name: string;
  /** `comes`: it is one of those that are supposed. */
  readonly stays: "stays" | "comes" | "goes";
  readonly up: boolean;
  readonly before: PlannedShare;
  readonly after: PlannedShare;
  /** Slots that are copied to it. */
  readonly receives: number;
}

/** A slot that would be elsewhere. */
export interface PlannedMove {
  readonly slot: string;
  /** Its owner, by name. */
  readonly from: string;
  readonly to: string;
  /** Nodes that get a copy, and that lose theirs. */
  readonly added: readonly string[];
  readonly dropped: readonly string[];
}

/** What would be worse than before, or not be at all. */
export type PlanFault =
  /** No node that is up would have a role that slots need. */
  | { readonly type: "role"; readonly role: Role; readonly slots: number }
  /** Fewer copies than are wanted. */
  | { readonly type: "copies"; readonly slots: number; readonly copies: number; readonly wanted: number }
  /** Fewer copies than writes need. */
  | { readonly type: "writes"; readonly slots: number; readonly copies: number; readonly needed: number }
  /** Copies would lie in fewer zones. */
  | { readonly type: "zones"; readonly slots: number; readonly before: number; readonly after: number }
  /** A node that is to go keeps slots that nobody else can take. */
  | { readonly type: "kept"; readonly node: string; readonly slots: number }
  /** A node that is to go is down, and has the only copy of slots. */
  | { readonly type: "only"; readonly node: string; readonly slots: number }
  /** The directory would survive fewer deaths of those that keep it. */
  | { readonly type: "directory"; readonly before: number; readonly after: number }
  /** A node that is to go keeps the directory alone. */
  | { readonly type: "keeper"; readonly node: string }
  /** Shards are spread over more nodes than there would be. */
  | { readonly type: "holders"; readonly width: number; readonly nodes: number }
  /** Models that only nodes which go serve. */
  | { readonly type: "models"; readonly models: readonly string[] };

/** Answer: what would follow, by what is known now. */
export interface ClusterPlan {
  readonly nodes: readonly PlannedNode[];
  /** Slots that would be elsewhere, and copies that would be made. */
  readonly slots: number;
  readonly copies: number;
  /** Slots that move at the same time at most. */
  readonly atOnce: number;
  /** The first of them. */
  readonly moves: readonly PlannedMove[];
  readonly faults: readonly PlanFault[];
  /** Slots that are on their way already, without any of this. */
  readonly moving: number;
  /** What does it, to be typed in this order. */
  readonly commands: readonly string[];
}
