import { constants } from "node:os";
import {
  isEverywhere,
  parseControl,
  unknownVariables,
  type Config,
  type ConfigInput,
  type Settings,
} from "../../config/index.ts";
import type { MembershipEnd, RunningNode } from "../../node/composition/index.ts";
import { failure, failureOf, roles, PlexusError, type Failure } from "../../protocols/index.ts";
import { banner } from "./banner.ts";
import { createControlToken, findRunning, removeControlFile, writeControlFile } from "../cluster/control.ts";
import { checkModels } from "./first-checks.ts";
import { explainFolder } from "../disk/data-folder.ts";
import { shownHere } from "../node/here.ts";
import { hasPage, installation, pageHint, readVersion } from "./installation.ts";
import { plexusCommand } from "../launcher.ts";
import { cliLimits } from "../limits.ts";
import { createLog, type LevelledLog } from "../terminal/log.ts";
import { describeRefusal, exitCodes, type Output } from "../terminal/output.ts";
import { openRunSettings, type RunSettings } from "../settings/settings.ts";
import { jsonLine } from "../terminal/printable.ts";

/** What the command line of `plexus up` says. */
export interface UpFlags {
  readonly config: ConfigInput;
  readonly configFile: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  /** See `NodePlatform.trustsData`. */
  readonly trustData: boolean;
}

type StopSignal = "SIGTERM" | "SIGINT";

/** Runs a node until a signal ends it. Resolves with the exit code. */
export async function up(flags: UpFlags, output: Output): Promise<number> {
  const node = () => import("../../node/composition/index.ts");
  const run = await openRunSettings(flags.config, flags.configFile, process.env, async (data) =>
    (await node()).rememberedSettings(data),
  );
  const { settings } = run;
  const log = await createLog(settings.current().log);
  for (const name of unknownVariables(process.env)) log.warn("config.variable.unknown", { name });
  const stopAsked = onStopSignal(log);
  process.on("uncaughtException", (error) => {
    // A broken invariant. What is durable is safe, what is in memory is not to be trusted: end, and recover at start.
    log.error("process.fault", { error });
    process.exit(exitCodes.failed);
  });

  await checkModels(settings.current());
  const version = await readVersion();
  const controlToken = createControlToken();
  const { startNode } = await node();
  // Until the node is ready there is nothing to drain: a signal ends the process when the start does not end in time.
  const readiness = new AbortController();
  void stopAsked.then(() => endOverdueStart(settings.current(), log, readiness.signal));
  const started = await startWithout(settings, log, (config) =>
    startNode(config, {
      log,
      settings,
      version,
      controlToken,
      trustsData: flags.trustData,
      stopAsked,
      ended(why) {
        log.error(`node.${why}.ended`, { help: endings[why] });
        removeControlFile(settings.current().data);
        process.exit(exitCodes.failed);
      },
      waiting(where, because) {
        if (flags.json || flags.quiet) return;
        const why = because === undefined ? "" : ` (${because})`;
        output.print(`Waiting for the cluster's directory, ${where}, which does not answer${why}. Ctrl-C ends it.`);
      },
      ...(hasPage() && { webFolder: installation.webFolder }),
    }),
  ).catch(async (thrown: unknown) => {
    if (failureOf(thrown).code === "STOPPING") return stopAsked;
    const config = settings.current();
    throw explainStart(await nameHolder(thrown, config.data), config);
  });
  const config = settings.current();
  readiness.abort();
  if (typeof started === "string") {
    log.info("node.stopped", { signal: started });
    return exitCodes.ok;
  }
  const running = started;
  const { url, controlUrl } = running;
  const left = { url, ...(controlUrl !== undefined && { controlUrl }), controlToken, pid: process.pid };
  await writeControlFile(config.data, left).catch((thrown: unknown) => {
    throw explainStart(thrown, config);
  });
  settings.onChange((now) => log.setLevel(now.log.level));
  process.on("SIGHUP", () => void reread(run, log));
  if (!hasPage()) log.warn("web.missing", { help: pageHint });
  const shownUrl = isEverywhere(config.host) ? await shownHere(url) : url;
  announce(flags, output, { running, config, version, shownUrl });

  const signal = await stopAsked;
  return await drain(running, settings.current(), { log, signal });
}

/** Why a process that is not its node any more has ended, and what to do. */
const endings: Readonly<Record<MembershipEnd, string>> = {
  evicted:
    "This node was evicted from its cluster. To come back: an empty data folder and a new invitation. " +
    "If nobody evicted it, keep this folder: docs/operate/directory.md.",
  duplicate:
    "Another process has started as this node, on a copy of its data folder, so this one has ended; nobody " +
    "evicted it. " +
    "Let only one of the two run, and keep both folders until you know which is current.",
};

function endOverdueStart(config: Config, log: LevelledLog, ready: AbortSignal): void {
  if (ready.aborted) return;
  const overdue = setTimeout(() => {
    log.error("node.start.overdue");
    process.exit(exitCodes.failed);
  }, config.limits.drainTimeoutMs);
  ready.addEventListener("abort", () => clearTimeout(overdue));
}

/** What the system refused because of how the node is configured, as an error that names the field and says what to
 *  do. */
function explainStart(thrown: unknown, config: Config): unknown {
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  if (code === undefined) return explainFailure(thrown);
  const invalid = (message: string, details: Readonly<Record<string, unknown>>) =>
    new PlexusError({ ...failure("CONFIG_INVALID", details), message }, thrown);
  const reason = describeRefusal(thrown);
  if (syscall === "listen") {
    const { address, port: taken } = thrown as { readonly address?: string; readonly port?: number };
    if (taken !== config.port && config.metricsListen?.endsWith(`:${taken}`) === true) {
      const value = `${address}:${taken}`;
      const why = code === "EADDRINUSE" ? "which is in use by another process" : `because ${reason}`;
      const message = `Metrics cannot be served at ${value}, ${why}; choose another address with --metrics-listen.`;
      return invalid(message, { field: "metricsListen", value, reason: why });
    }
    if (taken !== config.port && new RegExp(`(^|:)${taken}$`).test(config.grpc ?? "")) {
      const value = `${address}:${taken}`;
      const why = code === "EADDRINUSE" ? "which is in use by another process" : `because ${reason}`;
      const message = `gRPC cannot be served at ${value}, ${why}; choose another address with --grpc.`;
      return invalid(message, { field: "grpc", value, reason: why });
    }
    const control = config.control === undefined ? undefined : parseControl(config.control);
    const isControl =
      control !== undefined &&
      ("path" in control ? address === control.path : taken === control.port && taken !== config.port);
    if (isControl) {
      const why = code === "EADDRINUSE" ? "which is in use by another process" : `because ${reason}`;
      const message = `The control endpoint cannot be at ${config.control}, ${why}; choose another with --control.`;
      return invalid(message, { field: "control", value: config.control, reason: why });
    }
    const ofMesh = taken === config.mesh.port && config.mesh.port !== 0;
    const { host, port } = ofMesh ? config.mesh : config;
    const [field, prefix] = ofMesh ? ["mesh.", "mesh-"] : ["", ""];
    const details = { value: `${host.includes(":") ? `[${host}]` : host}:${port}`, reason };
    if (code === "EADDRINUSE")
      return invalid(`Port ${port} is in use by another process; choose one with --${prefix}port.`, {
        field: `${field}port`,
        ...details,
      });
    if (code === "EADDRNOTAVAIL")
      return invalid(`This machine has no address ${host}; choose one of its own with --${prefix}host.`, {
        field: `${field}host`,
        ...details,
      });
    return invalid(`The node cannot listen at ${host}:${port}: ${reason}; choose another port with --${prefix}port.`, {
      field: `${field}port`,
      ...details,
    });
  }
  if (syscall === "getaddrinfo")
    return invalid(`The name ${config.host} is not known to this machine; choose an address with --host.`, {
      field: "host",
      value: config.host,
      reason,
    });
  const why = explainFolder(thrown);
  return why === undefined
    ? thrown
    : invalid(`The data folder ${config.data} cannot be used: ${why.reason}.`, {
        field: "data",
        value: config.data,
        ...why,
      });
}

/** Names the process that has the data folder, where that can be known: a node leaves its id there once it is ready. */
async function nameHolder(thrown: unknown, dataFolder: string): Promise<unknown> {
  const refusal = failureOf(thrown);
  if (refusal.code !== "DATA_FOLDER_IN_USE" || refusal.details?.["folder"] === undefined) return thrown;
  const pid = (await findRunning(dataFolder))?.pid;
  if (pid === undefined) return thrown;
  return new PlexusError({ ...refusal, details: { ...refusal.details, pid } }, thrown);
}

/** What a cluster refused or a data folder lacks, with what to do about it. */
function explainFailure(thrown: unknown): unknown {
  const refusal = failureOf(thrown);
  const damaged =
    "run `plexus doctor` with the same --data: it names all that is damaged. What to do about it: " +
    "docs/operate/README.md, " +
    "Damaged journal";
  const hints: Partial<Record<Failure["code"], string>> = {
    INVITATION_INVALID:
      refusal.details?.["roles"] === undefined
        ? "tokens work once and expire; `plexus invite` on a node of the cluster prints a new one"
        : "name the roles of the invitation: `plexus invite` printed them as --role …",
    NOT_A_PEER:
      refusal.details?.["generation"] !== undefined
        ? "start with an empty data folder (--data) and a new invitation (--join) to become a node again; keep " +
          "this folder as long as somebody may " +
          "miss what the recovered cluster has lost"
        : "start with an empty data folder (--data) and a new invitation (--join) to become a node again; if " +
          "nobody evicted it, " +
          "keep this folder: docs/operate/directory.md, etcd lost or restored",
    DATA_DAMAGED: damaged,
  };
  const general = refusal.details?.["because"] === "DATA_DAMAGED" ? damaged : hints[refusal.code];
  // What is said of the very thing that is wrong comes first.
  const own = refusal.details?.["hint"];
  const hint = typeof own === "string" ? [own, general].filter(Boolean).join("; ") : general;
  return hint === undefined ? thrown : new PlexusError({ ...refusal, details: { ...refusal.details, hint } }, thrown);
}

function announce(
  flags: UpFlags,
  output: Output,
  started: {
    readonly running: RunningNode;
    readonly config: Config;
    readonly version: string;
    readonly shownUrl: string;
  },
): void {
  const { running, config, version, shownUrl } = started;
  const code = running.adminCode === undefined ? {} : { adminCode: running.adminCode };
  if (flags.json) {
    // A program that reads this line may hand the address on.
    const { outwardUrl: url, controlUrl, grpc, node, name } = running;
    const line = {
      event: "ready",
      url,
      ...(grpc !== undefined && { grpc }),
      ...(controlUrl !== undefined && { controlUrl }),
      ...code,
      node,
      name,
      pid: process.pid,
      ...(!running.joined && { joined: false }),
    };
    output.print(jsonLine(line));
  } else if (!flags.quiet) {
    const startCommand = process.env["npm_lifecycle_event"] === "start" ? "npm start --" : `${plexusCommand()} up`;
    const isPart = config.join !== undefined || running.roles.length < roles.length;
    const facts = {
      version,
      url: shownUrl,
      ...(running.outwardUrl !== running.url && { outwardUrl: running.outwardUrl }),
      hasPage: hasPage(),
      models: running.models,
      dataFolder: config.data,
      startCommand,
      ai: running.roles.includes("ai"),
      nodesMissing: running.nodesMissing,
      joined: running.joined,
      ...(isPart && { node: `${running.name} (${running.roles.join(", ")})` }),
    };
    output.print(banner({ ...facts, ...code, color: output.color }));
  }
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function onStopSignal(log: LevelledLog): Promise<StopSignal> {
  return new Promise((resolve) => {
    let askedAtMs: number | undefined;
    const onSignal = (signal: StopSignal): void => {
      if (askedAtMs === undefined) {
        askedAtMs = performance.now();
        log.info("node.stop.asked", { signal });
        resolve(signal);
      } else if (performance.now() - askedAtMs > cliLimits.samePressMs) {
        log.warn("node.stop.forced", { signal });
        process.exit(128 + constants.signals[signal]);
      }
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
    // Started by a process that holds a channel to us (`plexus demo`): when that is gone, so are we.
    if (process.channel) process.once("disconnect", () => askedAtMs === undefined && onSignal("SIGTERM"));
  });
}

async function drain(
  running: RunningNode,
  config: Config,
  by: { readonly log: LevelledLog; readonly signal: StopSignal },
): Promise<number> {
  const { log, signal } = by;
  const deadlineMs = config.limits.drainTimeoutMs;
  const forced = setTimeout(() => {
    log.error("node.stop.overdue", { deadlineMs });
    process.exit(exitCodes.failed);
  }, deadlineMs + cliLimits.stopGraceMs);
  try {
    await running.stop(deadlineMs);
    removeControlFile(config.data);
    log.info("node.stopped", { signal });
    return exitCodes.ok;
  } finally {
    clearTimeout(forced);
  }
}

/** Starts it. What the cluster has set never keeps a node from starting: where a start fails because of such a value,
 *  the next try leaves it out. */
async function startWithout<T>(
  settings: Settings,
  log: LevelledLog,
  start: (config: Config) => Promise<T>,
): Promise<T> {
  for (;;) {
    const config = settings.current();
    try {
      return await start(config);
    } catch (thrown) {
      const { code, message, details } = failureOf(thrown);
      const field = details?.["field"];
      const reason = typeof details?.["reason"] === "string" ? details["reason"] : message;
      // Each try leaves out one more key, and there are few.
      if (code !== "CONFIG_INVALID" || typeof field !== "string" || !settings.leaveOut(field, reason)) throw thrown;
      log.warn("config.cluster.refused", { key: field, notApplied: reason });
    }
  }
}

/** Reads the configuration again and takes over what can change while running. */
async function reread(run: RunSettings, log: LevelledLog): Promise<void> {
  try {
    log.info("config.reloaded", { ...(await run.reread()) });
  } catch (thrown) {
    log.error("config.reload.refused", { failure: failureOf(thrown) });
  }
}
