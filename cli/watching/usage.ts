/** `plexus usage`: what was taken of models. */
import { failure, PlexusError } from "../../protocols/errors.ts";
import {
  ownFilesIn,
  storedPlaces,
  type OwnFiles,
  type UsageDayRow,
  type UsagePeriod,
  type UsageRow,
  type UsageView,
} from "../../protocols/index.ts";
import { describeBytes } from "../../protocols/words/amounts.ts";
import { advised, asksTo, callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { callNode } from "../node/node-client.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** Whose usage, and of which days. */
export interface UsageAsked {
  readonly mine: boolean;
  readonly person: string | undefined;
  readonly days: number | undefined;
}

/** `plexus usage`. With --json one line a row. */
export async function showUsage(flags: AdminFlags, asked: UsageAsked, output: Output): Promise<number> {
  const { mine, person, days } = asked;
  if (mine && (flags.url === undefined || person !== undefined)) {
    const reason =
      person === undefined ? "--mine needs --url: it is of the person who signed in there" : "--mine or --person";
    throw new PlexusError(failure("BAD_REQUEST", { reason }));
  }
  const target = await findNode(flags);
  const ask = async (before?: string): Promise<UsageView> => {
    const some = { ...(days !== undefined && { days }), ...(before !== undefined && { before }) };
    const answer = mine
      ? await asksTo(target)("usage", some)
      : await callsTo(target)("usage.list", { ...some, ...(person !== undefined && { person }) });
    return demand(advised(answer, { FORBIDDEN: "only admins see what others took; --mine shows your own" }));
  };
  const view = await ask();
  if (days === undefined) printPeriods(view, flags.json, output);
  else {
    const rows = [...(view.days ?? [])];
    for (let { next } = view; next !== undefined;) {
      const page = await ask(next);
      rows.push(...(page.days ?? []));
      ({ next } = page);
    }
    if (flags.json) for (const row of rows) output.print(jsonLine(row));
    else output.print(describeUsage(rows, output.color, output.columns));
  }
  return exitCodes.ok;
}

/** `plexus usage kept`. */
export async function showKept(flags: AdminFlags, person: string | undefined, output: Output): Promise<number> {
  if (person === undefined && flags.url === undefined)
    throw new PlexusError(
      failure("BAD_REQUEST", { reason: "say --person, or --url for what you keep who signed in there" }),
    );
  const call = callsTo(await findNode(flags));
  if (person !== undefined) {
    const { storedBytes: bytes = 0 } = demand(await call("people.show", { user: person }));
    output.print(
      flags.json ? jsonLine({ person, bytes }) : `${withoutControls(person)} keeps ${describeBytes(bytes)}.`,
    );
    return exitCodes.ok;
  }
  const mine = await call("storage.mine");
  const kept = demand(advised(mine, { NOT_FOUND: "say --person NAME: nobody is signed in at a control endpoint" }));
  if (flags.json) {
    output.print(jsonLine(kept));
    return exitCodes.ok;
  }
  const { bytes, limit, rooms } = kept;
  output.print(`You keep ${describeBytes(bytes)}${limit === undefined ? "" : ` of ${describeBytes(limit)}`} in files.`);
  if (rooms.length > 0) {
    const columns = [{ head: "Room" }, { head: "Kept", align: "right" as const }];
    const rows = rooms.map((one) => [withoutControls(placeOf(one.room)), describeBytes(one.bytes)]);
    output.print(renderTable(columns, rows, { color: output.color, columns: output.columns }));
  }
  return exitCodes.ok;
}

/** How a place is called in which something is kept. */
function placeOf(room: string): string {
  if (room === storedPlaces.picture) return "your picture";
  return room.startsWith(storedPlaces.agents) ? `agent ${room.slice(storedPlaces.agents.length)}` : room;
}

/** `plexus usage kept --room`: the own files there, or, with `seq`, a message of them deleted. */
export async function showKeptIn(
  flags: AdminFlags,
  { room, seq }: { readonly room: string; readonly seq: number | undefined },
  output: Output,
): Promise<number> {
  if (flags.url === undefined)
    throw new PlexusError(failure("BAD_REQUEST", { reason: "--room needs --url: it is of who signed in there" }));
  const target = await findNode(flags);
  const path = `/api/v1/rooms/${encodeURIComponent(room)}/own-files`;
  if (seq !== undefined) {
    demand(await callNode(target, "DELETE", `${path}/${seq}`));
    output.print(`The files of message ${seq} are deleted.`);
    return exitCodes.ok;
  }
  const pageAt = async (at: string): Promise<OwnFiles> => demand(await callNode(target, "GET", at)) as OwnFiles;
  const { files = [], next } = (await ownFilesIn(room, pageAt)) ?? {};
  if (flags.json) output.print(jsonLine({ files, ...(next !== undefined && { next }) }));
  else if (files.length === 0) output.print("You keep no files there.");
  else {
    const align = "right" as const;
    const columns = [{ head: "Message", align }, { head: "File" }, { head: "Size", align }];
    const rows = files.map((file) => [String(file.seq), withoutControls(file.name), describeBytes(file.bytes)]);
    output.print(renderTable(columns, rows, { color: output.color, columns: output.columns }));
    if (next !== undefined) output.print("There are more: delete some of these, or look in the room.");
  }
  return exitCodes.ok;
}

function printPeriods({ day, month }: UsageView, asJson: boolean, output: Output): void {
  if (asJson) {
    for (const { id, rows } of [day, month]) for (const row of rows) output.print(jsonLine({ period: id, ...row }));
    return;
  }
  const described = (title: string, { id, rows }: UsagePeriod): string =>
    `${title}${id === "" ? "" : ` (${id}, UTC)`}\n${describeUsage(rows, output.color, output.columns)}`;
  output.print(`${described("Today", day)}\n\n${described("This month", month)}`);
}

type Row = UsageRow & Partial<Pick<UsageDayRow, "day">>;

const tokensOf = ({ promptTokens, completionTokens }: UsageRow): number => promptTokens + completionTokens;

/** Rows as a person reads them: the largest first, days the newest first. */
export function describeUsage(rows: readonly Row[], color: boolean, width = Infinity): string {
  if (rows.length === 0) return "No calls of models.";
  const sorted = rows.toSorted(
    (one, other) =>
      (other.day ?? "").localeCompare(one.day ?? "") ||
      other.cost - one.cost ||
      tokensOf(other) - tokensOf(one) ||
      other.calls - one.calls,
  );
  const [first] = sorted;
  const byDay = first?.day !== undefined;
  const who = first?.person === undefined ? "With" : "Who";
  const columns = [
    ...(byDay ? [{ head: "Day" }] : []),
    { head: who },
    { head: "Model" },
    { head: "Where", leaves: 2 },
    { head: "Calls", align: "right" as const },
    { head: "Read", align: "right" as const },
    { head: "Cached", align: "right" as const, leaves: 3 },
    { head: "Written", align: "right" as const },
    { head: "Seconds", align: "right" as const, leaves: 1 },
    { head: "Cost", align: "right" as const },
  ];
  const cells = sorted.map((row) => [
    ...(byDay ? [row.day ?? ""] : []),
    withoutControls(row.person ?? row.key ?? "") || "nobody",
    withoutControls(row.model),
    withoutControls(row.provider),
    ...[row.calls, row.promptTokens, row.cachedTokens, row.completionTokens].map(String),
    (row.ms / 1_000).toFixed(1),
    describeCost(row.cost),
  ]);
  return renderTable(columns, cells, { color, columns: width });
}

/** Millionths of a unit as a number; empty where nothing has a price. */
export const describeCost = (cost: number): string =>
  cost === 0 ? "" : (cost / 1_000_000).toFixed(cost < 10_000 ? 6 : 2);
