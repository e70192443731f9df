import { setTimeout as delay } from "node:timers/promises";
import { failure, ok, PlexusError, refused, type Result } from "../protocols/errors.ts";
import { parseActorId, roles as allRoles, slotCount, type Role } from "../protocols/ids.ts";
import type { ClusterSlotRow, ClusterSummary, Evicted, InvitationIssued, Moved, Released } from "../protocols/index.ts";
import { actorPath, advised, demand, findNode, type AdminFlags } from "./admin.ts";
import { describeAway, describeDown } from "./cluster-advice.ts";
import {
  describeDrain,
  describeDrained,
  describeEviction,
  describeKept,
  describeStuck,
  keepsDirectory,
  rolesWithoutTaker,
  type DrainProgress,
} from "./cluster-leaving.ts";
import {
  chooseSlots,
  describeInvitation,
  describeNodes,
  describeSlots,
  findMember,
  joinCommand,
  nameOf,
  namesOf,
  type SlotFilter,
} from "./cluster-view.ts";
import { plexusCommand } from "./launcher.ts";
import { cliLimits } from "./limits.ts";
import { callNode, forLook, type Target } from "./node-client.ts";
import { counted, describeDuration, exitCodes, type Output } from "./output.ts";

/** `plexus invite`, `nodes`, `slots`, `actors move`, `directory`: each asks any node of the cluster. */

const base = "/api/admin/cluster";

/** How the cluster is, as one node sees it. */
export const readSummary = (target: Target): Promise<Result<ClusterSummary>> =>
  callNode<ClusterSummary>(forLook(target), "GET", `${base}/summary`);

/** Every slot on record. */
export async function readSlots(target: Target): Promise<Result<readonly ClusterSlotRow[]>> {
  const path = `${base}/slots`;
  const answer = await callNode<{ readonly slots: readonly ClusterSlotRow[] }>(forLook(target), "GET", path);
  return answer.ok ? ok(answer.value.slots) : answer;
}

const unknownNode = "`plexus nodes` lists the names.";
const noCandidate =
  "`plexus nodes` shows which nodes have the role, are up, not draining and able to write to their disk.";

/** What an invitation is for. */
export interface InvitationTerms {
  readonly roles: readonly Role[] | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly expiresInMs: number | undefined;
}

/** `plexus invite`. */
export async function invite(flags: AdminFlags, terms: InvitationTerms, output: Output): Promise<number> {
  const { roles, labels, expiresInMs } = terms;
  const body = {
    ...(roles !== undefined && { roles }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(expiresInMs !== undefined && { expiresInMs }),
  };
  const issued = demand(await callNode<InvitationIssued>(await findNode(flags), "POST", `${base}/invitations`, body));
  const plexus = plexusCommand();
  const at = { nowMs: Date.now(), color: output.color, plexus };
  if (flags.json) output.print(JSON.stringify({ ...issued, command: joinCommand(issued, labels, plexus) }));
  else output.print(describeInvitation(issued, labels, at));
  return exitCodes.ok;
}

/** `plexus nodes`. */
export async function listNodes(flags: AdminFlags, output: Output): Promise<number> {
  const summary = demand(await readSummary(await findNode(flags)));
  output.print(flags.json ? JSON.stringify(summary) : describeNodes(summary, output.color, output.columns));
  return exitCodes.ok;
}

const nodePath = (node: string): string => `${base}/nodes/${encodeURIComponent(node)}`;

/** `plexus nodes evict NAME`. */
export async function evictNode(
  flags: AdminFlags,
  eviction: { readonly node: string; readonly force: boolean },
  output: Output,
): Promise<number> {
  const { node, force } = eviction;
  const path = `${nodePath(node)}${force ? "?force=true" : ""}`;
  const answer = await callNode<Evicted>(await findNode(flags), "DELETE", path);
  const wholeName = "It takes the whole name or id: `plexus nodes` lists the names.";
  const evicted = demand(advised(answer, { NO_CANDIDATE: roleElsewhere, NOT_FOUND: wholeName }));
  output.print(
    flags.json ? JSON.stringify({ ...evicted, evicted: true }) : describeEviction(node, { ...evicted, force }),
  );
  return exitCodes.ok;
}

const roleElsewhere = "Another node must have the role first: plexus nodes roles OTHER …";

/** `plexus nodes roles NAME chat,ai`. */
export async function setNodeRoles(
  flags: AdminFlags,
  change: { readonly node: string; readonly roles: readonly Role[] },
  output: Output,
): Promise<number> {
  const { node, roles } = change;
  const answer = await callNode<{ readonly node: string }>(await findNode(flags), "PUT", `${nodePath(node)}/roles`, {
    roles,
  });
  const done = demand(advised(answer, { NO_CANDIDATE: roleElsewhere, NOT_FOUND: unknownNode }));
  output.print(
    flags.json
      ? JSON.stringify({ ...done, roles })
      : `${node} has the roles ${roles.join(", ")} from now on. What it may not hold any more moves away: plexus slots --node ${node}`,
  );
  return exitCodes.ok;
}

/** What `plexus nodes drain` was asked for. */
export interface DrainWish {
  readonly node: string;
  readonly undo: boolean;
  readonly wait: boolean;
  readonly timeoutMs: number;
  /** Between two looks. */
  readonly pollMs: number;
}

/** `plexus nodes drain NAME`. With `wait` it ends when the node holds nothing any more. */
export async function drainNode(flags: AdminFlags, wish: DrainWish, output: Output): Promise<number> {
  const { node, undo } = wish;
  const target = await findNode(flags);
  const answer = await callNode<{ readonly node: string }>(target, "PUT", `${nodePath(node)}/draining`, {
    draining: !undo,
  });
  // Named by its id from here on: what was typed may be the beginning of a name.
  const { node: id } = demand(advised(answer, { NO_CANDIDATE: noCandidate, NOT_FOUND: unknownNode }));
  if (undo) {
    // What is asked for is done; whether it is up decides only what is said of it.
    const progress = flags.json ? undefined : await readProgress(target, id);
    const once = progress?.ok === true && !progress.value.up ? ", once it is up: it is down now" : "";
    output.print(flags.json ? JSON.stringify({ node, draining: false }) : `${node} takes its share again${once}.`);
    return exitCodes.ok;
  }
  // It drains: what cannot be seen now is only not said.
  const [summary, slots] = await Promise.all([readSummary(target), readSlots(target)]);
  const stuck = summary.ok && slots.ok ? rolesWithoutTaker(summary.value, slots.value, id) : [];
  const kept = summary.ok ? describeKept(summary.value, id, output.color) : undefined;
  if (stuck.length > 0 && !flags.json) output.printError(describeStuck(stuck, node, output.color));
  if (kept !== undefined && !flags.json) output.printError(kept);
  if (wish.wait) return await awaitDrain(target, { ...wish, id, json: flags.json }, output);
  const progress = summary.ok ? progressIn(summary.value, id) : summary;
  if (!progress.ok && progress.error.outcome === "failed") throw new PlexusError(progress.error);
  const why = { ...(stuck.length > 0 && { noCandidate: stuck }), ...(kept !== undefined && { keptForWrites: true }) };
  const seen = progress.ok ? progress.value : {};
  if (flags.json) output.print(JSON.stringify({ node, draining: true, ...seen, ...why }));
  else output.print(describeBegun(node, progress, stuck.length === 0 && kept === undefined));
  return exitCodes.ok;
}

function describeBegun(node: string, progress: Result<DrainProgress>, givesAll: boolean): string {
  const further = `\`plexus nodes drain ${node} --wait\` shows how far it is.`;
  if (!progress.ok) return `${node} drains. What it holds cannot be seen now (${progress.error.code}); ${further}`;
  const keeps = progress.value.directory ? ` ${keepsDirectory}` : "";
  const goesOn = givesAll ? "It gives them away now" : "It gives away what it can";
  return `${describeDrain(progress.value)}. ${goesOn}; ${further}${keeps}`;
}

async function readProgress(target: Target, node: string): Promise<Result<DrainProgress>> {
  const summary = await readSummary(target);
  return summary.ok ? progressIn(summary.value, node) : summary;
}

function progressIn({ nodes }: ClusterSummary, node: string): Result<DrainProgress> {
  const row = nodes.find((each) => each.name === node || each.node === node);
  if (row === undefined) return refused(failure("NOT_FOUND", { node, hint: unknownNode }));
  const { name, up, slotsOwned, slotsReplicated, directory } = row;
  return ok({ name, up, slotsOwned, slotsReplicated, directory });
}

async function awaitDrain(
  target: Target,
  wish: DrainWish & { readonly id: string; readonly json: boolean },
  output: Output,
): Promise<number> {
  const { node, id, json } = wish;
  const startMs = performance.now();
  let said = "";
  let movedAtMs = startMs;
  let stuckSaid = false;
  for (;;) {
    const progress = await readProgress(target, id);
    const nowMs = performance.now();
    // A node that does not answer now may be the one that was asked for; what it said counts, up to the deadline.
    if (!progress.ok && progress.error.outcome === "failed") throw new PlexusError(progress.error);
    if (progress.ok) {
      const line = describeDrain(progress.value);
      if (line !== said) {
        output.print(json ? JSON.stringify(progress.value) : line);
        [said, movedAtMs, stuckSaid] = [line, nowMs, false];
      }
      if (progress.value.slotsOwned === 0 && progress.value.slotsReplicated === 0) {
        if (!json) output.print(describeDrained(progress.value));
        return exitCodes.ok;
      }
    }
    if (nowMs - startMs > wish.timeoutMs)
      throw new PlexusError(
        failure("ASK_TIMEOUT", {
          node,
          left: said,
          hint: `The drain goes on. plexus slots --node ${node} shows the rest`,
        }),
      );
    if (!json && !stuckSaid && nowMs - movedAtMs > cliLimits.drainStuckMs) {
      stuckSaid = true;
      output.print(
        `Nothing has moved for ${describeDuration(nowMs - movedAtMs)}. Are enough other nodes with the same roles up, not draining and able to write? plexus slots --node ${node}`,
      );
    }
    await delay(wish.pollMs);
  }
}

/** `plexus slots`. With --json one line a slot, with node ids. */
export async function listSlots(flags: AdminFlags, filter: SlotFilter, output: Output): Promise<number> {
  const target = await findNode(flags);
  const [summary, slots] = await Promise.all([readSummary(target), readSlots(target)]);
  const names = namesOf(demand(summary));
  const { node } = filter;
  const member = node === undefined ? undefined : demand(findMember(names, demand(slots), node));
  const chosen = chooseSlots(demand(slots), { ...filter, node: member });
  if (flags.json) for (const slot of chosen) output.print(JSON.stringify(slot));
  else {
    const table = describeSlots(chosen, names, output.color, output.columns);
    output.print([table, ...(filter.notOk ? describeDown : describeAway)(demand(summary))].join("\n"));
  }
  return exitCodes.ok;
}

/** An actor or a slot on its way. */
export interface Move {
  readonly subject: string;
  readonly to: string;
  readonly timeoutMs: number;
}

/** `plexus actors move KIND/KEY --to NODE`. */
export const moveActor = (flags: AdminFlags, move: Move, output: Output): Promise<number> =>
  moveAt(flags, { ...move, path: `${actorPath(move.subject, `${base}/actors`)}/move` }, output);

/** `plexus slots move ROLE/NUMBER --to NODE`. */
export async function moveSlot(flags: AdminFlags, move: Move, output: Output): Promise<number> {
  const path = slotPath(move.subject);
  if (path === undefined) throw notASlot("an actor is moved with `plexus actors move`");
  return await moveAt(flags, { ...move, path: `${path}/move` }, output);
}

/** The path of a numbered slot's routes; undefined for what is none. */
function slotPath(slot: string): string | undefined {
  const [role = "", number = ""] = slot.split("/");
  const isSlot =
    (allRoles as readonly string[]).includes(role) && /^\d{1,9}$/.test(number) && slot.split("/").length === 2;
  return isSlot && Number(number) < slotCount ? `${base}/slots/${role}/${Number(number)}` : undefined;
}

const notASlot = (otherwise: string): PlexusError =>
  new PlexusError(
    failure("BAD_REQUEST", {
      field: "slot",
      reason: `a slot is role/number, like chat/17: a role (${allRoles.join(", ")}) and 0 to ${slotCount - 1}; ${otherwise}`,
    }),
  );

/** `plexus slots release ROLE/NUMBER` or `KIND/KEY`. */
export async function releaseSlot(flags: AdminFlags, slot: string, output: Output): Promise<number> {
  const numbered = slotPath(slot);
  // No actor is called by a role, so what begins like one is a slot that is misspelt.
  const likeSlot = (allRoles as readonly string[]).includes(slot.split("/")[0] ?? "");
  if (numbered === undefined && (likeSlot || parseActorId(slot) === undefined))
    throw notASlot("an actor that was moved is kind/key, like room/lobby");
  const path = `${numbered ?? actorPath(slot, `${base}/actors`)}/held`;
  const answer = await callNode<Released>(await findNode(flags), "DELETE", path);
  const released = demand(
    advised(answer, {
      ALREADY_DONE: "Nobody moved it by hand: it is placed like any other.",
      NOT_FOUND: "`plexus slots` lists what there is; those that somebody moved are marked `held`.",
    }),
  );
  output.print(
    flags.json
      ? JSON.stringify(released)
      : `${slot} is placed like any other from now on: it may move, or stay where it is.`,
  );
  return exitCodes.ok;
}

const onItsWay = "It may still arrive: plexus slots shows where it is.";

async function moveAt(flags: AdminFlags, move: Move & { readonly path: string }, output: Output): Promise<number> {
  const { subject, to, timeoutMs, path } = move;
  const target = await findNode(flags);
  const startMs = performance.now();
  // The node's own answer to a move that takes too long says more than ours.
  const patient = { ...target, timeoutMs: timeoutMs + cliLimits.requestTimeoutMs };
  const answer = await callNode<Moved>(patient, "POST", path, { to, timeoutMs });
  const moved = demand(
    advised(answer, {
      NO_CANDIDATE: `${to} may not hold it: ${noCandidate}`,
      NOT_FOUND: ({ details }) =>
        details?.["node"] !== undefined
          ? unknownNode
          : `${subject} is nowhere yet: there is nothing to move. \`plexus slots\` and \`plexus actors list\` list what there is.`,
      ASK_TIMEOUT: onItsWay,
      PEER_LOST: onItsWay,
    }),
  );
  const tookMs = Math.round(performance.now() - startMs);
  if (flags.json) {
    output.print(JSON.stringify({ ...moved, tookMs }));
    return exitCodes.ok;
  }
  const summary = await readSummary(target);
  const owner = summary.ok ? nameOf(namesOf(summary.value), moved.owner) : moved.owner;
  output.print(`${subject} is on ${owner} now (slot ${moved.slot}, epoch ${moved.epoch}), after ${tookMs} ms.`);
  return exitCodes.ok;
}

const copying =
  "It may have begun, or be done: plexus nodes shows which directory is in use. Nothing is lost; once the node is up again, it can be started again.";

/** `plexus directory migrate --etcd URL…`. */
export async function migrateDirectory(
  flags: AdminFlags,
  migration: { readonly endpoints: readonly string[]; readonly pollMs: number },
  output: Output,
): Promise<number> {
  const { endpoints, pollMs } = migration;
  const target = await findNode(flags);
  const before = demand(await readSummary(target));
  if (before.directory.kind === "etcd")
    throw new PlexusError(failure("ALREADY_DONE", { directory: "etcd", endpoints: before.directory.endpoints }));
  const startMs = performance.now();
  const patient = { ...target, timeoutMs: cliLimits.migrateTimeoutMs };
  let done = false;
  const migrating = callNode<{ readonly rows: number }>(patient, "POST", `${base}/directory/migrate`, {
    endpoints,
  }).finally(() => (done = true));
  if (!flags.json) output.print(`Copying the directory to ${endpoints.join(", ")} …`);
  let said = "";
  while (!done) {
    await Promise.race([migrating, delay(pollMs, undefined, { ref: false })]);
    if (done || flags.json) continue;
    const summary = await readSummary(target);
    const line = summary.ok
      ? `  this node uses ${summary.value.directory.kind}`
      : "  the directory does not answer now";
    if (line !== said) output.print(`${line} (${describeDuration(performance.now() - startMs)})`);
    said = line;
  }
  const { rows } = demand(
    advised(await migrating, {
      // The node that was asked may be out of reach itself.
      UNREACHABLE: ({ details }) =>
        details?.["etcd"] === undefined
          ? undefined
          : "Nothing has moved. Does the directory's node reach these addresses?",
      DIRECTORY_UNAVAILABLE: "Does every node reach etcd at these addresses? Nothing is lost; it can be started again.",
      ASK_TIMEOUT: copying,
      PEER_LOST: copying,
    }),
  );
  output.print(
    flags.json
      ? JSON.stringify({ rows, endpoints })
      : [
          `${counted(rows, "row")} moved; the cluster's directory is in etcd at ${endpoints.join(", ")} now.`,
          `${endpoints.length > 1 ? "One address was enough for that. " : ""}plexus doctor, run at each node, tells whether it reaches them all.`,
          "Slots are placed by a node with the role manager: give it to a second and a third one (plexus nodes roles).",
          "Nodes remember where it is. Keep the node that had it until every other node has been up once: it sends them there.",
        ].join("\n"),
  );
  return exitCodes.ok;
}
