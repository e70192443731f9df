/** The nodes of the cluster, and their actors. */
import { Type } from "typebox";
import { actorKeyParams, releaseActor, type ActorDetail, type ActorPage } from "../wire/client.ts";
import { supposePlan, type ClusterPlan } from "../admin/cluster-plan.ts";
import {
  clusterNodeParams,
  clusterSlotParams,
  createInvitation,
  evictNode,
  migrateDirectory,
  moveTo,
  setDraining,
  setNodeRoles,
  setNodeStorage,
  setVoters,
  slotsQuery,
  type ClusterSummary,
  type Evicted,
  type InvitationIssued,
  type Moved,
  type NodeStorage,
  type Released,
} from "../admin/cluster.ts";
import { answer } from "../wire/command.ts";
import type { DirectoryVoters } from "../admin/directory-info.ts";
import { actorId, ownSlot } from "../ids.ts";
import { wireLimits as limits } from "../limits.ts";
import type { ClusterView } from "../kinds/role-manager.ts";
import type { AdminRoomPage } from "../kinds/room-admin.ts";
import { key, object } from "../wire/schema.ts";
import type { TrustState } from "../admin/shards.ts";
import type { SlotPage } from "../words/slot-list.ts";
import { counted } from "../words/amounts.ts";
import { changes, fieldsOf, ofActors, ofCluster, ofLooks, ofOthers, reads } from "./operation.ts";

const tags = ["cluster"];
const ofAdmins = ["admin"];
const arrives = "Answers when it is there. NO_CANDIDATE: the node may not hold it.";
const arrived = ({ slot, epoch }: Moved): string => `${slot} is there, in epoch ${epoch}.`;
const automatic = {
  permission: "cluster.administer",
  errors: ["ALREADY_DONE", ...ofCluster],
  action: "release",
  answer: answer<Released>("Released"),
  summary: "Returns a slot that was moved by hand to automatic placement",
  description: "ALREADY_DONE when nobody had moved it.",
  tags,
} as const;

export const clusterOperations = {
  "cluster.summary": reads({
    answer: answer<ClusterSummary>("ClusterSummary"),
    permission: "cluster.see",
    errors: ofLooks,
    summary: "Nodes with their load, the directory, and slots by status",
    tags,
  }),
  "cluster.slots": reads({
    fields: slotsQuery,
    answer: answer<SlotPage>("SlotPage"),
    permission: "cluster.see",
    errors: ofLooks,
    summary: "Every slot: owner, epoch, replicas, where it should be",
    description: "With `limit` a page of them: `total` says how many fit, and `next` where it goes on (`from`).",
    tags,
  }),
  "cluster.plan": reads({
    fields: supposePlan,
    answer: answer<ClusterPlan>("ClusterPlan"),
    looks: true,
    permission: "cluster.see",
    errors: ofLooks,
    summary: "What would follow if nodes came or went, or had other weights or roles; nothing is changed",
    description:
      "The planner is asked for the cluster as it is and as it would be. " +
      "`moves` are the first of the slots that would be elsewhere, `faults` what would be worse than now, " +
      "`commands` what does it.",
    tags,
  }),
  "cluster.invite": changes({
    fields: createInvitation,
    answer: answer<InvitationIssued>("InvitationIssued"),
    permission: "nodes.admit",
    errors: ofCluster,
    action: "invite",
    facts: (terms) => terms,
    quiet: "tellsByItself",
    summary: "Creates an invitation: a token that admits one node, once; only this answer shows it",
    tags,
  }),
  "cluster.evict": changes({
    params: clusterNodeParams,
    fields: evictNode,
    answer: answer<Evicted>("Evicted"),
    permission: "nodes.manage",
    errors: ["NO_CANDIDATE", ...ofCluster],
    action: "evict",
    task: {
      what: ({ node }) => `Eviction of ${node}`,
      result: ({ lastCopies }) =>
        lastCopies === 0
          ? "The node is out of the cluster."
          : `The node is out of the cluster; ${counted(lastCopies, "slot")} without another copy were given up.`,
    },
    facts: ({ node, force = false }) => ({ node, force }),
    quiet: "tellsByItself",
    summary: "Evicts a node: ends its membership for good",
    description:
      "`lastCopies`: slots that were given up. " +
      "FORBIDDEN for the node that keeps the directory, and, without `force`, " +
      "for one that holds the last copy of a slot.",
    tags,
  }),
  "cluster.setRoles": changes({
    params: clusterNodeParams,
    fields: setNodeRoles,
    answer: fieldsOf({ node: Type.String() }),
    permission: "nodes.manage",
    errors: ["NO_CANDIDATE", "CHANGED_MEANWHILE", ...ofCluster],
    action: "roles",
    facts: ({ node, roles }) => ({ node, roles }),
    quiet: "tellsByItself",
    summary: "Changes the roles of a running node",
    description:
      "NO_CANDIDATE when a role would be left without a node; FORBIDDEN when the node that keeps the directory " +
      "would cease to be a manager; CHANGED_MEANWHILE when it has other roles than `seen`.",
    tags,
  }),
  "cluster.setStorage": changes({
    params: clusterNodeParams,
    fields: setNodeStorage,
    answer: answer<NodeStorage>("NodeStorage"),
    permission: "nodes.manage",
    errors: ["CHANGED_MEANWHILE", ...ofCluster],
    action: "storage",
    facts: ({ node, quotaBytes }) => ({ node, quotaBytes: quotaBytes ?? "none" }),
    quiet: "tellsByItself",
    summary: "Changes how much a node may keep of shards",
    description:
      "No restart and no invitation is needed. " +
      "Where less is allowed than it has, it takes no new shards and throws none away (`beyondBytes`); " +
      "a holder moves to a node with room for it, where there is one that has none of its group. " +
      "CHANGED_MEANWHILE when it has another quota than `seen`.",
    tags,
  }),
  "cluster.drain": changes({
    params: clusterNodeParams,
    fields: setDraining,
    answer: fieldsOf({ node: Type.String() }),
    permission: "cluster.administer",
    errors: ofCluster,
    action: "drain",
    facts: ({ node }) => ({ node }),
    summary: "Drains a node: it hands over everything it holds; or ends that",
    description: "Answers at once; the summary's `slotsOwned` and `slotsReplicated` tell how far it is.",
    tags,
  }),
  "cluster.trust": changes({
    params: clusterNodeParams,
    answer: fieldsOf({ node: Type.String(), trust: answer<TrustState>("TrustState") }),
    permission: "shards.manage",
    errors: ofCluster,
    action: "trust",
    facts: ({ node }) => ({ node }),
    summary: "Ends the probation of a node that keeps shards",
    description: "FORBIDDEN when audits have found that it lacks, or does not give, what it should have.",
    tags,
  }),
  "cluster.moveActor": changes({
    params: actorKeyParams,
    fields: moveTo,
    answer: answer<Moved>("Moved"),
    permission: "cluster.administer",
    errors: ["NO_CANDIDATE", "MOVED", ...ofOthers, ...ofActors, ...ofCluster],
    action: "moveActor",
    task: {
      what: ({ kind, key: name, to }) => `Move of ${actorId(kind, name)} to ${to}`,
      again: true,
      result: arrived,
    },
    facts: ({ kind, key: name, to }) => ({ actor: actorId(kind, name), to }),
    summary: "Pins one actor to a node and moves it there",
    description: arrives,
    tags,
  }),
  "cluster.moveSlot": changes({
    params: clusterSlotParams,
    fields: moveTo,
    answer: answer<Moved>("Moved"),
    permission: "cluster.administer",
    errors: ["NO_CANDIDATE", "ASK_TIMEOUT", ...ofCluster],
    action: "moveSlot",
    task: {
      what: ({ role, number, to }) => `Move of slot ${role}/${number} to ${to}`,
      again: true,
      result: arrived,
    },
    facts: ({ role, number, to }) => ({ slot: `${role}/${number}`, to }),
    summary: "Moves a slot to a node",
    description: arrives,
    tags,
  }),
  "cluster.releaseSlot": changes({
    params: clusterSlotParams,
    facts: ({ role, number }) => ({ slot: `${role}/${number}` }),
    ...automatic,
  }),
  "cluster.releaseActor": changes({
    params: actorKeyParams,
    // The slot that an actor has of its own is called like it.
    facts: ({ kind, key: name }) => ({ slot: ownSlot(actorId(kind, name)) }),
    ...automatic,
  }),
  "cluster.voters": reads({
    answer: answer<DirectoryVoters>("DirectoryVoters"),
    permission: "cluster.see",
    errors: ofLooks,
    summary: "Which nodes keep the directory, and how many should",
    tags,
  }),
  "cluster.setVoters": changes({
    fields: setVoters,
    answer: fieldsOf({ wanted: Type.Number() }),
    permission: "nodes.manage",
    errors: ["CHANGED_MEANWHILE", ...ofCluster],
    action: "voters",
    task: { what: ({ wanted }) => `Change to ${wanted} managers of the directory` },
    facts: ({ wanted }) => ({ wanted }),
    quiet: "tellsByItself",
    summary: "How many managers keep the directory together",
    tags,
  }),
  "cluster.migrateDirectory": changes({
    fields: migrateDirectory,
    answer: fieldsOf({ rows: Type.Number() }),
    permission: "nodes.admit",
    errors: [
      "ALREADY_DONE",
      "NO_CANDIDATE",
      "CONFIG_INVALID",
      "DIRECTORY_MOVED",
      "DIRECTORY_REFUSES",
      ...ofOthers,
      ...ofCluster,
    ],
    action: "migrateDirectory",
    task: {
      what: ({ endpoints }) => `Move of the directory to ${endpoints === undefined ? "the managers" : "etcd"}`,
      again: true,
      result: ({ rows }) => `${counted(rows, "row")} moved.`,
    },
    facts: ({ endpoints }) => (endpoints === undefined ? { to: "managers" } : { endpoints }),
    quiet: "tellsByItself",
    summary: "Moves the running cluster's directory to etcd, or from there to the managers",
    tags,
  }),
};

/** What the cluster's own actor knows. */
export const memoryOperations = {
  "cluster.describe": reads({
    answer: answer<ClusterView>("ClusterView"),
    permission: "cluster.see",
    errors: ["NOT_FOUND", ...ofActors],
    summary: "Nodes, roles and admins",
    tags: ofAdmins,
  }),
};

const actorsQuery = object({
  kind: Type.Optional(actorKeyParams.properties.kind),
  status: Type.Optional(Type.Union([Type.Literal("active"), Type.Literal("idle"), Type.Literal("quarantined")])),
  after: Type.Optional(Type.String({ maxLength: 128 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.actorRowsMax })),
});

export const actorOperations = {
  "actors.list": reads({
    fields: actorsQuery,
    answer: answer<ActorPage>("ActorPage"),
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary: "Actors of all nodes, by id",
    description: "`unanswered` names the nodes whose actors are missing because they did not answer.",
    tags: ofAdmins,
  }),
  "actors.show": reads({
    params: actorKeyParams,
    answer: answer<ActorDetail>("ActorDetail"),
    permission: "cluster.see",
    errors: ["NOT_FOUND", "MOVED", "DIRECTORY_UNAVAILABLE", ...ofOthers, ...ofActors],
    summary: "One actor, with its dead letters",
    tags: ofAdmins,
  }),
  "actors.release": changes({
    params: actorKeyParams,
    fields: releaseActor,
    answer: fieldsOf({ redelivered: Type.Number() }),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", "ALREADY_DONE", "MOVED", "DIRECTORY_UNAVAILABLE", ...ofOthers, ...ofActors],
    action: "releaseActor",
    facts: ({ kind, key: name, redeliver = true }) => ({ actor: actorId(kind, name), redeliver }),
    summary: "Releases an actor from quarantine",
    tags: ofAdmins,
  }),
};

const roomsQuery = object({
  /** Part of its name. */
  text: Type.Optional(Type.String({ maxLength: 64 })),
  after: Type.Optional(key),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.adminRoomRowsMax })),
});

export const roomOperations = {
  "rooms.all": reads({
    fields: roomsQuery,
    answer: answer<AdminRoomPage>("AdminRoomPage"),
    permission: "cluster.see",
    errors: ["NOT_FOUND", ...ofOthers, ...ofActors],
    summary: "Rooms of all nodes, by name: how large they are, who owns them, and where they are",
    description:
      "`text` is a part of the name. `next`, given as `after`, goes on; " +
      "a page that found less than it was asked for need not be the last. " +
      "A room that cannot say what it is has a `failure`.",
    tags: ofAdmins,
  }),
};
