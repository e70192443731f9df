/** What the operations on nodes and slots do. */
import {
  actorId,
  ok,
  ownSlot,
  slotPage,
  type clusterOperations,
  type Done,
  type HandlersOf,
  type Moved,
  type Released,
  type Result,
  type SlotId,
} from "../../../protocols/index.ts";
import type { ClusterControl } from "./api.ts";

/** What the handlers are told of this node. */
interface Parts {
  /** How long a move may take, where nobody says it. */
  readonly moveTimeoutMs: number;
}

type Handlers = HandlersOf<typeof clusterOperations>;

/** The handlers. What changes nodes and the directory is in the cluster's own audit: the control writes it, and tells
 *  admins. */
export const handleCluster = (control: ClusterControl, at: Parts): Handlers => ({
  "cluster.summary": () => control.summary(),
  "cluster.plan": (change) => control.preview(change),
  ...handleNodes(control),
  ...handleSlots(control, at),
  ...handleDirectory(control),
});

function handleNodes(control: ClusterControl) {
  /** What the audit has of a node before a change. */
  const known = async (node: string) => {
    const summary = await control.summary();
    const found = summary.ok ? summary.value.nodes.find((one) => one.node === node || one.name === node) : undefined;
    return found && { state: found.state, roles: found.roles, shards: found.shards };
  };
  return {
    "cluster.invite": async (terms, { by }) => ({ result: await control.invite(terms, by), told: false }),
    "cluster.evict": async ({ node, force = false }, { by }) => {
      const before = await known(node);
      const result = await control.evict(node, force, by);
      return { result, before, told: false };
    },
    "cluster.setRoles": async ({ node, roles, seen }, { by }) => {
      const before = await known(node);
      const result = await control.setRoles(node, roles, by, seen);
      return { result, before: before && { roles: before.roles }, after: { roles }, told: false };
    },
    "cluster.setStorage": async ({ node, quotaBytes, seen }, { by }) => {
      const before = await known(node);
      const change = { quotaBytes, ...(seen !== undefined && { seen }) };
      const result = await control.setStorage(node, change, by);
      const text = (bytes: number | null | undefined): string => String(bytes ?? "none");
      return {
        result,
        before: before && { quotaBytes: text(before.shards?.allowed?.quotaBytes) },
        after: { quotaBytes: text(quotaBytes) },
        told: false,
      };
    },
    "cluster.drain": async ({ node, draining }, { by }) => {
      const before = await known(node);
      const result = await control.setDraining(node, draining, by);
      return {
        result,
        before: before && { state: before.state },
        after: { state: draining ? "draining" : "active" },
        action: draining ? "drain" : "undrain",
      };
    },
    "cluster.trust": async ({ node }, { by }) => {
      const result = await control.trustNode(node, by);
      return { result, after: result.ok ? { trust: result.value.trust } : undefined };
    },
  } satisfies Partial<Handlers>;
}

function handleSlots(control: ClusterControl, { moveTimeoutMs }: Parts) {
  /** Where somebody has put a slot by hand, and who owns it. */
  const known = async (slot: string) => {
    const slots = await control.slots();
    const found = slots.ok ? slots.value.find((one) => one.slot === slot) : undefined;
    return found && { owner: found.owner, held: found.held };
  };
  const move = async (
    slot: string,
    { to, timeoutMs = moveTimeoutMs }: { readonly to: string; readonly timeoutMs?: number },
    work: (timeoutMs: number) => Promise<Result<Moved>>,
  ): Promise<Done<Moved>> => {
    const before = await known(slot);
    return { result: await work(timeoutMs), before, after: { owner: to, held: to } };
  };
  const release = async (slot: SlotId, by: string): Promise<Done<Released>> => {
    const before = await known(slot);
    return { result: await control.release(slot, by), before: before && { held: before.held } };
  };
  return {
    "cluster.slots": async (query) => {
      const slots = await control.slots();
      return slots.ok ? ok(slotPage(slots.value, query)) : slots;
    },
    "cluster.moveActor": (input, { by }) => {
      const actor = actorId(input.kind, input.key);
      return move(ownSlot(actor), input, (timeoutMs) => control.moveActor(actor, input.to, timeoutMs, by));
    },
    "cluster.moveSlot": (input, { by }) => {
      const slot: SlotId = `${input.role}/${input.number}`;
      return move(slot, input, (timeoutMs) => control.moveSlot(slot, input.to, timeoutMs, by));
    },
    "cluster.releaseSlot": ({ role, number }, { by }) => release(`${role}/${number}`, by),
    "cluster.releaseActor": ({ kind, key }, { by }) => release(ownSlot(actorId(kind, key)), by),
  } satisfies Partial<Handlers>;
}

function handleDirectory(control: ClusterControl) {
  return {
    "cluster.voters": () => control.voters(),
    "cluster.setVoters": async ({ wanted, seen }, { by }) => {
      const was = await control.voters();
      const before = was.ok ? { wanted: was.value.wanted } : undefined;
      return { result: await control.setVoters({ wanted, seen }, by), before, after: { wanted }, told: false };
    },
    "cluster.migrateDirectory": async ({ endpoints }, { by }) => {
      const summary = await control.summary();
      const before = summary.ok ? { directory: summary.value.directory.kind } : undefined;
      const result = await control.migrateDirectory(endpoints, by);
      return { result, before, after: { directory: endpoints === undefined ? "replicated" : "etcd" }, told: false };
    },
  } satisfies Partial<Handlers>;
}
