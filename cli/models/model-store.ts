import { accessSync, constants, statSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { failure, PlexusError, type Failure } from "../../protocols/errors.ts";
import type { ModelsView, PullView, ServingRow, StoredModel, StripedView, WantedModel } from "../../protocols/index.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import type { Strikes } from "../../runtimes/index.ts";
import { cliLimits } from "../limits.ts";
import { forLook } from "../node/node-client.ts";
import type { Target } from "../node/target.ts";
import { describeBytes, describeDuration, describeFailure, exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, printable, withoutControls } from "../terminal/printable.ts";
import { isConfirmed } from "../terminal/confirm.ts";
import { renderTable, type Column } from "../terminal/table.ts";

/** `plexus models …`: the models on a node's disk. */

/** `plexus models list`. */
export async function listModels(flags: AdminFlags, output: Output): Promise<number> {
  const target = forLook(await findNode(flags));
  const view = demand(await callsTo(target)("store.list"));
  if (flags.json) {
    output.print(jsonLine(view));
    return exitCodes.ok;
  }
  const { serving } = demand(await callsTo(target)("engines.list"));
  output.print(describeStore(view, output.color, output.columns));
  const served = describeServed(view, serving);
  if (served !== "") output.print(served);
  return exitCodes.ok;
}

const columns: readonly Column[] = [
  { head: "Model" },
  { head: "Size", align: "right" },
  { head: "Family", leaves: 3 },
  { head: "Weights", leaves: 4 },
  { head: "Context", align: "right", leaves: 2 },
  { head: "Can", leaves: 5 },
  { head: "Licence", leaves: 1 },
];

/** Models that the cluster serves without a file in this node's store: from a path of `--model`, on another node, or on
 *  another server. */
export function describeServed({ models }: ModelsView, serving: readonly ServingRow[]): string {
  const stored = new Set(models.map(({ name }) => name));
  const names = new Map(
    serving.flatMap(({ model, node }) => (model === "" || stored.has(model) ? [] : [[model, node]])),
  );
  if (names.size === 0) return "";
  const list = [...names].map(([model, node]) => `${withoutControls(model)} (${withoutControls(node)})`).join(", ");
  return `Served without a file here: ${list}. \`plexus models\` says how each of them is.`;
}

/** What a node's store has, as a person reads it. */
export function describeStore(view: ModelsView, color: boolean, width = Infinity): string {
  const { models, pulls, damaged, refused, wanted, striped = [], node } = view;
  const parts: string[] = [];
  if (models.length === 0)
    parts.push(`No pulled models on ${withoutControls(node)}. \`plexus models suggest\` says which fit this machine.`);
  else {
    const rows = models.map(({ name, size, card }) => [
      damaged.includes(name) ? paint(color, "red", `${withoutControls(name)} (damaged)`) : withoutControls(name),
      describeBytes(size),
      withoutControls(card.family),
      withoutControls(card.quantisation ?? "-"),
      card.contextTokens ?? "",
      withoutControls(card.capabilities.join(", ") || card.kind),
      withoutControls(card.licence ?? "-"),
    ]);
    parts.push(renderTable(columns, rows, { color, columns: width }));
  }
  for (const pull of pulls.filter(({ state }) => !isOver(state))) parts.push(describePull(pull));
  for (const name of damaged)
    parts.push(`${paint(color, "red", "damaged")} ${withoutControls(name)}: pull it again, or remove it.`);
  for (const { file, reason } of refused)
    parts.push(`${paint(color, "yellow", "refused")} ${withoutControls(file)}: ${withoutControls(reason)}`);
  for (const { name, nodes, labels = {} } of wanted) {
    const where = Object.entries(labels)
      .map(([label, value]) => `${label}=${value}`)
      .join(", ");
    parts.push(
      `wanted ${withoutControls(name)} on ${nodes} ` +
        `node${nodes === 1 ? "" : "s"}${where === "" ? "" : ` with ${withoutControls(where)}`}` +
        describeStripes(striped.find((one) => one.name === name)),
    );
  }
  return parts.join("\n");
}

/** How a wanted model stands on the storage nodes, behind what else is said of it. */
function describeStripes(one: StripedView | undefined): string {
  if (one === undefined) return "";
  if (one.state === "whole") return `, and on the storage nodes (${describeBytes(one.sizeBytes ?? 0)})`;
  if (one.state === "stored") return ", and on the storage nodes, some of which have not answered yet";
  const why = one.error === undefined ? "" : `: ${describeFailure(one.error, false)}`;
  return one.state === "storing" ? `, on its way to the storage nodes${why}` : `, not on the storage nodes yet${why}`;
}

const isOver = (state: PullView["state"]): boolean => ["done", "failed", "cancelled"].includes(state);

/** One line of progress. */
export function describePull({ name, source, state, doneBytes, totalBytes, bytesPerSecond }: PullView): string {
  const what = withoutControls(name ?? source);
  if (state !== "fetching") return `${state} ${what}`;
  const share = totalBytes ? ` ${Math.floor((doneBytes / totalBytes) * 100)} %` : "";
  const of = totalBytes === undefined ? "" : ` of ${describeBytes(totalBytes)}`;
  const left =
    bytesPerSecond && totalBytes
      ? `, ${describeDuration(((totalBytes - doneBytes) / bytesPerSecond) * 1_000)} left`
      : "";
  const rate = bytesPerSecond === undefined ? "" : `, ${describeBytes(bytesPerSecond)}/s`;
  return `fetching ${what}${share}: ${describeBytes(doneBytes)}${of}${rate}${left}`;
}

/** What somebody wants pulled. */
export interface PullChoice {
  readonly source: string;
  readonly name: string | undefined;
  readonly digest: string | undefined;
  readonly acceptLicence: boolean | undefined;
  readonly wait: boolean;
}

/** `plexus models pull`. A path is one of this machine, as the node sees it. */
export async function pullModel(flags: AdminFlags, choice: PullChoice, output: Output): Promise<number> {
  const target = await findNode(flags);
  const { name, digest } = choice;
  // A path as it is typed here; everything else is the node's to understand.
  const source = /^\.{0,2}\//.test(choice.source) ? resolve(choice.source) : choice.source;
  const body = { source, ...(name !== undefined && { name }), ...(digest !== undefined && { digest }) };
  let acceptLicence = choice.acceptLicence ?? false;
  for (;;) {
    const begun = demand(await callsTo(target)("store.pull", { ...body, acceptLicence }));
    if (!choice.wait) {
      output.print(flags.json ? jsonLine(begun) : `${describePull(begun)}: plexus models list`);
      return exitCodes.ok;
    }
    const ended = await followPull(target, begun, { flags, output });
    const { state, error } = ended;
    if (error?.code === "LICENCE_NOT_ACCEPTED" && !acceptLicence && !flags.json && (await accepts(error, output))) {
      acceptLicence = true;
      continue;
    }
    if (error !== undefined) throw new PlexusError(error);
    if (flags.json) output.print(jsonLine(ended));
    else if (state === "done")
      output.print(
        `${paint(output.color, "green", "done")} ${withoutControls(ended.name ?? source)}: plexus models show ` +
          `${withoutControls(ended.name ?? "")}`,
      );
    else output.print(`${state}: somebody ended it; what was fetched stays`);
    return state === "done" ? exitCodes.ok : exitCodes.failed;
  }
}

/** Looks at a pull until it has ended, and says how it goes. Ctrl-C ends the looking, not the pull. */
async function followPull(
  target: Target,
  begun: PullView,
  { flags, output }: { readonly flags: AdminFlags; readonly output: Output },
): Promise<PullView> {
  const live = !flags.json && process.stderr.isTTY;
  let saidAtMs = -Infinity;
  let said = "";
  for (let pull = begun; ;) {
    const line = describePull(pull);
    const due = performance.now() - saidAtMs >= cliLimits.pullProgressMs || said !== pull.state;
    if (live) process.stderr.write(`\r\u001B[K${line}`);
    else if (due && !isOver(pull.state)) {
      if (flags.json) output.print(jsonLine(pull));
      else output.printError(line);
      saidAtMs = performance.now();
      said = pull.state;
    }
    if (isOver(pull.state)) {
      if (live) process.stderr.write("\r\u001B[K");
      return pull;
    }
    await pause(cliLimits.pollMs / 2);
    pull = demand(await callsTo(forLook(target))("store.pulling", { id: pull.id }));
  }
}

/** Shows a licence and asks. */
async function accepts({ details }: Failure, output: Output): Promise<boolean> {
  const { licence, text } = details ?? {};
  if (typeof text === "string") output.print(printable(text));
  return await isConfirmed(`The licence of this model is ${withoutControls(String(licence as string))}. Accept it?`);
}

/** `plexus models show NAME`. */
export async function showModel(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const model = demand(await callsTo(forLook(await findNode(flags)))("store.show", { name }));
  output.print(flags.json ? jsonLine(model) : describeCard(model));
  return exitCodes.ok;
}

/** A model's card, one fact a line. */
export function describeCard({ name, card, size, digest, files, source, addedAtMs, acceptedBy }: StoredModel): string {
  const { title, family, kind, format, parameters, quantisation, contextTokens, capabilities, licence } = card;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["name", name],
    ["title", title],
    ["family", family],
    ["kind", `${kind}, ${format}`],
    ["parameters", parameters === undefined ? undefined : describeCount(parameters)],
    ["weights", quantisation],
    ["context", contextTokens === undefined ? undefined : `${contextTokens} tokens`],
    ["can", capabilities.join(", ") || undefined],
    [
      "licence",
      licence === undefined ? undefined : `${licence}${acceptedBy === undefined ? "" : `, accepted by ${acceptedBy}`}`,
    ],
    ["size", describeBytes(size)],
    ["digest", digest],
    ["from", source],
    ["since", new Date(addedAtMs).toISOString()],
    ...(files.length > 1
      ? files.map(({ path, size: bytes }) => ["file", `${path}, ${describeBytes(bytes)}`] as const)
      : []),
  ];
  return facts
    .flatMap(([label, value]) => (value === undefined ? [] : [`${label.padEnd(11)} ${withoutControls(value)}`]))
    .join("\n");
}

/** 1_540_000_000 → `1.5 billion`. */
const describeCount = (count: number): string =>
  count >= 1e9 ? `${(count / 1e9).toPrecision(2)} billion` : `${Math.max(0.1, count / 1e6).toPrecision(2)} million`;

/** `plexus models remove NAME`. */
export async function removeModel(
  flags: AdminFlags,
  { name, yes }: { readonly name: string; readonly yes: boolean },
  output: Output,
): Promise<number> {
  const target = await findNode(flags);
  if (!yes && !(await isConfirmed(`Remove ${withoutControls(name)} from the disk of this node?`)))
    throw new PlexusError(
      failure("BAD_REQUEST", {
        field: "--yes",
        reason: "nothing was removed: confirm it in a terminal, or with --yes",
      }),
    );
  demand(await callsTo(target)("store.remove", { name }));
  output.print(flags.json ? jsonLine({ name, removed: true }) : `${withoutControls(name)} is removed.`);
  return exitCodes.ok;
}

/** `plexus models verify NAME`. Exit code 1 when a file is not what it should be. */
export async function verifyModel(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const target = { ...(await findNode(flags)), timeoutMs: cliLimits.verifyTimeoutMs };
  const verified = demand(await callsTo(target)("store.verify", { name }));
  const isFine = verified.files.every(({ state }) => state === "fine");
  if (flags.json) output.print(jsonLine(verified));
  else
    for (const { path, state } of verified.files)
      output.print(`${paint(output.color, state === "fine" ? "green" : "red", state)} ${withoutControls(path)}`);
  if (!isFine && !flags.json) output.print("Pull the model again to mend it.");
  return isFine ? exitCodes.ok : exitCodes.failed;
}

/** `plexus models want NAME`: adds a model to those that the cluster keeps, or changes it. */
export async function wantModel(flags: AdminFlags, model: WantedModel, output: Output): Promise<number> {
  return await changeWanted(flags, output, (wanted) => [...wanted.filter(({ name }) => name !== model.name), model]);
}

/** `plexus models unwant NAME`. */
export async function unwantModel(flags: AdminFlags, name: string, output: Output): Promise<number> {
  return await changeWanted(flags, output, (wanted) => {
    if (!wanted.some((one) => one.name === name)) throw new PlexusError(failure("NOT_FOUND", { model: name }));
    return wanted.filter((one) => one.name !== name);
  });
}

async function changeWanted(
  flags: AdminFlags,
  output: Output,
  change: (wanted: readonly WantedModel[]) => readonly WantedModel[],
): Promise<number> {
  const target = await findNode(flags);
  const view = demand(await callsTo(forLook(target))("store.list"));
  const answer = await callsTo(target)("store.setWanted", { models: [...change(view.wanted)] });
  const { wanted } = demand(answer);
  if (flags.json) output.print(jsonLine({ wanted }));
  else
    output.print(
      wanted.length === 0
        ? "The cluster keeps no models by itself."
        : `The cluster keeps ${wanted.map(({ name, nodes }) => `${withoutControls(name)} (${nodes})`).join(", ")}.`,
    );
  return exitCodes.ok;
}

// --- without a node --------------------------------------------------------------------------------------------------

const other =
  "Use a version of the model in TQ2_0 or TQ1_0: publishers offer them beside i2_s, and `plexus models pull " +
  "hf:OWNER/REPO:TQ2_0` finds them. convert_hf_to_gguf.py of llama.cpp (--outtype tq2_0) makes one of the " +
  "original weights.";

/** How a file is judged: what the node of this data folder remembers against it, and what a trial finds. */
export interface FileTrial {
  strikes(path: string): Promise<Strikes | undefined>;
  fault(path: string): Promise<string | undefined>;
}

/** By the node's data folder on this machine. */
async function trialAt(data: string): Promise<FileTrial> {
  const { strikesAt, trialFault } = await import("./model-trial.ts");
  return { strikes: (path) => strikesAt(data, path), fault: trialFault };
}

/** `plexus models convert FILE`: says whether there is anything to convert. */
export async function convertModel(
  { path, data, by }: { readonly path: string; readonly data: string; readonly by?: FileTrial },
  output: Output,
): Promise<number> {
  demandFile(path);
  const { inspectFile } = await import("../../runtimes/store/index.ts");
  const found = inspectFile(path, path);
  if (found.type === "refused") {
    const isI2s = found.reason.includes("i2_s");
    throw new PlexusError(
      failure("MODEL_REFUSED", {
        file: path,
        reason: isI2s
          ? "it is written in i2_s of bitnet.cpp, whose layout differs between processors and is not in the file"
          : found.reason,
        ...(isI2s && { hint: other }),
      }),
    );
  }
  const full = resolve(path);
  if (found.type === "gguf" && found.header.kind === "model") {
    const trial = by ?? (await trialAt(data));
    const strikes = await trial.strikes(full);
    const fault = strikes?.isOut === true ? strikes.says : await trial.fault(full);
    if (fault !== undefined) throw new PlexusError(failure("MODEL_REFUSED", { file: path, reason: fault }));
    if (strikes !== undefined)
      output.print(`${withoutControls(path)}: ${strikes.says}; at the second time the node takes it out`);
  }
  output.print(`${withoutControls(path)} can be used as it is: plexus models pull ${withoutControls(full)}`);
  return exitCodes.ok;
}

/** Errors: NOT_FOUND where there is no such file, or this person may not look; BAD_REQUEST where it is something
 *  else. */
export function demandFile(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (thrown) {
    const reason = (thrown as NodeJS.ErrnoException).code === "EACCES" ? "it may not be read" : "there is no such file";
    throw new PlexusError(failure("NOT_FOUND", { file: path, reason }), thrown);
  }
  if (!statSync(path).isFile())
    throw new PlexusError(failure("BAD_REQUEST", { file: path, reason: "it is not a file" }));
}
