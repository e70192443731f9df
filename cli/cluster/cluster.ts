import { setTimeout as delay } from "node:timers/promises";
import type { Call } from "../../client/call.ts";
import { failure, ok, PlexusError, refused, type Failure, type Result } from "../../protocols/errors.ts";
import { parseActorId, placeOfSlot, roles as allRoles, slotCount, type Role } from "../../protocols/ids.ts";
import type { ClusterSlotRow, ClusterSummary, Moved, StorageTerms } from "../../protocols/index.ts";
import { actorNamed, advised, callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { describeAway, describeDown } from "../../protocols/words/cluster-advice.ts";
import {
  chooseSlots,
  describeInvitation,
  describeNoSlots,
  describeSlots,
  findMember,
  nameOf,
  namesOf,
  type SlotFilter,
} from "./cluster-view.ts";
import { describeDirectory, joinCommand } from "../../protocols/words/cluster-words.ts";
import { plexusCommand } from "../launcher.ts";
import { cliLimits } from "../limits.ts";
import { forLook } from "../node/node-client.ts";
import type { Target } from "../node/target.ts";
import { didYouMean } from "../models/suggest.ts";
import { counted, describeDuration, exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { isConfirmed } from "../terminal/confirm.ts";

/** `plexus invite`, `slots`, `actors move`, `directory`: each asks any node of the cluster. */

/** How the cluster is, as one node sees it. */
export const readSummary = (target: Target): Promise<Result<ClusterSummary>> =>
  callsTo(forLook(target))("cluster.summary");

/** Every slot on record. */
export async function readSlots(target: Target): Promise<Result<readonly ClusterSlotRow[]>> {
  const answer = await callsTo(forLook(target))("cluster.slots");
  return answer.ok ? ok(answer.value.slots) : answer;
}

/** What helps who named a node that is none. */
export const unknownNode = "`plexus nodes` lists the names.";
/** Adds to a refusal that there is no such node which one may have been meant. */
export async function named<T>(target: Target, answer: Result<T>, node: string): Promise<Result<T>> {
  if (answer.ok || answer.error.code !== "NOT_FOUND" || answer.error.details?.["node"] === undefined) return answer;
  const summary = await readSummary(target);
  const meant = summary.ok ? didYouMean(node, namesOf(summary.value).values()) : undefined;
  const hint = [meant ?? [], unknownNode].flat().join(" ");
  return refused({ ...answer.error, details: { ...answer.error.details, hint } });
}

/** Why no node may hold something. */
export const noCandidate =
  "`plexus nodes` shows which nodes have the role, are up, not draining and able to write to their disk.";

/** What an invitation is for. */
export interface InvitationTerms {
  readonly roles: readonly Role[] | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly expiresInMs: number | undefined;
  /** What it may keep of shards. */
  readonly storage?: StorageTerms | undefined;
}

/** `plexus invite`. */
export async function invite(flags: AdminFlags, terms: InvitationTerms, output: Output): Promise<number> {
  const { roles, labels, storage, expiresInMs } = terms;
  const body = {
    ...(roles !== undefined && { roles: [...roles] }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(storage !== undefined && { storage }),
    ...(expiresInMs !== undefined && { expiresInMs }),
  };
  const issued = await operate(flags, "cluster.invite", body);
  const plexus = plexusCommand();
  const at = { nowMs: Date.now(), color: output.color, plexus };
  if (flags.json) output.print(jsonLine({ ...issued, command: joinCommand(issued, labels, plexus) }));
  else output.print(describeInvitation(issued, labels, at));
  return exitCodes.ok;
}

/** `plexus slots`. With --json one line a slot, with node ids. */
export async function listSlots(flags: AdminFlags, filter: SlotFilter, output: Output): Promise<number> {
  const target = await findNode(flags);
  const [summary, slots] = await Promise.all([readSummary(target), readSlots(target)]);
  const names = namesOf(demand(summary));
  const { node } = filter;
  const member = node === undefined ? undefined : demand(findMember(names, demand(slots), node));
  const chosen = chooseSlots(demand(slots), { ...filter, node: member });
  if (flags.json) for (const slot of chosen) output.print(jsonLine(slot));
  else {
    const table =
      chosen.length === 0
        ? describeNoSlots(demand(slots), demand(summary))
        : describeSlots(chosen, names, output.color, output.columns);
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

/** Sends a move to the node. */
type SendMove = (call: Call, to: { readonly to: string; readonly timeoutMs: number }) => Promise<Result<Moved>>;

/** `plexus actors move KIND/KEY --to NODE`. */
export async function moveActor(flags: AdminFlags, move: Move, output: Output): Promise<number> {
  const actor = actorNamed(move.subject);
  return await moved(flags, move, { output, send: (call, to) => call("cluster.moveActor", { ...actor, ...to }) });
}

/** `plexus slots move ROLE/NUMBER --to NODE`. */
export async function moveSlot(flags: AdminFlags, move: Move, output: Output): Promise<number> {
  const slot = placeOfSlot(move.subject);
  if (slot === undefined) throw notASlot("an actor is moved with `plexus actors move`");
  return await moved(flags, move, { output, send: (call, to) => call("cluster.moveSlot", { ...slot, ...to }) });
}

const notASlot = (otherwise: string): PlexusError =>
  new PlexusError(
    failure("BAD_REQUEST", {
      field: "slot",
      reason:
        `a slot is role/number, like chat/17: a role (${allRoles.join(", ")}) and 0 to ${slotCount - 1}; ` +
        `${otherwise}`,
    }),
  );

/** `plexus slots release ROLE/NUMBER` or `KIND/KEY`. */
export async function releaseSlot(flags: AdminFlags, slot: string, output: Output): Promise<number> {
  const numbered = placeOfSlot(slot);
  // No actor is called by a role, so what begins like one is a slot that is misspelt.
  const likeSlot = (allRoles as readonly string[]).includes(slot.split("/")[0] ?? "");
  if (numbered === undefined && (likeSlot || parseActorId(slot) === undefined))
    throw notASlot("an actor that was moved is kind/key, like room/lobby");
  const call = callsTo(await findNode(flags));
  const answer = await (numbered === undefined
    ? call("cluster.releaseActor", actorNamed(slot))
    : call("cluster.releaseSlot", numbered));
  const released = demand(
    advised(answer, {
      ALREADY_DONE: "It was not moved by hand, so there is nothing to release.",
      NOT_FOUND: "`plexus slots` lists the slots in use; those that were moved by hand are marked `held`.",
    }),
  );
  output.print(
    flags.json ? jsonLine(released) : `The cluster places ${slot} again from now on: it may move, or stay where it is.`,
  );
  return exitCodes.ok;
}

const onItsWay = "The move may still complete: `plexus slots` shows where it is.";

async function moved(
  flags: AdminFlags,
  { subject, to, timeoutMs }: Move,
  { send, output }: { readonly send: SendMove; readonly output: Output },
): Promise<number> {
  const target = await findNode(flags);
  const startMs = performance.now();
  // The node's own answer to a move that takes too long says more than ours.
  const patient = { ...target, timeoutMs: timeoutMs + cliLimits.requestTimeoutMs };
  const answer = await named(target, await send(callsTo(patient), { to, timeoutMs }), to);
  const place = demand(
    advised(answer, {
      NO_CANDIDATE: `${to} cannot take it. ${noCandidate}`,
      NOT_FOUND: ({ details }) =>
        details?.["node"] !== undefined
          ? undefined
          : `${subject} is not in use yet, so there is nothing to move. \`plexus slots\` and \`plexus actors ` +
            `list\` list what is.`,
      ASK_TIMEOUT: onItsWay,
      PEER_LOST: onItsWay,
    }),
  );
  const tookMs = Math.round(performance.now() - startMs);
  if (flags.json) {
    output.print(jsonLine({ ...place, tookMs }));
    return exitCodes.ok;
  }
  const summary = await readSummary(target);
  const owner = summary.ok ? nameOf(namesOf(summary.value), place.owner) : place.owner;
  output.print(
    `${subject} is on ${withoutControls(`${owner} now (slot ${place.slot}`)}, epoch ${place.epoch}), after ` +
      `${tookMs} ms.`,
  );
  return exitCodes.ok;
}

const copying =
  "The move may have begun or be complete: `plexus nodes` shows which directory is in use. Nothing is lost; " +
  "once the node is up again, the command can be repeated.";

/** `plexus directory migrate --etcd URL…`, or `--managers`. */
export async function migrateDirectory(
  flags: AdminFlags,
  migration: { readonly endpoints?: readonly string[]; readonly pollMs: number; readonly yes: boolean },
  output: Output,
): Promise<number> {
  const { endpoints, pollMs } = migration;
  const to = endpoints?.join(", ") ?? "the managers";
  const target = await findNode(flags);
  const before = demand(await readSummary(target));
  const { kind } = before.directory;
  if (before.directory.kind === "etcd" && endpoints !== undefined)
    throw new PlexusError(failure("ALREADY_DONE", { directory: kind, endpoints: before.directory.endpoints }));
  if (kind !== "etcd" && endpoints === undefined) throw new PlexusError(failure("ALREADY_DONE", { directory: kind }));
  if (!flags.json) output.printError(describeMove(before, endpoints).join("\n"));
  if (!migration.yes && !(await isConfirmed(`Move the directory to ${to}?`)))
    throw new PlexusError(
      failure("BAD_REQUEST", { field: "--yes", reason: "nothing was moved: confirm it in a terminal, or with --yes" }),
    );
  const startMs = performance.now();
  const patient = { ...target, timeoutMs: cliLimits.migrateTimeoutMs };
  let done = false;
  const asked = { ...(endpoints && { endpoints: [...endpoints] }) };
  const migrating = callsTo(patient)("cluster.migrateDirectory", asked).finally(() => (done = true));
  if (!flags.json) output.print(`Copying the directory to ${to} …`);
  let said = "";
  while (!done) {
    await Promise.race([migrating, delay(pollMs, undefined, { ref: false })]);
    if (done || flags.json) continue;
    const summary = await readSummary(target);
    const line = summary.ok
      ? `  this node uses ${summary.value.directory.kind === "etcd" ? "etcd" : "the managers"}`
      : "  the directory does not answer now";
    if (line !== said) output.print(`${line} (${describeDuration(performance.now() - startMs)})`);
    said = line;
  }
  const { rows } = demand(
    advised(await migrating, {
      // The node that was asked may be out of reach itself.
      UNREACHABLE: ({ details }) =>
        details?.["etcd"] === undefined
          ? keeperAway(details)
          : "Nothing has moved. Can the directory's node, or the leader of the voters, reach these addresses?",
      DIRECTORY_UNAVAILABLE:
        "`plexus nodes` shows which directory is in use. Nothing is lost; the command can be repeated.",
      ASK_TIMEOUT: copying,
      PEER_LOST: copying,
    }),
  );
  output.print(
    flags.json
      ? jsonLine({ rows, ...(endpoints && { endpoints }) })
      : (endpoints === undefined ? movedToManagers(rows) : movedToEtcd(rows, endpoints, before)).join("\n"),
  );
  return exitCodes.ok;
}

/** What to do when the node did not answer that would move the directory. */
const keeperAway = (details: Failure["details"]): string | undefined =>
  details?.["node"] === undefined
    ? undefined
    : "Nothing has moved: the node that was to move the directory does not answer. " +
      "`plexus nodes` shows who keeps it; the command can be repeated.";

/** What a move of the directory does, before it is agreed to. */
function describeMove(before: ClusterSummary, endpoints: readonly string[] | undefined): readonly string[] {
  const managers = before.nodes.filter(({ roles, state, up }) => roles.includes("manager") && state === "active" && up);
  const [where, back] =
    endpoints === undefined
      ? [managersKeep(managers.length), "--etcd URL…"]
      : [`Then etcd at ${endpoints.join(", ")} keeps it, and every node asks that.`, "--managers"];
  return [
    withoutControls(describeDirectory(before)),
    where,
    "The cluster keeps running. Until all rows are copied, nothing fails over, joins or moves.",
    "If it fails, or the node that copies dies, the directory is where it was or at the new place already: " +
      "plexus nodes says where. The same command tries again.",
    `Once it has moved, plexus directory migrate ${back} moves it back.`,
  ];
}

const managersKeep = (up: number): string =>
  up < managersEnough
    ? `Then one manager keeps it, since ${counted(up, "manager is", "managers are")} up: its death stops ` +
      "failover and joins."
    : "Then the managers keep it: one alone for a second or two, and three as soon as two more have caught up.";

const movedToManagers = (rows: number): readonly string[] => [
  `${counted(rows, "row")} moved; one manager keeps the cluster's directory now, and with three or more ` +
    `managers others follow: \`plexus nodes\`.`,
  "etcd is not asked any more: start the nodes without --etcd from now on. Stop it only when every node has " +
    "been up once since then.",
];

const movedToEtcd = (rows: number, endpoints: readonly string[], before: ClusterSummary): readonly string[] => {
  const managers = before.nodes.filter(({ roles, state }) => roles.includes("manager") && state === "active").length;
  return [
    `${counted(rows, "row")} moved; the cluster's directory is in etcd at ${endpoints.join(", ")} now.`,
    `${endpoints.length > 1 ? "One address was enough. " : ""}plexus doctor, run at each node, tells whether ` +
      "it reaches them all.",
    ...(managers >= managersEnough
      ? []
      : [
          "Slots are placed by whichever node with the role manager is up, and " +
            `${counted(managers, "node has", "nodes have")} it: give it to ${managersEnough} (plexus nodes ` +
            "roles).",
        ]),
    before.directory.kind === "embedded"
      ? "Each node remembers where the directory is. A node that was off learns it only from the node that kept " +
        "the directory, so do not remove that one yet."
      : "Each node remembers where the directory is. A node that was off learns it from any other.",
  ];
};

/** Any one of so many may die. */
const managersEnough = 3;
