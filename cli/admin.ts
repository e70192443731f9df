import { constants } from "node:fs";
import { access } from "node:fs/promises";
import {
  failure,
  parseActorId,
  PlexusError,
  refused,
  type ActorDetail,
  type ActorPage,
  type ActorRow,
  type Failure,
  type ModelInfo,
  type NodeStatus,
  type Result,
} from "../protocols/index.ts";
import { readControlFile } from "./control.ts";
import { helpFor } from "./data-folder.ts";
import { cliLimits } from "./limits.ts";
import { callNode, forLook, type Target } from "./node-client.ts";
import {
  counted,
  describeBytes,
  describeDuration,
  describeRefusal,
  exitCodes,
  paint,
  refusalIn,
  withoutControls,
  type Output,
} from "./output.ts";
import { savedSession } from "./session.ts";
import { renderTable, type Column } from "./table.ts";

/** Where an admin command goes: a node on this machine by its data folder, or any node by address. */
export interface AdminFlags {
  readonly dataFolder: string;
  readonly url: string | undefined;
  readonly json: boolean;
}

/** With `--url` the session of `plexus chat` is used; without, the control file of the data folder. */
export async function findNode(flags: AdminFlags): Promise<Target> {
  if (flags.url !== undefined) {
    const session = await savedSession(flags.url, Date.now());
    if (session === undefined) throw new PlexusError(failure("UNAUTHENTICATED", { hint: signInHint(flags.url) }));
    return { url: flags.url, token: session.token };
  }
  const control = await readControlFile(flags.dataFolder);
  if (control === undefined) {
    const closed = await access(flags.dataFolder, constants.R_OK | constants.X_OK).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === "EACCES",
    );
    const reason = closed
      ? "only the user that runs the node may read this data folder; --url with a sign-in of `plexus chat` works as well"
      : "no node runs on this data folder";
    throw new PlexusError(failure("UNREACHABLE", { reason, data: flags.dataFolder }));
  }
  return { url: control.url, token: control.controlToken };
}

/** How one becomes known to a node that is not on this machine. */
const signInHint = (url: string): string =>
  `\`plexus chat --url ${url}\` signs in, and keeps that for these commands; it takes an admin's account`;

/** The value of an answer; the failure of a refused one is thrown and becomes the end of the command. */
export function demand<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const { error } = result;
  const ended = error.code === "UNAUTHENTICATED" && error.details?.["hint"] === undefined;
  throw new PlexusError(ended ? { ...error, details: { ...error.details, hint: signInHint("ADDRESS") } } : error);
}

type Advice = string | ((refusal: Failure) => string | undefined);

/** Adds what to do to a refusal that does not say it by itself. */
export function advised<T>(result: Result<T>, advice: Readonly<Partial<Record<Failure["code"], Advice>>>): Result<T> {
  if (result.ok) return result;
  const given = advice[result.error.code];
  const hint = typeof given === "function" ? given(result.error) : given;
  return hint === undefined ? result : refused({ ...result.error, details: { ...result.error.details, hint } });
}

/** `plexus status`. */
export async function showStatus(flags: AdminFlags, output: Output): Promise<number> {
  const status = demand(await callNode<NodeStatus>(forLook(await findNode(flags)), "GET", "/api/admin/status"));
  output.print(flags.json ? JSON.stringify(status) : describeStatus(status, output.color));
  return exitCodes.ok;
}

/** The status as a person reads it. */
export function describeStatus(status: NodeStatus, color: boolean): string {
  const node = status.name === undefined ? status.node : `${withoutControls(status.name)} (${status.node})`;
  const rows: readonly (readonly [string, string])[] = [
    ["Node", `${node}, Plexus ${status.version}`],
    ["Address", status.url],
    ...(status.mesh ?? []).map((address, index) => [index === 0 ? "Mesh" : "", withoutControls(address)] as const),
    ["Up", describeDuration(status.uptimeMs)],
    ["Roles", status.roles.join(", ")],
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
      `${status.journal.location}, ${counted(status.journal.entries, "entry", "entries")} (${describeBytes(status.journal.bytes)}) since the start`,
    ],
    ["Connections", String(status.connections)],
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

function describeModel({ model, state, node, demonstration, reason }: ModelInfo): string {
  const where = node === undefined ? "" : ` on ${node}`;
  const why = reason === undefined ? "" : ` (${reason})`;
  return withoutControls(`${model}: ${state}${where}${demonstration ? ", demonstration model" : ""}${why}`);
}

/** What `plexus actors list` looks for. */
export interface ActorFilter {
  readonly kind?: string;
  readonly status?: string;
  readonly limit: number;
}

/** `plexus actors list`: pages until `limit` rows are printed. With --json one line per actor. Which nodes did not answer is
 *  said beside it, so that nobody takes a part for the whole. */
export async function listActors(flags: AdminFlags, filter: ActorFilter, output: Output): Promise<number> {
  const target = await findNode(flags);
  const rows: ActorRow[] = [];
  const unanswered = new Set<string>();
  let more = true;
  while (more && rows.length < filter.limit) {
    const query = new URLSearchParams({ limit: String(Math.min(cliLimits.actorPageRows, filter.limit - rows.length)) });
    if (filter.kind !== undefined) query.set("kind", filter.kind);
    if (filter.status !== undefined) query.set("status", filter.status);
    const last = rows.at(-1);
    if (last !== undefined) query.set("after", last.actor);
    const page = demand(await callNode<ActorPage>(target, "GET", `/api/admin/actors?${query.toString()}`));
    rows.push(...page.rows);
    for (const node of page.unanswered ?? []) unanswered.add(node);
    more = page.more && page.rows.length > 0;
  }
  if (flags.json) for (const row of rows) output.print(JSON.stringify(row));
  else output.print(rows.length === 0 ? "No actors." : actorTable(rows, output));
  if (more && !flags.json) output.print(`There are more; a higher --limit shows them.`);
  if (unanswered.size > 0) output.printError(describeUnanswered([...unanswered], output.color));
  return exitCodes.ok;
}

function describeUnanswered(nodes: readonly string[], color: boolean): string {
  const names = withoutControls(nodes.join(", "));
  return `${paint(color, "yellow", "warning")} This is not all: ${names} did not answer, and what is there is missing. See: plexus nodes`;
}

function actorTable(rows: readonly ActorRow[], output: Output): string {
  const columns: readonly Column[] = [
    { head: "Actor" },
    { head: "Status" },
    { head: "Node" },
    { head: "Slot", leaves: 1 },
    { head: "Mailbox", align: "right", leaves: 4 },
    { head: "Restarts", align: "right", leaves: 2 },
    { head: "Last active", leaves: 3 },
  ];
  const cells = rows.map((row) => {
    const status = row.status === "quarantined" ? paint(output.color, "red", row.status) : row.status;
    const lastActive = row.lastActiveAtMs === undefined ? "" : new Date(row.lastActiveAtMs).toISOString();
    const node = withoutControls(row.node ?? "");
    return [row.actor, status, node, row.slot, row.mailbox, row.restarts, lastActive];
  });
  return renderTable(columns, cells, output);
}

/** The path of an actor's routes. Error: BAD_REQUEST. */
export function actorPath(actor: string, below = "/api/admin/actors"): string {
  const id = parseActorId(actor);
  if (id === undefined)
    throw new PlexusError(failure("BAD_REQUEST", { field: "actor", reason: "an actor is kind/key, like room/lobby" }));
  return `${below}/${id.kind}/${id.key}`;
}

/** `plexus actors show KIND/KEY`. */
export async function showActor(flags: AdminFlags, actor: string, output: Output): Promise<number> {
  const path = actorPath(actor);
  const detail = demand(await callNode<ActorDetail>(await findNode(flags), "GET", path));
  output.print(flags.json ? JSON.stringify(detail) : describeActor(detail, output.color));
  return exitCodes.ok;
}

/** One actor as a person reads it. */
export function describeActor(detail: ActorDetail, color: boolean): string {
  const lines = [
    `${paint(color, "bold", detail.actor)} is ${detail.status}${detail.node === undefined ? "" : ` on ${withoutControls(detail.node)}`}`,
    `Slot ${detail.slot}, epoch ${detail.epoch}, ${counted(detail.entries, "journal entry", "journal entries")}, state ${describeBytes(detail.stateBytes)}`,
    `Mailbox ${detail.mailbox}, restarts ${detail.restarts}`,
    ...(detail.lastError === undefined ? [] : [`Last error: ${withoutControls(detail.lastError)}`]),
    ...detail.reminders.map(({ id, dueMs }) => `Reminder ${withoutControls(id)}, due ${new Date(dueMs).toISOString()}`),
    ...detail.deadLetters.map(
      (letter) =>
        `Dead letter ${letter.id}: ${letter.type} from ${letter.from} at ${new Date(letter.atMs).toISOString()}, ${withoutControls(letter.reason)}`,
    ),
  ];
  if (detail.status === "quarantined") lines.push(`Release it with: plexus actors release ${detail.actor}`);
  return lines.join("\n");
}

/** `plexus actors release KIND/KEY`: ends a quarantine. */
export async function releaseActor(
  flags: AdminFlags,
  release: { readonly actor: string; readonly redeliver: boolean },
  output: Output,
): Promise<number> {
  const path = `${actorPath(release.actor)}/release`;
  type Released = { readonly redelivered: number };
  const body = { redeliver: release.redeliver };
  const answer = await callNode<Released>(await findNode(flags), "POST", path, body);
  const nothing = `It is not quarantined and has no dead letters. What was moved by hand is let go of by \`plexus slots release ${release.actor}\`.`;
  const released = demand(advised(answer, { ALREADY_DONE: nothing }));
  output.print(
    flags.json
      ? JSON.stringify({ actor: release.actor, ...released })
      : `${release.actor} takes messages again; ${counted(released.redelivered, "dead letter was", "dead letters were")} delivered again.`,
  );
  return exitCodes.ok;
}
