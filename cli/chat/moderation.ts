/** `/mute`, `/unmute`, `/warn`, `/warnings`, and `/delete` with several numbers: what moderators of a room decide. */
import type { Call } from "../../client/call.ts";
import type { Client } from "../../client/index.ts";
import type { Result } from "../../protocols/errors.ts";
import { wireLimits } from "../../protocols/limits.ts";
import { cleaned } from "../../protocols/text/text.ts";
import { sought } from "../../protocols/text/names.ts";
import { counted } from "../../protocols/words/amounts.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { CommandName, Line } from "./commands.ts";
import type { Names } from "./names.ts";
import type { Printer } from "./printer.ts";
import { noRoom, type Wrong } from "./requests.ts";

type Command = Extract<Line, { type: "command" }>;
const names = ["mute", "unmute", "warn", "warnings"] as const;
type Moderating = (typeof names)[number];

/** Whether a command is one of moderators. */
export const isOfModeration = (name: CommandName): name is Moderating => names.some((one) => one === name);

/** Whether a line deletes several messages. */
export const deletesSeveral = ({ name, words, rest }: Command): boolean =>
  name === "delete" && (rest !== "" || words[0]?.includes("-") === true);

const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000, w: 7 * 24 * 3_600_000 };

/** Reads a term: `10m`, `2h`, `1d`, `1w`; `ever`: without an end. */
function termOf(word: string): number | "ever" | undefined {
  if (word === "ever") return word;
  const [, count = "", unit = ""] = /^([1-9]\d{0,3})([mhdw])$/.exec(word) ?? [];
  const ms = unitsMs[unit];
  return ms === undefined ? undefined : Number(count) * ms;
}

/** Reads numbers of messages: `3 #4 7-9`. */
export function numbersOf(words: readonly string[]): readonly number[] | Wrong {
  const seqs = new Set<number>();
  for (const word of words) {
    const [, first = "", last = first] = /^#?([1-9]\d{0,14})(?:-#?([1-9]\d{0,14}))?$/.exec(word) ?? [];
    if (first === "") return { wrong: `${withoutControls(word)} is not the number of a message.` };
    const count = Number(last) - Number(first) + 1;
    if (count < 1) return { wrong: `${withoutControls(word)} ends before it begins.` };
    if (seqs.size + count > wireLimits.deletedAtOnceMax)
      return { wrong: `At most ${wireLimits.deletedAtOnceMax} messages are deleted at once.` };
    for (let at = 0; at < count; at += 1) seqs.add(Number(first) + at);
  }
  return [...seqs];
}

const memberOf = (word: string): string => `${word.includes(".") ? "agent" : "user"}/${sought(word)}`;

/** Does what moderators decide. */
export async function moderate(
  { name, words, rest }: Pick<Command, "words" | "rest"> & { readonly name: Moderating | "delete" },
  at: {
    readonly call: Call;
    readonly client: Pick<Client, "call">;
    readonly printer: Printer;
    readonly names: Pick<Names, "ready" | "who">;
    readonly room: string | undefined;
  },
): Promise<Result<unknown> | Wrong> {
  const { call, room } = at;
  if (room === undefined) return noRoom;
  if (name === "warnings") return listWarnings(room, at);
  if (name === "delete")
    return deleteTogether(room, [...words, ...rest.split(/\s+/).filter((word) => word !== "")], at);
  const [who = "", second = ""] = words;
  const member = memberOf(who);
  if (name === "unmute") return call("rooms.unmute", { room, member });
  const reason = cleaned(rest.trim(), "line");
  if (name === "warn") return call("rooms.warn", { room, member, reason });
  const term = termOf(second);
  if (term === undefined) return { wrong: "Say for how long: /mute ACCOUNT 10m, 2h, 1d, 1w, or ever; then why." };
  const how = { ...(term !== "ever" && { muteForMs: term }), ...(reason !== "" && { reason }) };
  return call("rooms.mute", { room, member, ...how });
}

async function deleteTogether(
  room: string,
  words: readonly string[],
  { call, printer }: { readonly call: Call; readonly printer: Printer },
): Promise<Result<unknown> | Wrong> {
  const seqs = numbersOf(words);
  if ("wrong" in seqs) return seqs;
  const done = await call("rooms.deleteMessages", { room, seqs: [...seqs] });
  if (!done.ok) return done;
  const of = (...wanted: readonly string[]) => done.value.outcomes.filter(({ outcome }) => wanted.includes(outcome));
  const others = of("FORBIDDEN", "NOT_FOUND", "OVERLOADED").map(({ seq, outcome }) => `#${seq} ${why[outcome] ?? ""}`);
  const deleted = `${counted(of("deleted").length, "message")} deleted`;
  const says = `${[deleted, ...(others.length > 0 ? [others.join(", ")] : [])].join("; ")}.`;
  printer.show({ deletions: done.value }, printer.dim(`* ${says}`));
  return done;
}

const why: Readonly<Record<string, string>> = {
  FORBIDDEN: "is not yours",
  NOT_FOUND: "is not there",
  OVERLOADED: "could not be deleted with the others now: delete it again",
};

async function listWarnings(
  room: string,
  { client, printer, names: called }: Pick<Parameters<typeof moderate>[1], "client" | "printer" | "names">,
): Promise<Result<unknown>> {
  const result = await client.call("room.warnings", room, {});
  if (!result.ok) return result;
  const { warnings } = result.value;
  await called.ready(warnings.flatMap(({ by, member }) => [by, member]));
  for (const warning of warnings) {
    const { member, by, atMs, reason, readAtMs } = warning;
    const when = new Date(atMs).toLocaleString();
    const read = readAtMs === undefined ? "not read yet" : "read";
    const line = `${called.who(member)}: ${withoutControls(reason)} (by ${called.who(by)}, ${when}, ${read})`;
    printer.show({ warning }, line);
  }
  if (warnings.length === 0) printer.remark(printer.dim("Nobody was warned here that you can see."));
  return result;
}
