/** `plexus demo`: a cluster of three nodes on this machine, to look at and to break.
 *
 *      plan.ts      who is started where, with which arguments     (pure)
 *      guide.ts     what a person is told                          (pure)
 *      children.ts  the processes: started, watched, ended
 *
 *  The first node starts alone with the directory, which is on all three when they are there; each other one joins with
 *  an invitation of its own, as it would on another machine. Then an account, a room and an agent are made over the
 *  API, as a person would. A node that ends is reported and not started again: seeing what goes on without it is the
 *  point. */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { failure, ok, PlexusError, refused, type ErrorCode, type Result } from "../../protocols/errors.ts";
import type { SignedIn, SignInProgress } from "../../protocols/index.ts";
import { callsTo, demand } from "../node/admin.ts";
import { readSlots, readSummary } from "../cluster/cluster.ts";
import { localTarget, readControlFile } from "../cluster/control.ts";
import { plexusCommand } from "../launcher.ts";
import { cliLimits } from "../limits.ts";
import { callNode } from "../node/node-client.ts";
import type { Target } from "../node/target.ts";
import { exitCodes, paint, type Output } from "../terminal/output.ts";
import { hasPage, pageHint } from "../up/installation.ts";
import { createDemoChildren, type DemoChild, type DemoChildren } from "./children.ts";
import { codeOfSignal, describeEnd, guide } from "./guide.ts";
import { demoPorts, planDemo, type DemoNode, type DemoPlan } from "./plan.ts";
import { jsonLine } from "../terminal/printable.ts";

/** What the command line of `plexus demo` says. */
export interface DemoFlags {
  /** Where data is kept; absent, it is temporary. */
  readonly data: string | undefined;
  readonly json: boolean;
}

/** What lies in the folder beside the nodes, for the next time. */
interface Kept {
  readonly ports: readonly number[];
  readonly password: string;
}

type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** Runs the cluster until Ctrl-C. Resolves with the exit code. */
export async function demo(flags: DemoFlags, output: Output): Promise<number> {
  const stopAsked = onStopSignal();
  const folder = flags.data === undefined ? await mkdtemp(join(tmpdir(), "plexus-demo-")) : resolve(flags.data);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const before = await readKept(folder);
  const kept = before ?? { ports: await freePorts(demoPorts), password: randomBytes(9).toString("base64url") };
  const plan = planDemo(folder, kept.ports);
  if (!hasPage()) output.printError(`warning: ${pageHint}`);
  const plexus = plexusCommand();
  let allEnded = (): void => {};
  const everybodyGone = new Promise<"gone">((resolvePromise) => (allEnded = () => resolvePromise("gone")));
  const children = createDemoChildren(fileURLToPath(new URL("../main.ts", import.meta.url)), (end) => {
    output.printError(describeEnd(end, plexus));
    if (children.alive() === 0) allEnded();
  });
  const say = (text: string): void => {
    if (!flags.json) output.print(paint(output.color, "dim", text));
  };
  try {
    const starting = start(plan, { children, isNew: before === undefined, password: kept.password, say });
    // When a signal comes first, what becomes of the start is of no interest any more.
    starting.catch(() => undefined);
    const first = await Promise.race([starting, stopAsked]);
    if (typeof first === "string") return codeOfSignal(first);
    await writeFile(keptPath(folder), `${JSON.stringify(kept)}\n`, { mode: 0o600 });
    announce(plan, { ...first, password: kept.password, kept: flags.data !== undefined, plexus }, flags, output);
    const end = await Promise.race([stopAsked, everybodyGone]);
    say(end === "gone" ? "All nodes have ended." : "Stopping the nodes …");
    return exitCodes.ok;
  } finally {
    await children.stop();
    if (flags.data === undefined) await removeFolder(plan, output);
  }
}

function announce(
  plan: DemoPlan,
  facts: {
    readonly running: readonly DemoChild[];
    readonly home: string | undefined;
    readonly password: string;
    readonly kept: boolean;
    readonly plexus: string;
  },
  flags: DemoFlags,
  output: Output,
): void {
  if (!flags.json) {
    output.print(guide(plan, { ...facts, color: output.color }));
    return;
  }
  const { folder, user, room, agent } = plan;
  const nodes = facts.running.map(({ node, url, pid }) => ({
    name: node.name,
    roles: node.roles,
    data: node.data,
    url,
    pid,
  }));
  const { home, password } = facts;
  output.print(jsonLine({ event: "ready", folder, nodes, user, password, room, home, agent }));
}

async function start(
  plan: DemoPlan,
  by: {
    readonly children: DemoChildren;
    readonly isNew: boolean;
    readonly password: string;
    readonly say: (text: string) => void;
  },
): Promise<{ readonly running: readonly DemoChild[]; readonly home: string | undefined }> {
  const { children, isNew, password, say } = by;
  const [keeper, ...others] = plan.nodes;
  const deadlineMs = performance.now() + cliLimits.demoStartMs;
  say(`Starting ${keeper.name} …`);
  const first = await children.start(keeper);
  const control = await readControlFile(keeper.data);
  if (control === undefined) throw new PlexusError(failure("UNREACHABLE", { data: keeper.data }));
  const admin: Target = localTarget(control);
  const running = [first];
  for (const node of others) {
    say(`Starting ${node.name}, which joins it …`);
    running.push(await children.start(node, isNew ? await invitation(admin, node, deadlineMs) : undefined));
  }
  await allUp(admin, plan, deadlineMs);
  if (isNew) {
    say("Making an account, a room and an agent …");
    // While there is no admin the code of the node that started last is the one that counts, at that node.
    const { url, adminCode } = running.findLast((child) => child.adminCode !== undefined) ?? first;
    await furnish(plan, { url, password, adminCode, deadlineMs });
  }
  await allCopied(admin, plan, deadlineMs);
  // Kept from last time, it may be anywhere.
  const ask = () => callsTo(admin)("actors.show", { kind: "room", key: plan.room });
  const room = await persistently(ask, deadlineMs);
  return { running, home: room.ok ? room.value.node : undefined };
}

async function invitation(admin: Target, node: DemoNode, deadlineMs: number): Promise<string> {
  const terms = { roles: [...node.roles], labels: node.labels };
  const ask = () => callsTo(admin)("cluster.invite", terms);
  return demand(await persistently(ask, deadlineMs)).token;
}

async function allUp(admin: Target, plan: DemoPlan, deadlineMs: number): Promise<void> {
  const missing = async (): Promise<Result<undefined>> => {
    const summary = await readSummary(admin);
    if (!summary.ok) return summary;
    const up = new Set(summary.value.nodes.filter((node) => node.up).map((node) => node.name));
    const absent = plan.nodes.filter((node) => !up.has(node.name)).map((node) => node.name);
    if (absent.length === 0) return ok(undefined);
    return refused(
      failure("UNREACHABLE", { reason: `${absent.join(", ")} did not join in time`, folder: plan.folder }),
    );
  };
  demand(await persistently(missing, deadlineMs));
}

/** Before anybody is told that a node may be killed, everything that is there has its copies on the others. */
async function allCopied(admin: Target, plan: DemoPlan, deadlineMs: number): Promise<void> {
  const missing = async (): Promise<Result<undefined>> => {
    const slots = await readSlots(admin);
    if (!slots.ok) return slots;
    const short = slots.value.filter(({ status }) => status !== "ok").map(({ slot }) => slot);
    if (short.length === 0) return ok(undefined);
    return refused(
      failure("UNREACHABLE", {
        reason: `${short.join(", ")} were not copied to another node in time`,
        folder: plan.folder,
      }),
    );
  };
  demand(await persistently(missing, deadlineMs));
}

/** The account, the room and the agent, each made over the API as a person would. */
async function furnish(
  plan: DemoPlan,
  at: {
    readonly url: string;
    readonly password: string;
    readonly adminCode: string | undefined;
    readonly deadlineMs: number;
  },
): Promise<void> {
  const { user, room, agent } = plan;
  const { url, password, adminCode, deadlineMs } = at;
  const account = { name: user, password };
  const signUp = { ...account, displayName: "Demo", ...(adminCode !== undefined && { adminCode }) };
  const made = await persistently(() => callsTo({ url })("signIn.signUp", signUp), deadlineMs);
  // An answer that was lost: the account is there all the same.
  const isThere = !made.ok && made.error.code === "NAME_TAKEN";
  const signIn = () => callsTo({ url })("signIn.byPassword", account);
  const { token } = entered(demand(isThere ? await persistently(signIn, deadlineMs) : made));
  const member = encodeURIComponent(`agent/${user}.${agent}`);
  const text =
    `Welcome. This room is on one node, with a copy on another. Talk to \`@${user}.${agent}\`, ` +
    `then kill the node that the room is on and continue at another node's page.`;
  const steps: readonly (readonly [method: "POST" | "PUT", path: string, body: object])[] = [
    ["POST", "/api/v1/rooms", { room, title: "Lobby", topic: "A room that survives its node" }],
    ["POST", "/api/v1/agents", { name: agent, persona: "You are a friendly guide to Plexus. Answer in one sentence." }],
    ["PUT", `/api/v1/rooms/${room}/members/${member}`, {}],
    ["POST", `/api/v1/rooms/${room}/messages`, { text }],
  ];
  const done: readonly ErrorCode[] = ["NAME_TAKEN", "ALREADY_DONE"];
  for (const [method, path, body] of steps) {
    const answer = await persistently(() => callNode({ url, token }, method, path, body), deadlineMs);
    if (!answer.ok && !done.includes(answer.error.code)) throw new PlexusError(answer.error);
  }
}

/** The session of an account that has a password alone. */
function entered(progress: SignInProgress): SignedIn {
  if ("token" in progress) return progress;
  throw new PlexusError(failure("SIGN_IN_UNFINISHED", { needs: progress.needs }));
}

/** Asks until it is answered or refused for good: in the first moments of a cluster slots are still finding their
 *  place. */
async function persistently<T>(ask: () => Promise<Result<T>>, deadlineMs: number): Promise<Result<T>> {
  for (;;) {
    const answer = await ask();
    if (answer.ok || answer.error.outcome === "failed" || performance.now() > deadlineMs) return answer;
    await delay(cliLimits.pollMs / 4);
  }
}

function onStopSignal(): Promise<StopSignal> {
  return new Promise((resolvePromise) => {
    let askedAtMs: number | undefined;
    const onSignal = (signal: StopSignal): void => {
      // A second press means it: the nodes end with their channel to us.
      if (askedAtMs !== undefined && performance.now() - askedAtMs > cliLimits.samePressMs)
        process.exit(codeOfSignal(signal));
      askedAtMs ??= performance.now();
      resolvePromise(signal);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  });
}

const keptPath = (folder: string): string => join(folder, "demo.json");

async function readKept(folder: string): Promise<Kept | undefined> {
  const text = await readFile(keptPath(folder), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const kept = JSON.parse(text) as Kept;
  for (const port of kept.ports)
    if ((await listenOn(port)) === undefined) {
      // The nodes look for one another where they were, so other ports would not do.
      const reason = "another program uses this port, which the nodes of this folder need";
      throw new PlexusError(failure("CONFIG_INVALID", { field: "data", value: folder, port, reason }));
    }
  return kept;
}

/** All at once, so that none is found twice. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listenOn(0, true)));
  return servers.map((server) => {
    if (server === undefined) throw new PlexusError(failure("CONFIG_INVALID", { reason: "no free ports" }));
    server.close();
    return server.port;
  });
}

interface Listening {
  readonly port: number;
  close(): void;
}

/** Undefined when the port is taken. Unless `keep`, it is free again when the promise resolves. */
function listenOn(port: number, keep = false): Promise<Listening | undefined> {
  return new Promise((resolvePromise) => {
    const server = createServer();
    server.once("error", () => resolvePromise(undefined));
    server.listen({ host: "127.0.0.1", port }, () => {
      const address = server.address();
      const listening = {
        port: typeof address === "object" && address !== null ? address.port : port,
        close: () => void server.close(),
      };
      if (keep) resolvePromise(listening);
      else server.close(() => resolvePromise(listening));
    });
  });
}

/** Removes what was temporary, unless a node that a person started again still runs on it. */
async function removeFolder(plan: DemoPlan, output: Output): Promise<void> {
  for (const node of plan.nodes) {
    const control = await readControlFile(node.data);
    if (control !== undefined && isAlive(control.pid)) {
      output.printError(`${node.name} was started by hand and still runs (pid ${control.pid}); ${plan.folder} stays.`);
      return;
    }
  }
  await rm(plan.folder, { recursive: true, force: true, maxRetries: 5 });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
