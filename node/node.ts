/** One node, put together on the real ports: disk, network card, inference host, web server.
 *
 *      store ─► (join) ─► journal ─► inference host ─► peer ─► mesh ─► gateway        started in this order,
 *                                                                                     stopped in reverse
 *
 *  `peer.ts` is everything between them and knows no real thing; the simulation runs the same. */
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { behaviors } from "../actors/index.ts";
import type { Config } from "../config/index.ts";
import {
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  roles as allRoles,
  type ClusterView,
  type ModelInfo,
  type Result,
} from "../protocols/index.ts";
import { startInferenceHost, type InferenceHost, type RuntimeEvent } from "../runtimes/index.ts";
import { createEmbeddedDirectory } from "./directory/index.ts";
import { adminCodeHash, createGateway } from "./gateway/index.ts";
import { asPlace, readHome, writeHome, type DirectoryPlace, type Home } from "./home.ts";
import type { Kernel } from "./kernel/index.ts";
import { createLateTransport } from "./late-transport.ts";
import type { Mesh } from "./mesh/index.ts";
import { createPeer, etcdPrefix, type Peer } from "./peer.ts";
import { createClock, createMetrics, createRandom, openLevelStore } from "./platform/index.ts";
import type { Clock, Log, Meter, Store } from "./ports.ts";
import { openJournal, readFormat, verifyJournal as verifyStore } from "./storage/index.ts";
import { placesOf, webAddressFor } from "./web-address.ts";

/** What the process around the node brings. */
export interface NodePlatform {
  readonly log: Log;
  readonly version: string;
  /** The built page; absent, the node serves its API alone. */
  readonly webFolder?: string;
  /** Told when the cluster has ended this node's membership: it serves nothing any more. */
  readonly evicted?: () => void;
  /** The operator's secret for the admin API. */
  readonly controlToken?: string;
}

export interface RunningNode {
  readonly url: string;
  readonly node: string;
  /** The one-time code that makes the first account the admin; absent once there is one. */
  readonly adminCode?: string;
  readonly models: readonly ModelInfo[];
  /** Takes no more work, finishes what is under way, closes the data folder. */
  stop(deadlineMs: number): Promise<void>;
}

/** The model in the repository: it answers, but knows next to nothing, and pages say so. */
const demonstrationModel = "plexus-tiny.gguf";

/** Names a model entry that needs no file: the deterministic echo, to try Plexus without inference. */
const echoModel = "echo";

const askTimeoutMs = 10_000;

/** Starts a node. Errors: DATA_FOLDER_IN_USE, DATA_FORMAT_UNKNOWN, DATA_DAMAGED, CONFIG_INVALID (port taken), and when it
 *  joins INVITATION_INVALID, VERSION_UNSUPPORTED, UNREACHABLE. What was started before an error is stopped again. */
export async function startNode(config: Config, platform: NodePlatform): Promise<RunningNode> {
  const { log, version } = platform;
  const clock = createClock();
  const random = createRandom();
  const startedAtMs = clock.nowMs();
  const stops: ((deadlineMs: number) => Promise<void> | void)[] = [];
  const stop = async (deadlineMs: number): Promise<void> => {
    const endMs = clock.monotonicMs() + deadlineMs;
    for (const stopPart of stops.splice(0).reverse()) {
      try {
        await stopPart(Math.max(0, endMs - clock.monotonicMs()));
      } catch (error) {
        // The parts below must stop all the same, the data folder above all.
        log.error("node.stop.part.failed", { error });
      }
    }
  };

  try {
    const metrics = createMetrics();
    const { meter } = metrics;
    stops.push(() => metrics.stop());

    const store = await openLevelStore(journalFolder(config.data));
    stops.push(() => store.close());
    const fresh = { cluster: randomHex(random.bytes(8)), node: randomHex(random.bytes(8)) };
    const joined = await joinIfAsked(config, { store, clock, log, version });
    const journal = await openJournal({ store, clock, log, meter, identity: joined?.identity ?? fresh });
    const { node, cluster } = journal.format;
    let home: Home = { ...(joined?.home ?? (await readHome(store)) ?? firstHome(journal.format, config)) };
    home = { ...home, starts: home.starts + 1 };
    await writeHome(store, home);
    const keep = (change: Partial<Home>): Promise<void> => {
      home = { ...home, ...change };
      return writeHome(store, home);
    };
    const remember = (change: Partial<Home>): void => {
      keep(change).catch((error: unknown) => log.error("node.home.unwritten", { error }));
    };

    const runtime = startInferenceHost({
      models: config.models.map((entry) => modelSpec(entry, config)),
      clock,
      log,
      onEvent: (event) => measureInference(meter, event),
    });
    stops.push((deadlineMs) => runtime.stop(deadlineMs));

    let connections = (): number => 0;
    const transport = createLateTransport(node);
    const mesh = Promise.withResolvers<Mesh>();
    mesh.promise.catch(() => undefined);
    const peer = createPeer({
      node,
      cluster,
      store,
      journal,
      transport,
      directory: home.directory,
      behaviors,
      runtime,
      clock,
      random,
      log,
      meter,
      policy: { replicas: config.replicas, minInSync: config.minInSync },
      seed: home.members,
      load: () => ({
        connections: connections(),
        eventLoopLagMs: Math.round(metrics.lagMs()),
        memoryBytes: process.memoryUsage.rss(),
      }),
      invite: async (terms) => {
        const { createInvitation } = await import("./mesh/index.ts");
        const opened = await mesh.promise;
        const offer = {
          roles: terms.roles ?? config.roles,
          labels: terms.labels ?? {},
          expiresInMs: terms.expiresInMs ?? invitationMs,
          cluster,
          peer: opened.peer,
          addresses: opened.addresses(),
        };
        const made = await createInvitation(peer.directory, offer, { clock, random });
        return made.ok ? ok({ ...made.value, roles: offer.roles }) : made;
      },
      changed: (action, facts, by) => audit(peer.kernel, { action, by: by ?? config.name, facts }),
      ...(home.incarnation !== undefined || home.members.length === 0 || joined !== undefined
        ? { incarnation: { known: home.incarnation ?? 0, remember: (next) => keep({ incarnation: next }) } }
        : { incarnation: { known: Infinity, remember: (next: number) => keep({ incarnation: next }) } }),
      placed: (place) => remember({ directory: place }),
      evicted: () => {
        log.error("node.evicted", { node, cluster });
        // What it holds belongs to the others now; who is connected here must not be told otherwise.
        peer.replication.stop();
        platform.evicted?.();
      },
    });
    stops.push((deadlineMs) => peer.stop(deadlineMs));
    peer.membership.onChange(() => {
      const { members } = peer.membership.members();
      if (members.length > 0 && JSON.stringify(members) !== JSON.stringify(home.members)) remember({ members });
    });

    const known = home.members.find((member) => member.node === node);
    const own = {
      node,
      // The cluster may have made it unique.
      name: known?.name.replace(/-\d+$/, "") === config.name ? known.name : config.name,
      peer: known?.peer ?? "",
      addresses: known?.addresses ?? [],
      roles: config.roles.length === allRoles.length ? (known?.roles ?? config.roles) : config.roles,
      labels: config.labels,
      models: config.models.map((model) => model.name),
      gpu: config.gpu !== "off",
      weight: config.weight,
      version,
      url: known?.url ?? "",
    };
    const openMesh = async (): Promise<Mesh> => {
      const started = await startMeshOf(config, { peer, home, clock, random, log, meter, version, node, cluster });
      transport.attach(started.transport);
      mesh.resolve(started);
      return started;
    };
    // A node that is alone serves first and listens for others then; one of many needs them to serve.
    const alone = home.members.every((member) => member.node === node) && home.directory.kind === "embedded";
    let open: Mesh | undefined;
    if (!alone) {
      open = await openMesh();
      const opened = open;
      stops.push((deadlineMs) => opened.stop(deadlineMs));
    }

    const place = home.directory;
    const founder = place.kind === "embedded" ? place.host === node : joined === undefined && home.members.length === 0;
    // The cluster's own memory first: whether an admin exists decides what sign-up asks for.
    // One node prints the code, the founder: another one's would make it void.
    const adminCode = founder ? createAdminCode(random.bytes(12)) : undefined;
    const codeHash = adminCode === undefined ? undefined : adminCodeHash(adminCode);
    const member = await peer.start(
      { ...own, ...(open && { peer: open.peer, addresses: open.addresses() }) },
      { found: founder },
    );
    if (!member.ok) throw new PlexusError(member.error);
    const registered = registerNode(peer.kernel, { node, config, adminCodeHash: codeHash });
    // The cluster's role-manager may be elsewhere, and away for now: a node of many starts without it.
    if (alone) await registered;
    else registered.catch((error: unknown) => log.warn("node.register.failed", { failure: failureOf(error) }));
    const adminNeeded = async (): Promise<boolean> => (await describeCluster(peer.kernel)).adminNeeded;

    const gateway = await createGateway({
      kernel: peer.kernel,
      actors: peer.actors,
      runtime: peer.runtime,
      hub: peer.hub,
      cluster: peer.control,
      name: member.value.name,
      peers: () => {
        const { members } = peer.membership.members();
        return placesOf(members.filter((one) => one.node !== node && peer.membership.isUp(one.node)));
      },
      clock,
      random,
      log,
      meter,
      host: config.host,
      port: config.port,
      node,
      version,
      signUp: config.signUp,
      adminNeeded,
      adminCodeHash: codeHash,
      metricsText: () => metrics.text(),
      readiness: () => readiness(peer.kernel),
      status: () => ({
        version,
        node,
        startedAtMs,
        uptimeMs: clock.nowMs() - startedAtMs,
        roles: peer.membership.members().members.find((one) => one.node === node)?.roles ?? config.roles,
        models: peer.runtime.models(),
        actors: { active: peer.kernel.status().active, quarantined: peer.kernel.status().quarantined },
        slots: { open: peer.kernel.status().slotsOpen, quarantined: peer.kernel.status().slotsQuarantined },
        journal: { ...journal.written, location: store.location },
        eventLoopLagMs: metrics.lagMs(),
        memoryBytes: process.memoryUsage.rss(),
      }),
      ...(platform.webFolder !== undefined && { webFolder: platform.webFolder }),
      ...(platform.controlToken !== undefined && { controlToken: platform.controlToken }),
    });
    stops.push((deadlineMs) => gateway.stop(deadlineMs));
    connections = () => gateway.connections();

    await modelsSettled(runtime, clock);
    log.info("node.ready", { node, url: gateway.url, startedInMs: Math.round(clock.nowMs() - startedAtMs) });
    const tell = (at: Mesh): Promise<unknown> =>
      peer.membership.update({
        peer: at.peer,
        addresses: at.addresses(),
        url: webAddressFor(gateway.url, at.addresses()),
      });
    if (open) void tell(open);
    else {
      void openMesh().then(
        (opened) => {
          stops.push((deadlineMs) => opened.stop(deadlineMs));
          return tell(opened);
        },
        (error: unknown) => {
          mesh.reject(error);
          log.error("mesh.unavailable", { failure: failureOf(error), error });
        },
      );
    }
    const running = { url: gateway.url, node, stop, get models() { return peer.runtime.models(); } }; // prettier-ignore
    const needed = adminCode !== undefined && (await adminNeeded());
    return needed ? { ...running, models: peer.runtime.models(), adminCode } : running;
  } catch (error) {
    await stop(askTimeoutMs);
    throw error;
  }
}

/** How long an invitation is good for when nobody says otherwise. */
const invitationMs = 3_600_000;

const firstHome = (format: { readonly cluster: string; readonly node: string }, config: Config): Home => ({
  cluster: format.cluster,
  directory:
    config.directory.kind === "etcd"
      ? { kind: "etcd", endpoints: config.directory.endpoints, prefix: etcdPrefix(format.cluster) }
      : { kind: "embedded", host: format.node },
  members: [],
  starts: 0,
});

/** Redeems the invitation in the configuration, unless this folder is a member already: the same command starts a node for
 *  the first time and ever after. Errors: INVITATION_INVALID, CONFIG_INVALID (a folder of another cluster). */
async function joinIfAsked(
  config: Config,
  at: { readonly store: Store; readonly clock: Clock; readonly log: Log; readonly version: string },
): Promise<
  { readonly identity: { readonly cluster: string; readonly node: string }; readonly home: Home } | undefined
> {
  if (config.join === undefined) return undefined;
  const { store, clock, log, version } = at;
  const { joinCluster, nodeIdOf, openNodeKey, readToken } = await import("./mesh/index.ts");
  const token = readToken(config.join);
  if (!token.ok) throw new PlexusError(token.error);
  const home = await readHome(store);
  if (home?.cluster === token.value.cluster) return undefined;
  if (home !== undefined || (await readFormat(store)) !== undefined)
    throw new PlexusError(
      failure("CONFIG_INVALID", {
        field: "join",
        reason: "this data folder belongs to another cluster; start with an empty one (--data)",
      }),
    );
  const key = await openNodeKey(config.data);
  const node = nodeIdOf(key);
  const joined = await joinCluster({
    token: config.join,
    key,
    node: {
      node,
      name: config.name,
      addresses: [],
      // All roles is what holds when nobody says otherwise: then the invitation says which.
      ...(config.roles.length < allRoles.length && { roles: config.roles }),
      labels: config.labels,
      models: config.models.map((model) => model.name),
      gpu: config.gpu !== "off",
      weight: config.weight,
      version,
      url: "",
      incarnation: 0,
    },
    clock,
  });
  if (!joined.ok) throw new PlexusError(joined.error);
  const { cluster, members, directory } = joined.value;
  const place = asPlace(directory);
  if (place === undefined) throw new PlexusError(failure("BAD_FRAME", { reason: "the cluster names no directory" }));
  log.info("node.joined", { cluster, node, name: joined.value.member.name, members: members.length });
  return { identity: { cluster, node }, home: { cluster, directory: place, members, starts: 0 } };
}

/** Starts listening for the other nodes. Loaded late: it is a large part of the program, and a node alone answers sooner
 *  without it. */
async function startMeshOf(
  config: Config,
  at: {
    readonly peer: Peer;
    readonly home: Home;
    readonly clock: Clock;
    readonly random: ReturnType<typeof createRandom>;
    readonly log: Log;
    readonly meter: Meter;
    readonly version: string;
    readonly node: string;
    readonly cluster: string;
  },
): Promise<Mesh> {
  const { createAdmission, openNodeKey, startMesh } = await import("./mesh/index.ts");
  const { peer, home, clock, random, log, meter, version, node, cluster } = at;
  const admission = createAdmission({ directory: peer.directory, clock });
  const started = await startMesh({
    node,
    cluster,
    version,
    incarnation: home.starts,
    key: await openNodeKey(config.data),
    listen: config.mesh,
    ...(config.mesh.announce.length > 0 && { announce: config.mesh.announce }),
    members: () => peer.membership.members().members,
    onMembersChange: (listener) => peer.membership.onChange(listener),
    peers: config.mesh.peers,
    mdns: config.mesh.mdns,
    clock,
    random,
    log,
    meter,
    admission: {
      ...admission,
      async redeem(invitation, secret, key, facts) {
        const redeemed = await admission.redeem(invitation, secret, key, facts);
        // Refusals are in the log only: strangers must not push out of the audit what members did.
        if (redeemed.ok) {
          const { node: joined, name, roles } = redeemed.value.member;
          const entry = { action: "join", by: name, facts: { node: joined, name, invitation, roles: roles.join(",") } };
          // A newcomer that lost its answer comes again.
          audit(peer.kernel, entry, `join-${invitation}`);
        }
        return redeemed;
      },
    },
    directoryInfo: (): DirectoryPlace => peer.place() ?? home.directory,
  });
  log.info("mesh.listening", { peer: started.peer, addresses: started.addresses() });
  return started;
}

/** Where the journal lies in a data folder. */
const journalFolder = (data: string): string => join(data, "journal");

/** Checks every entry and record of a data folder that no node has open. Errors: DATA_FOLDER_IN_USE, DATA_DAMAGED. */
export async function verifyJournal(data: string): ReturnType<typeof verifyStore> {
  const folder = journalFolder(data);
  if (!(await stat(folder).catch(() => undefined))) return { entries: 0, slots: 0, damaged: [] };
  const store = await openLevelStore(folder);
  const metrics = createMetrics();
  try {
    const verified = await verifyStore({ store, clock: createClock(), meter: metrics.meter });
    await createEmbeddedDirectory({ store }).list("");
    return verified;
  } finally {
    metrics.stop();
    await store.close();
  }
}

async function registerNode(
  kernel: Kernel,
  facts: { readonly node: string; readonly config: Config; readonly adminCodeHash: string | undefined },
): Promise<void> {
  const { node, config } = facts;
  const message = {
    type: "nodeStarted",
    node,
    roles: config.roles,
    models: config.models.map((model) => model.name),
    labels: config.labels,
    ...(facts.adminCodeHash !== undefined && { adminCodeHash: facts.adminCodeHash }),
  };
  const told = await kernel.ask({ to: "role-manager/cluster", from: "node", message, timeoutMs: askTimeoutMs });
  if (!told.ok) throw new PlexusError(told.error);
}

/** Longest text of an entry of the audit; see `roleManagerCommands.audit`. */
const auditTextMax = { by: 128, fact: 256 };

/** Has the cluster remember what was done to it. Nobody waits: what was done is done, and is in the log as well. */
function audit(
  kernel: Kernel,
  entry: { readonly action: string; readonly by: string; readonly facts: Readonly<Record<string, string>> },
  operationId?: string,
): void {
  const facts = Object.entries(entry.facts).map(([name, text]) => [name, text.slice(0, auditTextMax.fact)] as const);
  kernel.tell({
    to: "role-manager/cluster",
    from: "node",
    message: {
      type: "audit",
      action: entry.action,
      by: entry.by.slice(0, auditTextMax.by),
      facts: Object.fromEntries(facts),
    },
    ...(operationId !== undefined && { operationId }),
  });
}

async function describeCluster(kernel: Kernel): Promise<ClusterView> {
  const message = { type: "describe" };
  const answer = await kernel.ask({ to: "role-manager/cluster", from: "node", message, timeoutMs: askTimeoutMs });
  if (!answer.ok) throw new PlexusError(answer.error);
  return answer.value as ClusterView;
}

/** Ready while no slot is known to be unavailable. */
function readiness(kernel: Kernel): Result<unknown> {
  const { slotsQuarantined } = kernel.status();
  return slotsQuarantined.length === 0
    ? ok({})
    : refused(failure("SLOT_UNAVAILABLE", { slots: slotsQuarantined.map(({ slot }) => slot) }));
}

/** A node says it is ready when its models are; but a large one may take minutes, and chat need not wait for it. */
const modelsWaitMs = 5_000;

function modelsSettled(runtime: InferenceHost, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(modelsWaitMs, resolve);
    void runtime.settled().then(() => {
      cancel();
      resolve();
    });
  });
}

function modelSpec(
  entry: Config["models"][number],
  config: Config,
): Parameters<typeof startInferenceHost>[0]["models"][number] {
  const echo = entry.name === echoModel;
  const demonstration = echo || basename(entry.path) === demonstrationModel;
  return {
    name: entry.name,
    runtime: echo ? "echo" : "llama",
    path: entry.path,
    demonstration,
    contextTokens: config.contextTokens,
    gpu: config.gpu === "auto" ? "auto" : false,
    // So small a model wanders when it is given room; a little keeps "regenerate" worth a click.
    ...(demonstration && { temperature: 0.3 }),
  };
}

function measureInference(meter: Meter, event: RuntimeEvent): void {
  switch (event.type) {
    case "started":
      meter.observeMs("generation_queue", event.queuedMs, { model: event.model });
      break;
    case "firstText":
      meter.observeMs("generation_first_text", event.afterMs, { model: event.model });
      break;
    case "ended":
      meter.count("generations", 1, { model: event.model, end: event.end });
      meter.count("tokens_prompt", event.promptTokens, { model: event.model });
      meter.count("tokens_completion", event.completionTokens, { model: event.model });
      meter.observeMs("generation", event.totalMs, { model: event.model });
      break;
    case "hostRestarted":
      meter.count("inference_host_restarts");
      break;
  }
}

const randomHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Letters and digits that nobody mistakes for one another, in groups of four. */
function createAdminCode(bytes: Uint8Array): string {
  const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  const letters = [...bytes].map((byte) => alphabet[byte % alphabet.length]).join("");
  return [letters.slice(0, 4), letters.slice(4, 8), letters.slice(8)].join("-");
}
