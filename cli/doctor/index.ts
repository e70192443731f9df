import { constants } from "node:fs";
import { access, lstat, open, rm, stat, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Config } from "../../config/index.ts";
import { everyModel, failureOf, type InferenceView, type ModelInfo } from "../../protocols/index.ts";
import { exposureOf } from "../../node/data-folder/index.ts";
import { createClock } from "../../node/platform/index.ts";
import {
  describeGpus,
  inspectModel,
  listModels,
  modelSpec,
  probeGpus,
  readMachine,
  startInferenceHost,
  tryCards,
  type GpuKind,
  type Gpus,
  type Machine,
  type ModelSpec,
} from "../../runtimes/index.ts";
import { findRunning, localTarget, type ControlFile } from "../cluster/control.ts";
import { explainFolder } from "../disk/data-folder.ts";
import { clusterChecks } from "./doctor-cluster.ts";
import { cliLimits } from "../limits.ts";
import { keptTrials } from "../models/model-trial.ts";
import { callsTo } from "../node/admin.ts";
import { counted, describeBytes, describeRefusal, exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import type { Check } from "./check.ts";
import { scannerCheck } from "./doctor-scanner.ts";

/** node-llama-cpp's binaries are linked against glibc 2.28 and newer symbols of libstdc++; musl has none of them. */
const glibcMin = "2.28";
const memoryBytesMin = 512 * 1024 ** 2;
const diskBytesMin = 1024 ** 3;
/** Beyond this a synced write makes every message feel slow. */
const syncMsMax = 50;
/** Tools that renew certificates do so earlier. */
const certificateDaysMin = 14;

/** Looks at machine, data folder, models and port. Exit code 1 when something is bad. */
export async function doctor(config: Config, flags: { readonly json: boolean }, output: Output): Promise<number> {
  const checks: Check[] = [];
  const show = (check: Check): void => {
    checks.push(check);
    if (!flags.json) output.print(describeCheck(check, output.color));
  };
  for (const check of machineChecks(readMachine(), runtimeFacts())) show(check);
  const gpus = await probeGpus();
  show(gpuCheck(config, gpus, await tryCards(gpus, createClock())));
  const control = await findRunning(config.data);
  const running = control?.url;
  for (const check of await dataChecks(config, running)) show(check);
  for (const check of control === undefined ? await modelChecks(config) : await runningModels(control)) show(check);
  for (const check of running === undefined ? await portChecks(config) : portsOfRunning(running)) show(check);
  for (const check of await tlsChecks(config.tls, Date.now())) show(check);
  show(await scannerCheck(config));
  const journal = checks.find(({ name }) => name === journalName);
  for (const check of await clusterChecks(config, { control, isIntact: journal?.state === "good" })) show(check);

  const bad = checks.filter((check) => check.state === "bad").length;
  const warnings = checks.filter((check) => check.state === "warning").length;
  if (flags.json) output.print(jsonLine({ healthy: bad === 0, checks }));
  else output.print(bad + warnings === 0 ? "\nNo problems found." : `\n${bad} bad, ${counted(warnings, "warning")}.`);
  return bad === 0 ? exitCodes.ok : exitCodes.failed;
}

/** One check as a line, with what to do below it. */
export function describeCheck(check: Check, color: boolean): string {
  const marks = { good: ["✔", "green"], warning: ["!", "yellow"], bad: ["✖", "red"], skipped: ["-", "gray"] } as const;
  const [mark, style] = marks[check.state];
  const hint = check.hint === undefined ? "" : `\n    ${check.hint}`;
  return `${paint(color, style, mark)} ${check.name.padEnd(14)} ${check.says}${hint}`;
}

/** What Node tells about itself. */
export interface RuntimeFacts {
  readonly nodeVersion: string;
  readonly platform: string;
  /** Absent where the C library is another one. */
  readonly glibc?: string;
}

function runtimeFacts(): RuntimeFacts {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const glibc = header?.glibcVersionRuntime;
  const platform = `${process.platform} ${process.arch}`;
  return { nodeVersion: process.versions.node, platform, ...(glibc !== undefined && { glibc }) };
}

/** Judges a machine by its facts. */
export function machineChecks(machine: Machine, facts: RuntimeFacts): readonly Check[] {
  const { cores, quotaCores, memoryBytes, groupMemoryBytes } = machine;
  const granted = Math.min(memoryBytes, groupMemoryBytes ?? memoryBytes);
  const [major = 0] = facts.nodeVersion.split(".").map(Number);
  return [
    major >= 24
      ? { name: "Node", state: "good", says: `${facts.nodeVersion} on ${facts.platform}` }
      : { name: "Node", state: "bad", says: `${facts.nodeVersion} is too old`, hint: "Start Plexus with bin/plexus." },
    facts.glibc === undefined
      ? {
          name: "C library",
          state: "warning",
          says: "not glibc",
          hint: "Chat works, but the inference library may have no build for this system.",
        }
      : facts.glibc.localeCompare(glibcMin, "en", { numeric: true }) < 0
        ? { name: "C library", state: "warning", says: `glibc ${facts.glibc}`, hint: `Inference needs ${glibcMin}.` }
        : { name: "C library", state: "good", says: `glibc ${facts.glibc}` },
    {
      name: "Cores",
      state: (quotaCores ?? cores) < 1 ? "warning" : "good",
      says: quotaCores === undefined ? String(cores) : `${cores}, of which the control group grants ${quotaCores}`,
    },
    {
      name: "Memory",
      state: granted < memoryBytesMin ? "warning" : "good",
      says:
        groupMemoryBytes === undefined
          ? describeBytes(memoryBytes)
          : `${describeBytes(memoryBytes)}, of which the control group grants ${describeBytes(groupMemoryBytes)}`,
    },
  ];
}

/** Judges the graphics cards that were found: they are no condition, and used only when that is configured. `faults`:
 *  why models cannot run on those on which they cannot. */
export function gpuCheck(
  { gpu }: Pick<Config, "gpu">,
  gpus: Gpus,
  faults: ReadonlyMap<GpuKind, string> = new Map(),
): Check {
  const name = "Graphics card";
  const says = describeGpus(gpus);
  if (gpus.interfaces.length === 0) return { name, state: "skipped", says };
  if (gpus.interfaces.every(({ kind }) => faults.has(kind))) {
    const reasons = [...faults].map(([kind, reason]) => `${kind}: ${reason}`).join("; ");
    return { name, state: "warning", says: `${says}, but no model runs there`, hint: reasons };
  }
  return gpu === "auto"
    ? { name, state: "good", says }
    : { name, state: "warning", says, hint: "Models use it with --gpu auto." };
}

async function dataChecks(config: Config, running: string | undefined): Promise<readonly Check[]> {
  const name = "Data folder";
  const folder = await nearestPath(config.data);
  try {
    if (!(await stat(folder)).isDirectory())
      return [{ name, state: "bad", says: `${folder} is a file`, hint: "Choose another folder: --data." }];
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (thrown) {
    return [judgeRefusal(name, thrown)];
  }
  if (folder !== config.data)
    return [
      { name, state: "good", says: `${config.data} does not exist yet; the first start makes it` },
      await diskCheck(folder),
    ];
  const says = running === undefined ? folder : `${folder}, in use by the node at ${running}`;
  const exposed = await exposureOf(folder);
  return [
    exposed
      ? { name, state: "warning", says: `${folder}: ${exposed.says}`, hint: exposed.hint }
      : { name, state: "good", says },
    await diskCheck(folder),
    await syncCheck(folder),
    await closedJournalCheck(folder, { running, keyFile: config.diskKey }),
    await blobsCheck(folder, config.diskKey),
  ];
}

/** What the system refused, as a check. */
function judgeRefusal(name: string, thrown: unknown): Check {
  const { path } = thrown as NodeJS.ErrnoException;
  const { reason, hint } = explainFolder(thrown) ?? { reason: describeRefusal(thrown) };
  const place = path === undefined || reason.includes(path) ? "" : `${path}: `;
  return { name, state: "bad", says: `${place}${reason}`, ...(hint !== undefined && { hint }) };
}

/** The path itself, or the closest one above it that exists: there the new folder will be made. A link exists also when
 *  what it points to does not. */
async function nearestPath(path: string): Promise<string> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined || dirname(path) === path ? path : nearestPath(dirname(path));
}

async function diskCheck(folder: string): Promise<Check> {
  const { bavail, blocks, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const says = `${describeBytes(free)} free`;
  if (free >= diskBytesMin) return { name: "Disk space", state: "good", says };
  const hint = "A full disk stops every command. Make room.";
  // A file system without any blocks does not say how large it is.
  return { name: "Disk space", state: free === 0 && blocks > 0 ? "bad" : "warning", says, hint };
}

/** Each acknowledged command waits for one synced write, so this is the floor of a message's latency. */
async function syncCheck(folder: string): Promise<Check> {
  const name = "Disk speed";
  try {
    const medianMs = await measureSync(join(folder, `doctor-${process.pid}`));
    const says = `one synced write takes ${medianMs.toFixed(1)} ms`;
    return medianMs > syncMsMax
      ? { name, state: "warning", says, hint: "Every message waits for one such write. A local SSD is faster." }
      : { name, state: "good", says };
  } catch (thrown) {
    return judgeRefusal(name, thrown);
  }
}

/** The median time of a few synced writes to a new file, which is removed again. */
async function measureSync(path: string): Promise<number> {
  const took: number[] = [];
  const file = await open(path, "wx", 0o600);
  try {
    for (let round = 0; round < 7; round += 1) {
      const startedMs = performance.now();
      await file.write(Buffer.alloc(4096), 0, 4096, round * 4096);
      await file.datasync();
      took.push(performance.now() - startedMs);
    }
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
  return took.toSorted((one, other) => one - other)[3] ?? 0;
}

const journalName = "Journal";

async function closedJournalCheck(
  folder: string,
  { running, keyFile }: { readonly running: string | undefined; readonly keyFile: string | undefined },
): Promise<Check> {
  const name = journalName;
  if (running !== undefined)
    return { name, state: "skipped", says: "a node has it open; stop it to check every entry" };
  try {
    const { journalCheck } = await import("./doctor-journal.ts");
    return await journalCheck(folder, keyFile);
  } catch (thrown) {
    const failure = failureOf(thrown);
    if (failure.code === "INTERNAL") return judgeRefusal(name, thrown);
    const details = failure.details === undefined ? "" : ` ${JSON.stringify(failure.details)}`;
    return { name, state: "bad", says: `${failure.code}${details}`, hint: failure.message };
  }
}

async function blobsCheck(folder: string, keyFile: string | undefined): Promise<Check> {
  try {
    const { blobCheck } = await import("./doctor-blobs.ts");
    return await blobCheck(folder, keyFile);
  } catch (thrown) {
    return judgeRefusal("Blobs", thrown);
  }
}

/** Judges the certificate that the node shows, where it has one. */
export async function tlsChecks({ cert, key, clientCa }: Config["tls"], nowMs: number): Promise<readonly Check[]> {
  if (cert === undefined || key === undefined) return [];
  const name = "Certificate";
  const { readCertificates } = await import("../../node/platform/index.ts");
  const read = await readCertificates({ cert, key, clientCa });
  if (!read.ok) {
    const hint = "A node does not start with it. A running node keeps using the certificate before.";
    return [{ name, state: "bad", says: `${read.file}: ${read.reason}`, hint }];
  }
  const { subject, endsAtMs } = read.value;
  const days = Math.floor((endsAtMs - nowMs) / 86_400_000);
  const says = `${subject}, ${days < 0 ? `ended ${counted(-days, "day")} ago` : `ends in ${counted(days, "day")}`}`;
  const hint = "Renew it: the node reads the files again by itself.";
  if (days < 0) return [{ name, state: "bad", says, hint }];
  return [days < certificateDaysMin ? { name, state: "warning", says, hint } : { name, state: "good", says }];
}

async function modelChecks(config: Config): Promise<readonly Check[]> {
  const name = "Model";
  if (config.models.length === 0)
    return [
      { name, state: "warning", says: "no model is configured", hint: "Agents need one: --model path/to/model.gguf" },
    ];
  const checks: Check[] = [];
  const loadable: Config["models"] = [];
  for (const model of config.models) {
    if (model.model === everyModel) {
      checks.push(await listCheck(modelSpec(model, config)));
      continue;
    }
    try {
      const seen = inspectModel(modelSpec(model, config));
      if (seen.type === "fine") loadable.push(model);
      else checks.push({ name, state: "bad", says: `${model.name}: ${model.path ?? model.url}: ${seen.reason}` });
    } catch (thrown) {
      checks.push({
        name,
        state: "bad",
        says: `${model.name}: ${model.path ?? model.url}: ${describeRefusal(thrown)}`,
      });
    }
  }
  return [...checks, ...(await loadModels(config, loadable))];
}

/** Asks a server that is configured whole for its list. */
async function listCheck(spec: ModelSpec): Promise<Check> {
  const name = "Model";
  try {
    const listed = await listModels(spec);
    return {
      name,
      state: listed.length > 0 ? "good" : "warning",
      says: `${spec.name}: its server lists ${listed.length} models`,
    };
  } catch (thrown) {
    const { code, details } = failureOf(thrown);
    return {
      name,
      state: "bad",
      says: `${spec.name}: its server gives no list: ${code} ${JSON.stringify(details ?? {})}`,
    };
  }
}

/** Loads the models as a node does: in the inference host, so that a fault in native code does not end the doctor. */
async function loadModels(config: Config, models: Config["models"]): Promise<readonly Check[]> {
  if (models.length === 0) return [];
  const silent = () => {};
  const warnings = new Map<unknown, string>();
  const debug = (event: string, facts: Readonly<Record<string, unknown>> = {}): void => {
    if (event === "model.warnings") warnings.set(facts["model"], [facts["warnings"]].flat().join("; "));
  };
  const host = startInferenceHost({
    models: models.map((model) => modelSpec(model, config)),
    clock: createClock(),
    log: { debug, info: silent, warn: silent, error: silent },
    trials: keptTrials(config.data),
  });
  try {
    const overdue = new AbortController();
    await Promise.race([
      host.settled(),
      delay(cliLimits.modelLoadTimeoutMs, undefined, { signal: overdue.signal }).catch(silent),
    ]);
    overdue.abort();
    const judge = (model: ModelInfo): Check => {
      const strikes = host.residents().find(({ spec }) => spec.name === model.model)?.strikes;
      return judgeModel(model, { warning: warnings.get(model.model), strikes });
    };
    const judged = host.models().map((model) => ({ model, check: judge(model) }));
    // Those that do not fit beside the others are loaded one by one, as calls would.
    for (const one of judged) {
      if (one.model.state !== "idle") continue;
      await host.load(one.model.model);
      const now = host.models().find(({ model }) => model === one.model.model) ?? one.model;
      one.check = judge(now);
    }
    return judged.map(({ check }) => check);
  } finally {
    await host.stop(5_000);
  }
}

function judgeModel(
  model: ModelInfo,
  { warning, strikes }: { readonly warning: string | undefined; readonly strikes: string | undefined },
): Check {
  const isReady = model.state === "ready";
  if (isReady && model.device === "remote") {
    if (warning !== undefined) return { name: "Model", state: "warning", says: `${model.model}: ${warning}` };
    const says = `${model.model}: on another server, which says: ${model.capabilities.join(", ")}`;
    return { name: "Model", state: "good", says };
  }
  if (isReady && model.sizeBytes === 0)
    return { name: "Model", state: "good", says: `${model.model}: ${model.label?.short ?? "it needs no file"}` };
  const size = `${describeBytes(model.sizeBytes)}, context ${model.contextTokens} tokens`;
  if (isReady && strikes !== undefined)
    return {
      name: "Model",
      state: "warning",
      says: `${model.model} loads: ${size}; ${strikes}`,
      hint: "At the second time the node takes it out.",
    };
  if (isReady) return { name: "Model", state: "good", says: `${model.model} loads: ${size}` };
  const says = model.state === "failed" ? (model.reason ?? "no reason given") : "did not load in time";
  return { name: "Model", state: "bad", says: `${model.model}: ${says}` };
}

/** Asks the node that runs how its models are: it was started with other flags than the doctor, and has their
 *  memory. */
async function runningModels(control: ControlFile): Promise<readonly Check[]> {
  const answer = await callsTo(localTarget(control))("inference.list");
  const status = await callsTo(localTarget(control))("node.status");
  if (!answer.ok)
    return [
      {
        name: "Model",
        state: "bad",
        says: `the node that runs here does not tell its models: ${describeRefusal(answer.error)}`,
      },
    ];
  return judgeRunning(answer.value, status.ok ? status.value.name : undefined);
}

/** Judges the models of the node that runs, by its name; of all nodes where that is not known. */
export function judgeRunning({ nodes }: InferenceView, name: string | undefined): readonly Check[] {
  const own = nodes.filter(({ node }) => name === undefined || node === name);
  const checks = own.flatMap(({ node, error, models }): readonly Check[] =>
    error === undefined
      ? models.map(({ model, state, because }) => ({
          name: "Model",
          state: state === "failed" ? "bad" : "good",
          says: `${model}: ${state}${because === "" ? "" : ` (${because})`}, says the running node`,
        }))
      : [{ name: "Model", state: "bad", says: `${node} does not tell its models: ${error.message}` }],
  );
  if (checks.length > 0) return checks;
  if (own.length === 0 && name !== undefined) return [withoutRole(nodes)];
  const hint = "Agents need one: `plexus models pull`, or --model path/to/model.gguf at the next start.";
  return [{ name: "Model", state: "warning", says: "the running node has none", hint }];
}

/** A node without the role ai runs no model: what matters is whether others do. */
function withoutRole(others: InferenceView["nodes"]): Check {
  const serving = others.filter(({ models }) => models.length > 0).map(({ node }) => withoutControls(node));
  const name = "Model";
  if (serving.length > 0)
    return { name, state: "skipped", says: `this node has no role ai; models run on ${serving.join(", ")}` };
  const hint = "Agents need one: give a node the role ai (plexus nodes roles), then `plexus models pull` there.";
  return { name, state: "warning", says: "this node has no role ai, and no other node has a model", hint };
}

/** The node has its ports: those that it was started with, not those of the doctor's own flags. */
export function portsOfRunning(running: string): readonly Check[] {
  const { host } = new URL(running);
  return [
    { name: "Port", state: "good", says: `the running node answers at ${host}` },
    { name: "Mesh port", state: "skipped", says: "the running node has it" },
  ];
}

async function portChecks(config: Config): Promise<readonly Check[]> {
  return [await portCheck("Port", config), await portCheck("Mesh port", config.mesh)];
}

async function portCheck(name: string, at: { readonly host: string; readonly port: number }): Promise<Check> {
  const { host, port } = at;
  if (port === 0) return { name, state: "good", says: "any free one" };
  const problem = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
  return problem === undefined
    ? { name, state: "good", says: `${host}:${port} is free` }
    : {
        name,
        state: "bad",
        says: `${host}:${port}: ${describeRefusal(problem)}`,
      };
}
