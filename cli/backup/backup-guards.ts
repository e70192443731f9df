/** `plexus backup requests|approve|decline` and `plexus backup holds|hold|lift`: what guards backups beside
 *  permissions. */
import type { BackupHold, HeldThing, RecallRequest } from "../../protocols/index.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { actorNamed } from "./backups.ts";
import { exitCodes, minuteText, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** `plexus backup requests`. */
export async function listRequests(flags: AdminFlags, output: Output): Promise<number> {
  const { requests } = await operate(flags, "recalls.list");
  output.print(flags.json ? jsonLine({ requests }) : describeRequests(requests, output.color, output.columns));
  return exitCodes.ok;
}

/** Recalls that needed an approval, as a table. */
export function describeRequests(requests: readonly RecallRequest[], color: boolean, width = Infinity): string {
  if (requests.length === 0) return "Nobody has asked to recall private data.";
  const columns = [
    { head: "Request" },
    { head: "State" },
    { head: "Asked by" },
    { head: "Of" },
    { head: "Why", leaves: 1 },
    { head: "Until" },
    { head: "May approve", leaves: 2 },
  ];
  const cells = requests.map(({ id, state, by, wish, reason, untilMs, approvers, answeredBy }) => [
    id,
    `${state}${answeredBy === undefined ? "" : ` by ${withoutControls(answeredBy)}`}`,
    withoutControls(by),
    withoutControls(queryText(wish)),
    withoutControls(reason),
    minuteText(untilMs),
    approvers.length === 0 ? "operator" : approvers.map(withoutControls).join(", "),
  ]);
  return renderTable(columns, cells, { color, columns: width });
}

const queryText = (wish: RecallRequest["wish"]): string =>
  "query" in wish ? Object.entries(wish.query).map(factText).join(", ") : wish.sort;

/** One field of a query; times as people read them, as far as a date can name them. */
const factText = ([name, value]: readonly [string, unknown]): string =>
  name.endsWith("Ms")
    ? `${name.slice(0, -2)} ${minuteText(Math.min(Number(value), lastDateMs))}`
    : `${name} ${String(value)}`;
const lastDateMs = 8.64e15;

/** `plexus backup approve` and `plexus backup decline`. */
export async function answerRequest(
  flags: AdminFlags,
  { id, how }: { readonly id: string; readonly how: "approve" | "decline" },
  output: Output,
): Promise<number> {
  const answered = await operate(flags, `recalls.${how}`, { id });
  const { state, by, untilMs } = answered;
  const then = state === "approved" ? `: ${withoutControls(by)} may begin it until ${minuteText(untilMs)}` : "";
  output.print(flags.json ? jsonLine(answered) : `${paint(output.color, "green", "✔")} ${id} is ${state}${then}.`);
  return exitCodes.ok;
}

/** `plexus backup holds`. */
export async function listHolds(flags: AdminFlags, output: Output): Promise<number> {
  const { holds } = await operate(flags, "holds.list");
  output.print(flags.json ? jsonLine({ holds }) : describeHolds(holds, output.color, output.columns));
  return exitCodes.ok;
}

/** Legal holds as a table. */
export function describeHolds(holds: readonly BackupHold[], color: boolean, width = Infinity): string {
  if (holds.length === 0) return "There are no legal holds.";
  const columns = [{ head: "Hold" }, { head: "On" }, { head: "Why", leaves: 1 }, { head: "Since" }, { head: "By" }];
  const cells = holds.map(({ id, on, reason, atMs, by }) => [
    id,
    heldText(on),
    withoutControls(reason),
    minuteText(atMs),
    withoutControls(by),
  ]);
  return renderTable(columns, cells, { color, columns: width });
}

const heldText = (on: HeldThing): string =>
  withoutControls("snapshot" in on ? `snapshot ${on.snapshot}` : "person" in on ? on.person : on.thread);

/** What a hold is on, as it is typed; undefined: nothing, or more than one thing, is named. */
export function heldThing(told: {
  readonly snapshot?: number;
  readonly person?: string;
  readonly room?: string;
  readonly actor?: string;
}): HeldThing | undefined {
  const { snapshot, person, room, actor } = told;
  const things: readonly HeldThing[] = [
    ...(snapshot === undefined ? [] : [{ snapshot }]),
    ...(person === undefined ? [] : [{ person: actorNamed("user", person) }]),
    ...(room === undefined ? [] : [{ thread: actorNamed("room", room) }]),
    ...(actor === undefined ? [] : [{ thread: actor }]),
  ];
  return things.length === 1 ? things[0] : undefined;
}

/** `plexus backup hold`. */
export async function setHold(
  flags: AdminFlags,
  hold: { readonly on: HeldThing; readonly reason: string },
  output: Output,
): Promise<number> {
  const held = await operate(flags, "holds.set", hold);
  const sign = paint(output.color, "green", "✔");
  const says = `${sign} ${heldText(held.on)} is held: plexus backup lift ${held.id} ends that.`;
  output.print(flags.json ? jsonLine(held) : says);
  return exitCodes.ok;
}

/** `plexus backup lift`. */
export async function liftHold(flags: AdminFlags, id: string, output: Output): Promise<number> {
  const held = await operate(flags, "holds.lift", { id });
  output.print(flags.json ? jsonLine(held) : `${heldText(held.on)} is no longer held by ${id}.`);
  return exitCodes.ok;
}
