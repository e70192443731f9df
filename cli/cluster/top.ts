import { setTimeout as delay } from "node:timers/promises";
import { ok, type Failure, type Result } from "../../protocols/errors.ts";
import type { ActorRow, BusyActor, ClusterSlotRow, ClusterSummary } from "../../protocols/index.ts";
import { callsTo, findNode, demand, type AdminFlags } from "../node/admin.ts";
import { readSlots, readSummary } from "./cluster.ts";
import { describeAway, isTaker } from "../../protocols/words/cluster-advice.ts";
import { rate } from "../../protocols/words/amounts.ts";
import { byName, describeDirectory, describeSlotCounts, stateOf } from "../../protocols/words/cluster-words.ts";
import { chooseSlots, listed, nameOf, namesOf, statusOf, statusStyles, type NodeNames } from "./cluster-view.ts";
import { cliLimits } from "../limits.ts";
import type { Target } from "../node/target.ts";
import { counted, describeBytes, exitCodes, paint, wrap, type Output } from "../terminal/output.ts";
import { fitColumns } from "../terminal/table.ts";
import { fitting, jsonLine, withoutControls } from "../terminal/printable.ts";

/** `plexus top`: the cluster at a glance, again and again. Reading, drawing (`topFrame`, pure) and the terminal are
 *  apart. */

/** What one frame shows. */
export interface TopData {
  readonly summary: ClusterSummary;
  readonly slots: readonly ClusterSlotRow[];
  /** Actors in memory, where no node has told which are the busiest of the cluster. */
  readonly actors: readonly ActorRow[];
}

/** How a frame is drawn. */
interface TopView {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
  readonly nowMs: number;
  /** Why `data` is not of this moment. */
  readonly trouble?: Failure;
}

async function readTop(target: Target): Promise<Result<TopData>> {
  const [summary, slots] = await Promise.all([readSummary(target), readSlots(target)]);
  if (!summary.ok) return summary;
  if (!slots.ok) return slots;
  const known = { summary: summary.value, slots: slots.value };
  if (known.summary.busiest !== undefined) return ok({ ...known, actors: [] });
  const actors = await callsTo(target)("actors.list", { status: "active", limit: cliLimits.actorPageRows });
  return actors.ok ? ok({ ...known, actors: actors.value.rows }) : actors;
}

/** A bar of `width` cells, filled in eighths. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  const part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8] ?? "";
  return `${"█".repeat(full)}${part}`.padEnd(width, "·");
}

/** The lines of one frame: at most `rows`, none longer than `columns`. */
export function topFrame(data: TopData, view: TopView): readonly string[] {
  const { summary, slots } = data;
  const names = namesOf(summary);
  const up = summary.nodes.filter((node) => node.up).length;
  const time = new Date(view.nowMs).toISOString().slice(11, 19);
  const head: readonly Line[] = [
    [`Plexus  ${up} of ${counted(summary.nodes.length, "node")} up, view ${summary.view}, ${time} UTC`, "bold"],
    ...wrapped(describeDirectory(summary), view.columns),
    ...describeAway(summary).flatMap((line) => wrapped(line, view.columns, "red")),
    ...wrapped(
      describeSlotCounts(summary),
      view.columns,
      summary.slots.down > 0 || summary.slots.blocked > 0 ? "red" : undefined,
    ),
    ...(view.trouble === undefined
      ? []
      : ([[`No answer now (${view.trouble.code}); what is shown is older. Trying again.`, "red"]] as const)),
  ];
  const troubled = chooseSlots(slots, { notOk: true, pinned: false });
  const sections: readonly (readonly Line[])[] = [
    head,
    nodeLines(summary, view.columns),
    ...(troubled.length === 0 ? [] : [slotLines(troubled, summary, { names, columns: view.columns })]),
    busyLines(data, names),
  ];
  return sections
    .flatMap((section, index) => (index === 0 ? section : [[""] as Line, ...section]))
    .slice(0, Math.max(1, view.rows))
    .map(([text, style]) => {
      const fitted = cut(withoutControls(text).trimEnd(), view.columns);
      return style === undefined ? fitted : paint(view.color, style, fitted);
    });
}

type Line = readonly [text: string, style?: "bold" | "dim" | "red" | "yellow" | "green" | undefined];

/** A sentence in as many lines as it takes. */
const wrapped = (text: string, columns: number, style?: Line[1]): readonly Line[] =>
  wrap(text, Math.max(1, columns)).map((line): Line => [line, style]);

const cut = (text: string, width: number): string =>
  fitting(text, width).start === text ? text : `${fitting(text, width - 1).start}…`;

const filled = (text: string, width: number): string => {
  const shown = cut(text, width);
  return shown + " ".repeat(Math.max(0, width - fitting(shown, width).width));
};

const nodeColumns = [
  { head: "Node", width: 14 },
  { head: "State", width: 15 },
  { head: "Load", width: 5 },
  { head: "Turns/s", width: 7 },
  { head: "Slots", width: 5 },
  { head: "Copies", width: 6, leaves: 1 },
  { head: "Actors", width: 6, leaves: 4 },
  { head: "Conns", width: 5, leaves: 2 },
  { head: "Late", width: 7, leaves: 3 },
  { head: "Memory", width: 8, leaves: 5 },
] as const;
const loadColumn = 2;

function nodeLines(summary: ClusterSummary, columns: number): readonly Line[] {
  const nodes = byName(summary);
  const busiest = Math.max(1, ...nodes.map((node) => node.turnsPerSecond ?? 0));
  // One space between two and no borders: two characters less than in a box.
  const fitted = fitColumns(nodeColumns, columns + 2);
  const spare = columns - fitted.reduce((sum, { width }) => sum + width + 1, -1);
  const line = (cells: readonly string[]): string =>
    fitted
      .map(({ index, width }) => {
        const cell = cells[index] ?? "";
        // The bar takes what the terminal has left, and fills it already.
        if (index === loadColumn) return cell;
        return index < loadColumn ? filled(cell, width) : cell.padStart(width);
      })
      .join(" ");
  const barWidth = nodeColumns[loadColumn].width + Math.min(25, Math.max(0, spare));
  return [
    [line(nodeColumns.map(({ head }, index) => (index === loadColumn ? head.padEnd(barWidth) : head))), "bold"],
    ...nodes.map((node): Line => {
      const { turnsPerSecond, actors, connections, eventLoopLagMs, memoryBytes } = node;
      const cells = [
        node.name,
        stateOf({ ...node, self: false }, summary.directory),
        bar((turnsPerSecond ?? 0) / busiest, barWidth),
        turnsPerSecond === undefined ? "" : rate(turnsPerSecond),
        String(node.slotsOwned),
        String(node.slotsReplicated),
        String(actors ?? ""),
        String(connections ?? ""),
        eventLoopLagMs === undefined ? "" : `${rate(eventLoopLagMs)} ms`,
        memoryBytes === undefined ? "" : describeBytes(memoryBytes),
      ];
      return [line(cells), node.up ? (isTaker(node) ? undefined : "yellow") : "red"];
    }),
  ];
}

function slotLines(
  slots: readonly ClusterSlotRow[],
  { nodes }: ClusterSummary,
  at: { readonly names: NodeNames; readonly columns: number },
): readonly Line[] {
  const { names, columns } = at;
  const shown = slots.slice(0, cliLimits.topRowsMax);
  const rest = slots.length - shown.length;
  const isUp = (node: string): boolean => nodes.find((row) => row.node === node)?.up === true;
  const waiting = new Set(shown.flatMap(({ learners }) => learners.filter((node) => !isUp(node))));
  return [
    ["Slots that are not ok", "bold"],
    ...shown.map((slot): Line => {
      const way = slot.want === undefined ? "" : `, wanted ${nameOf(names, slot.want.owner)}`;
      const behind = slot.learners.filter(isUp);
      const learners = behind.length === 0 ? "" : `, being brought up to date: ${listed(names, behind)}`;
      const inSync = listed(names, slot.inSync) || "none";
      const where = `owner ${nameOf(names, slot.owner)}${way}, in sync ${inSync}${learners}`;
      return [`${filled(slot.slot, 20)} ${filled(statusOf(slot), 8)} ${where}`, statusStyles[slot.status]];
    }),
    ...(rest === 0 ? [] : ([[`and ${rest} more: plexus slots --not-ok`, "dim"]] as const)),
    ...[...waiting].flatMap((node) =>
      wrapped(`${nameOf(names, node)} is down; it will be brought up to date when it returns.`, columns, "yellow"),
    ),
  ];
}

function busyLines({ summary, actors }: TopData, names: NodeNames): readonly Line[] {
  if (summary.busiest !== undefined)
    return [
      ["Busiest actors", "bold"],
      ...summary.busiest.slice(0, cliLimits.topRowsMax).map(busyLine(names)),
      ...(summary.busiest.length === 0 ? ([["none", "dim"]] as const) : []),
    ];
  const rows = actors
    .toSorted((one, other) => other.mailbox - one.mailbox || (other.lastActiveAtMs ?? 0) - (one.lastActiveAtMs ?? 0))
    .slice(0, cliLimits.topRowsMax);
  return [
    ["Actors, longest mailbox first, then the latest", "bold"],
    ...rows.map(({ actor, mailbox, restarts, node }): Line => {
      const where = node === undefined ? "" : ` on ${node}`;
      return [`${filled(actor, 40)} ${mailbox} waiting, ${restarts} restarts${where}`];
    }),
    ...(rows.length === 0 ? ([["none", "dim"]] as const) : []),
  ];
}

const busyLine =
  (names: NodeNames) =>
  ({ actor, node, turnsPerSecond }: BusyActor): Line => [
    `${filled(actor, 40)} ${rate(turnsPerSecond).padStart(7)} turns/s on ${nameOf(names, node)}`,
  ];

/** What `plexus top` was asked for. */
interface TopChoice {
  readonly once: boolean;
  readonly intervalMs: number;
}

/** `plexus top`. Without a terminal, with --once or --json: one frame. */
export async function top(flags: AdminFlags, choice: TopChoice, output: Output): Promise<number> {
  const target = await findNode(flags);
  const first = demand(await readTop(target));
  const { stdin, stdout } = process;
  if (flags.json || choice.once || !stdout.isTTY || !stdin.isTTY) {
    const view = { columns: output.columns, rows: Number.MAX_SAFE_INTEGER, color: output.color };
    output.print(flags.json ? jsonLine(first) : topFrame(first, { ...view, nowMs: Date.now() }).join("\n"));
    return exitCodes.ok;
  }
  await live(target, { first, intervalMs: choice.intervalMs, color: output.color });
  return exitCodes.ok;
}

/** The alternate screen, so that what was on the terminal is there again afterwards. */
const enterScreen = "\u001b[?1049h\u001b[?25l";
const leaveScreen = "\u001b[?25h\u001b[?1049l";

async function live(
  target: Target,
  options: { readonly first: TopData; readonly intervalMs: number; readonly color: boolean },
): Promise<void> {
  const { stdin, stdout } = process;
  const quit = new AbortController();
  const ended = new Promise<undefined>((resolve) => quit.signal.addEventListener("abort", () => resolve(undefined)));
  const end = (): void => quit.abort();
  const onKey = (key: Buffer): void => {
    // q, Ctrl-C (raw mode hands it to us), Escape alone.
    if (["q", "Q", "\u0003", "\u001b"].includes(key.toString())) end();
  };
  let data = options.first;
  let trouble: Failure | undefined;
  const draw = (): void => {
    const [columns, rows] = [stdout.columns || 80, stdout.rows || 24];
    const view = { columns, rows: rows - 1, color: options.color, nowMs: Date.now() };
    const lines = topFrame(data, { ...view, ...(trouble !== undefined && { trouble }) });
    const frame = lines.map((line) => `${line}\u001b[K`).join("\r\n");
    const hint = paint(options.color, "dim", "q quits");
    stdout.write(`\u001b[H${frame}\u001b[J\u001b[${rows};1H${hint}\u001b[K`);
  };
  stdout.write(enterScreen);
  stdin.setRawMode(true).resume();
  stdin.on("data", onKey);
  stdout.on("resize", draw);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, end);
  try {
    while (!quit.signal.aborted) {
      draw();
      await delay(options.intervalMs, undefined, { signal: quit.signal }).catch(() => undefined);
      // A node that hangs must not keep us from leaving.
      const answer = quit.signal.aborted ? undefined : await Promise.race([readTop(target), ended]);
      if (answer === undefined) break;
      trouble = answer.ok ? undefined : answer.error;
      if (answer.ok) data = answer.value;
    }
  } finally {
    stdin.off("data", onKey).setRawMode(false).pause();
    stdout.off("resize", draw);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, end);
    stdout.write(leaveScreen);
  }
}
