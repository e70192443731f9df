/** One node, put together on the real ports: disk, network card, inference host, web server.
 *
 *      data folder ─► store ─► (join) ─► journal ─► inference host ─► peer ─► mesh ─► gateway   started in this order,
 *                                                                                               stopped in reverse
 *
 *  `peer.ts` is everything between them and knows no real thing; the simulation runs the same. */
import { hostname } from "node:os";
import { behaviors } from "../../actors/index.ts";
import type { Config } from "../../config/index.ts";
import {
  failure,
  failureOf,
  newcomerRoles,
  ok,
  PlexusError,
  refused,
  roles as allRoles,
  type ModelInfo,
  type Result,
  type Role,
} from "../../protocols/index.ts";
import { startInferenceHost } from "../../runtimes/index.ts";
import { auditInCopy, audit, followFirstAdmin, registerNode } from "./cluster-memory.ts";
import { journalFolder, keyGone, markFile, notNew, openDataFolder } from "../data-folder/index.ts";
import { adminCodeHash, createGateway } from "../gateway/index.ts";
import {
  etcdPrefix,
  homeRow,
  readHome,
  withMembers,
  withReached,
  writeHome,
  type DirectoryPlace,
  type Home,
} from "../data-folder/home.ts";
import { createInference, measureInference, modelSpec, publishModels } from "./inference.ts";
import { joinIfAsked } from "./joining.ts";
import { createLateTransport } from "./late-transport.ts";
import { startedAgain } from "../membership/index.ts";
import type { Mesh, MeshOptions } from "../mesh/index.ts";
import { createPeer, type Peer } from "./peer.ts";
import {
  createClock,
  createMemoryReading,
  createMetrics,
  createRandom,
  openLevelStore,
  readDescriptorLimit,
  shareDescriptors,
} from "../platform/index.ts";
import type { Clock, Log, MembershipEnd, Meter } from "../ports.ts";
import { openJournal, readFormat } from "../storage/index.ts";
import { placesOf, webAddressFor } from "./web-address.ts";
import { within } from "../waiting.ts";

export type { MembershipEnd } from "../ports.ts";

/** What the process around the node brings. */
export interface NodePlatform {
  readonly log: Log;
  readonly version: string;
  /** The built page; absent, the node serves its API alone. */
  readonly webFolder?: string;
  /** Resolves when the process is to end. A start that waits for the cluster's directory then ends with STOPPING; one that
   *  gets on is finished first, and stopped by `stop`. */
  readonly stopAsked?: Promise<unknown>;
  /** Told when this process is not this member any more: it serves nothing from then on. */
  readonly ended?: (why: MembershipEnd) => void;
  /** Told once when the start waits for the cluster's directory, which is `where`; `because`: what is known to be wrong. */
  readonly waiting?: (where: string, because: string | undefined) => void;
  /** The operator takes the data folder for what the node had last, and knows what that may lose. */
  readonly trustsData?: boolean;
  /** The operator's secret for the admin API. */
  readonly controlToken?: string;
}

export interface RunningNode {
  readonly url: string;
  readonly node: string;
  /** What the cluster calls it. */
  readonly name: string;
  /** The one-time code that makes the first account the admin; absent once there is one. */
  readonly adminCode?: string;
  /** Those it started with, as the cluster has them. */
  readonly roles: readonly Role[];
  /** At the start of a cluster's first node, how many more `minInSync` asks for: until they are there, commands are refused.
   *  0 otherwise. */
  readonly nodesMissing: number;
  /** Those of the cluster, as this node knows them now. */
  readonly models: readonly ModelInfo[];
  /** Takes no more work, finishes what is under way, closes the data folder. */
  stop(deadlineMs: number): Promise<void>;
}

/** How long what was started may take to stop again when the start fails. */
const undoTimeoutMs = 10_000;

/** Starts a node. Errors: DATA_FOLDER_IN_USE, DATA_FORMAT_UNKNOWN, DATA_DAMAGED, CONFIG_INVALID (port taken, no such
 *  address, another directory), NOT_A_PEER (evicted), and when it joins INVITATION_INVALID, VERSION_UNSUPPORTED,
 *  UNREACHABLE, and STOPPING when it was asked to. What was started before an error is stopped again. */
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
    const descriptors = shareDescriptors(readDescriptorLimit());
    log.info("node.descriptors", { ...descriptors });
    const memoryBytes = createMemoryReading();
    const metrics = createMetrics();
    const { meter } = metrics;
    stops.push(() => metrics.stop());

    const folder = await openDataFolder(config.data, log);
    const store = await openLevelStore(journalFolder(config.data), {
      mark: markFile(config.data),
      mustExist: !folder.isNew,
      trusted: platform.trustsData === true,
    });
    stops.push(() => store.close());
    if (!folder.isNew && (await readFormat(store)) === undefined) throw notNew(config.data);
    const fresh = { cluster: randomHex(random.bytes(8)), node: randomHex(random.bytes(8)) };
    const joined = await joinIfAsked(config, { store, clock, log, version });
    const earlier = joined?.home ?? (await readHome(store));
    if (earlier?.directory.kind === "embedded" && config.directory.kind === "etcd") throw otherDirectory();
    // A folder that knew who it is and not of which cluster would found one.
    const beside = joined === undefined ? [] : [homeRow(joined.home)];
    const journal = await openJournal({ store, clock, log, meter, identity: joined?.identity ?? fresh, beside });
    await folder.begun();
    const { node, cluster } = journal.format;
    let home: Home = { ...(earlier ?? firstHome(journal.format, config)) };
    if (!folder.hasKey && joined === undefined && home.members.length > 1) throw keyGone(config.data);
    // etcd may have moved to other machines since the last start; what the cluster has there is under the same prefix. An
    // address is remembered when that was seen there: a wrong one would be in the way of every start after this one.
    const place: DirectoryPlace =
      home.directory.kind === "etcd" && config.directory.kind === "etcd"
        ? { ...home.directory, endpoints: config.directory.endpoints }
        : home.directory;
    // What this start learns counts.
    const { selfEvicted: _, ...kept } = home;
    home = { ...kept, starts: home.starts + 1 };
    await writeHome(store, home);
    const keep = (change: Partial<Home>): Promise<void> => {
      home = { ...home, ...change };
      return writeHome(store, home);
    };
    const remember = (change: Partial<Home>): void => {
      keep(change).catch((error: unknown) => log.error("node.home.unwritten", { error }));
    };

    const known = home.members.find((member) => member.node === node);
    const own = {
      node,
      // The cluster may have made it unique.
      name: known?.name.replace(/-\d+$/, "") === config.name ? known.name : config.name,
      peer: known?.peer ?? "",
      addresses: known?.addresses ?? [],
      roles: config.roles.length === allRoles.length ? (known?.roles ?? config.roles) : config.roles,
      labels: config.labels,
      models: [],
      gpu: false,
      weight: config.weight,
      version,
      url: known?.url ?? "",
    };
    let modelsChanged = (): void => undefined;
    const runtime = createInference({
      start: () =>
        startInferenceHost({
          models: config.models.map((entry) => modelSpec(entry, config)),
          clock,
          log,
          onEvent(event) {
            if (event.type === "modelChanged") modelsChanged();
            else measureInference(meter, event);
          },
        }),
      clock,
      log,
      endTimeoutMs: config.limits.drainTimeoutMs,
    });
    stops.push((deadlineMs) => runtime.stop(deadlineMs));
    // Models take a while to load: they begin before the directory says which roles the node has.
    runtime.serve(startedAgain(own, known).roles.includes("ai"));

    let connections = (): number => 0;
    const transport = createLateTransport(node);
    const mesh = Promise.withResolvers<Mesh>();
    let listening: Mesh | undefined;
    /** Rejects when this process ceases to be this member: so does its start, or the platform is told. */
    const membership = Promise.withResolvers<never>();
    membership.promise.catch(() => undefined);
    let end: MembershipEnd | undefined;
    const ended = (why: MembershipEnd): void => {
      if (end !== undefined) return;
      end = why;
      log.error(`node.${why}`, { node, cluster });
      // What it holds belongs to the others now; who is connected here must not be told otherwise.
      peer.replication.stop();
      const copied = { node, reason: "another process has started as this node, on a copy of its data folder" };
      const refusal = why === "evicted" ? failure("NOT_A_PEER", { node }) : failure("DATA_FOLDER_IN_USE", copied);
      // The process ends then.
      void noteEnd(why).then(() => membership.reject(new PlexusError(refusal)));
    };
    /** For who asks the folder later why its node is gone. */
    const noteEnd = (why: MembershipEnd): Promise<void> =>
      why === "evicted"
        ? keep({ selfEvicted: true }).catch((error: unknown) => log.error("node.home.unwritten", { error }))
        : Promise.resolve();
    const isNew = home.members.length === 0 || joined !== undefined;
    // A folder that has slots is of a cluster already: that begins nowhere again.
    const begins = joined === undefined && home.members.length === 0 && (await journal.slots()).length === 0;
    const founder = place.kind === "embedded" ? place.host === node : begins;
    const changed = (action: string, facts: Readonly<Record<string, string>>, by = config.name): void =>
      audit(peer.kernel, { action, by, facts });
    const peer = createPeer({
      node,
      cluster,
      store,
      journal,
      transport,
      directory: place,
      founding: founder,
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
        memoryBytes: memoryBytes(),
      }),
      invite: async (terms) => {
        const { createInvitation } = await import("../mesh/index.ts");
        const opened = await mesh.promise;
        const offer = {
          roles: terms.roles ?? newcomerRoles,
          labels: terms.labels ?? {},
          expiresInMs: terms.expiresInMs ?? invitationMs,
          cluster,
          peer: opened.peer,
          addresses: opened.addresses(),
        };
        const made = await createInvitation(peer.directory, offer, { clock, random });
        return made.ok ? ok({ ...made.value, roles: offer.roles, addresses: offer.addresses }) : made;
      },
      changed,
      age: {
        // Folders from before this was kept say nothing.
        known: platform.trustsData ? Infinity : (home.incarnation ?? (isNew ? 0 : Infinity)),
        distrusted: platform.trustsData ? [] : (home.distrusted ?? []),
        remember: (incarnation, distrusted) => keep({ incarnation, distrusted }),
      },
      placed: (place) => remember({ directory: place }),
      ended,
      located: (other, addresses) => listening?.located(other, addresses),
      refusals: () => listening?.refusals() ?? new Map(),
    });
    // Below the peer: what that hands over while it stops travels on the mesh.
    let opening: Promise<Mesh> | undefined;
    stops.push(async (deadlineMs) => (await opening?.catch(() => undefined))?.stop(deadlineMs));
    stops.push((deadlineMs) => peer.stop(deadlineMs));
    peer.membership.onChange(() => {
      const { members } = peer.membership.members();
      if (members.length > 0 && JSON.stringify(members) !== JSON.stringify(home.members))
        remember(withMembers(home, members));
    });
    let listed = false;
    void peer.membership.ready().then(() => {
      listed = true;
      if (JSON.stringify(placeNow()) !== JSON.stringify(home.directory)) remember({ directory: placeNow() });
    });
    const placeNow = (): DirectoryPlace => peer.place() ?? place;

    const openMesh = async (): Promise<Mesh> => {
      opening = startMeshOf(config, {
        peer,
        incarnation: home.starts,
        clock,
        random,
        log,
        meter,
        version,
        node,
        cluster,
        descriptors: descriptors.mesh,
        directory: placeNow,
        // A list from before this start may lack who has joined since.
        wasEvicted: (other) => listed && home.evicted?.includes(other) === true,
        port: home.meshPort,
        reachedAt: (other) => home.reached?.[other] ?? [],
        reached(other, address) {
          const change = withReached(home, other, address);
          if (change !== undefined) remember(change);
        },
        disowned(by, why) {
          // Only who keeps the directory knows. Anybody else may be wrong, or lie.
          const place = placeNow();
          if (place.kind === "embedded" && place.host === by) ended(why);
        },
      });
      const started = await opening;
      // Elsewhere its addresses are those that it is to be known by.
      const port = config.mesh.announce.length === 0 ? portOf(started) : undefined;
      if (port !== undefined && port !== home.meshPort) remember({ meshPort: port });
      listening = started;
      transport.attach(started.transport);
      mesh.resolve(started);
      return started;
    };
    // A node that is alone serves first and listens for others then; one of many needs them to serve.
    const alone = home.members.every((member) => member.node === node) && place.kind === "embedded";
    const open = alone ? undefined : await openMesh();

    // The cluster's own memory first: whether an admin exists decides what sign-up asks for.
    // One node prints the code, the one that began the cluster: another one's would make it void.
    if (founder && home.began !== true) remember({ began: true });
    const adminCode = home.began === true ? createAdminCode(random.bytes(12)) : undefined;
    const codeHash = adminCode === undefined ? undefined : adminCodeHash(adminCode);
    const nameOf = (id: string): string => home.members.find((one) => one.node === id)?.name ?? id;
    const where = place.kind === "etcd" ? `etcd at ${place.endpoints.join(", ")}` : `node ${nameOf(place.host)}`;
    const cancelNotice = clock.after(directoryNoticeMs, () => {
      if (place.kind === "embedded" && place.host === node) return;
      const { because } = peer.directoryAway();
      log.warn("directory.awaited", { where, ...(because !== undefined && { because }) });
      platform.waiting?.(where, because);
    });
    const starting = peer.start(
      { ...own, ...(open && { peer: open.peer, addresses: open.addresses() }) },
      { found: founder, ...(platform.stopAsked && { stopAsked: platform.stopAsked }) },
    );
    const member = await Promise.race([starting, membership.promise]).finally(cancelNotice);
    if (!member.ok) {
      if (member.error.code === "NOT_A_PEER") await noteEnd("evicted");
      throw new PlexusError(member.error);
    }
    membership.promise.catch(() => end && platform.ended?.(end));
    const followRoles = (): void => {
      const row = peer.membership.members().members.find((one) => one.node === node);
      // Not the row of the last start, which the list may still have.
      if (row !== undefined && row.incarnation >= member.value.incarnation) runtime.serve(row.roles.includes("ai"));
    };
    peer.membership.onChange(followRoles);
    followRoles();
    const published = publishModels({ inference: runtime, membership: peer.membership, clock, log });
    stops.push(() => published.stop());
    modelsChanged = () => published.look();
    published.look();
    const facts = { row: member.value, config, adminCodeHash: codeHash };
    const registering = registerNode({ kernel: peer.kernel, clock }, facts);
    stops.push(() => registering.stop());
    // The cluster's role-manager may be elsewhere, and away for now: a node of many starts without it. So does the first one
    // of many, without which the others cannot come.
    const nodesMissing = alone ? config.minInSync - 1 : 0;
    if (nodesMissing > 0) log.warn("node.writes.wait", { nodesMissing, minInSync: config.minInSync });
    const unregistered = (error: unknown): void => log.warn("node.register.failed", { failure: failureOf(error) });
    if (alone && nodesMissing === 0)
      await registering.attempted.catch((error: unknown) => {
        // What is stored is there to be read; it is told when there is room.
        if (failureOf(error).code !== "DISK_FULL") throw error;
        unregistered(error);
      });
    else registering.attempted.catch(unregistered);
    const firstAdmin = followFirstAdmin({
      kernel: peer.kernel,
      clock,
      known: home.hasAdmin === true,
      keep: () => remember({ hasAdmin: true }),
    });
    stops.push(() => firstAdmin.stop());

    const gateway = await createGateway({
      kernel: peer.kernel,
      actors: peer.actors,
      runtime: peer.runtime,
      hub: peer.hub,
      cluster: peer.control,
      changed,
      auditCopy: (query) => auditInCopy({ journal, table: peer.table, node }, query),
      name: member.value.name,
      peers: () => {
        const { members } = peer.membership.members();
        return placesOf(members.filter((one) => one.node !== node && peer.membership.isUp(one.node)));
      },
      reach: {
        degraded: () => peer.reach.degraded(),
        onChange: (listener) => peer.reach.onChange(listener),
        others: () => placesOf(peer.membership.members().members.filter((one) => one.node !== node)),
      },
      clock,
      random,
      log,
      meter,
      host: config.host,
      port: config.port,
      descriptors: descriptors.web,
      hosts: hostNames(config),
      ...(config.metricsListen !== undefined && { metricsListen: listenAddress(config.metricsListen) }),
      trustedProxies: config.trustedProxies,
      node,
      version,
      signUp: config.signUp,
      adminNeeded: () => firstAdmin.needed(),
      adminCodeHash: codeHash,
      metricsText: () => metrics.text(),
      readiness: () => readiness(peer, node),
      status() {
        const { active, quarantined, slotsOpen, slotsQuarantined } = peer.kernel.status();
        return {
          version,
          node,
          name: member.value.name,
          ...(listening && { mesh: meshAddresses(listening) }),
          startedAtMs,
          uptimeMs: clock.nowMs() - startedAtMs,
          roles: peer.membership.members().members.find((one) => one.node === node)?.roles ?? config.roles,
          joined: peer.membership.joined,
          ...(!peer.control.directoryAnswers() && { directoryAway: peer.directoryAway() }),
          models: peer.runtime.models(),
          actors: { active, quarantined },
          slots: { open: slotsOpen, quarantined: slotsQuarantined },
          journal: { ...journal.written, location: store.location },
          eventLoopLagMs: metrics.lagMs(),
          memoryBytes: memoryBytes(),
        };
      },
      ...(platform.webFolder !== undefined && { webFolder: platform.webFolder }),
      ...(platform.controlToken !== undefined && { controlToken: platform.controlToken }),
    });
    // Whoever streams may use its half of the time; the other is for handing over and for the disk.
    stops.push((deadlineMs) => gateway.stop(deadlineMs / 2));
    connections = () => gateway.connections();

    const [opened] = await Promise.all([open ?? openMesh(), within(clock, modelsWaitMs, runtime.settled())]);
    log.info("node.ready", { node, url: gateway.url, startedInMs: Math.round(clock.nowMs() - startedAtMs) });
    const addresses = opened.addresses();
    void peer.membership.update({ peer: opened.peer, addresses, url: webAddressFor(gateway.url, addresses) });
    const { name, roles } = member.value;
    const running = {
      url: gateway.url,
      node,
      name,
      roles,
      nodesMissing,
      stop,
      get models() {
        return peer.runtime.models();
      },
    };
    // Where nobody can say yet that there is an admin, there is none whom the code would surprise.
    const needed = adminCode !== undefined && (await firstAdmin.needed().catch(() => home.hasAdmin !== true));
    return needed ? { ...running, models: peer.runtime.models(), adminCode } : running;
  } catch (error) {
    await stop(undoTimeoutMs);
    throw error;
  }
}

/** Names by which people and programs may call this node: those that it was told, and those of its machine. */
function hostNames({ host, allowedHosts, mesh }: Config): readonly string[] {
  const machine = hostname();
  const [label = machine] = machine.split(".");
  const announced = mesh.announce.flatMap((address) => /^\/dns[46]?\/([^/]+)\//.exec(address)?.[1] ?? []);
  return [host, ...allowedHosts, ...announced, machine, label, `${label}.local`].filter((name) => name !== "");
}

function listenAddress(text: string): { readonly host: string; readonly port: number } {
  const at = text.lastIndexOf(":");
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(text.slice(at + 1)) };
}

/** A node says it is ready when its models are; but a large one may take minutes, and chat need not wait for it. */
const modelsWaitMs = 5_000;

/** A directory that answers does so in milliseconds; a person who waits longer wants to know for what. */
const directoryNoticeMs = 3_000;

/** etcd is configured, and the cluster keeps its directory in a node. */
const otherDirectory = (): PlexusError =>
  new PlexusError(
    failure("CONFIG_INVALID", {
      field: "directory",
      reason: "the cluster of this data folder keeps its directory in one of its nodes, not in etcd",
      hint: "Start without --etcd. To move the directory while the cluster runs: plexus directory migrate --etcd …",
    }),
  );

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

/** Starts listening for the other nodes. Loaded late: it is a large part of the program, and a node alone answers sooner
 *  without it. */
async function startMeshOf(
  config: Config,
  at: {
    readonly peer: Peer;
    readonly incarnation: number;
    readonly clock: Clock;
    readonly random: ReturnType<typeof createRandom>;
    readonly log: Log;
    readonly meter: Meter;
    readonly version: string;
    readonly node: string;
    readonly cluster: string;
    /** That its connections may take. */
    readonly descriptors: number;
    directory(): DirectoryPlace;
    /** Where it listened last. */
    readonly port: number | undefined;
    reachedAt(peer: string): readonly string[];
    reached(peer: string, address: string): void;
    wasEvicted(peer: string): boolean;
    disowned(by: string, why: MembershipEnd): void;
  },
): Promise<Mesh> {
  const { createAdmission, meshLimits, openNodeKey, startMesh } = await import("../mesh/index.ts");
  const { peer, incarnation, clock, random, log, meter, version, node, cluster } = at;
  const admission = createAdmission({ directory: peer.directory, clock });
  const options: Omit<MeshOptions, "listen"> = {
    node,
    cluster,
    version,
    incarnation,
    key: await openNodeKey(config.data),
    limits: {
      ...meshLimits,
      connectionsMax: Math.min(meshLimits.connectionsMax, at.descriptors),
      // The other half is for those who have proven who they are.
      pendingConnectionsMax: Math.min(meshLimits.pendingConnectionsMax, Math.floor(at.descriptors / 2)),
    },
    ...(config.mesh.announce.length > 0 && { announce: config.mesh.announce }),
    members: () => peer.membership.members().members,
    onMembersChange: (listener) => peer.membership.onChange(listener),
    peers: config.mesh.peers,
    reachedAt: (other) => at.reachedAt(other),
    reached: (other, address) => at.reached(other, address),
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
    directoryInfo: () => at.directory(),
    wasEvicted: (other) => at.wasEvicted(other),
    disowned: (by, why) => at.disowned(by, why),
  };
  const listenAt = (port: number): Promise<Mesh> => startMesh({ ...options, listen: { host: config.mesh.host, port } });
  // Who is to choose a port takes the one of the last start: there the others look for this node, and when all were down
  // nobody could tell them another.
  const { port = at.port } = config.mesh.port === 0 ? {} : config.mesh;
  const started = await listenAt(port ?? 0).catch((error: unknown) => {
    if (config.mesh.port !== 0 || port === undefined || !isPortRefused(error)) throw error;
    log.warn("mesh.port.taken", { port });
    return listenAt(0);
  });
  log.info("mesh.listening", { peer: started.peer, addresses: started.addresses() });
  return started;
}

const isPortRefused = (error: unknown): boolean => failureOf(error).details?.["field"] === "mesh.port";

/** The port on which a mesh listens. */
const portOf = (mesh: Mesh): number | undefined => {
  const [, port] = /\/tcp\/(\d+)$/.exec(mesh.addresses()[0] ?? "") ?? [];
  return port === undefined ? undefined : Number(port);
};

/** Where a node is reached by others, each address with the id that must answer there. */
const meshAddresses = (mesh: Mesh): readonly string[] =>
  mesh.addresses().map((address) => `${address}/p2p/${mesh.peer}`);

/** Ready once it has joined, while no slot that it owns is known to be unavailable: failed here, or waiting for a copy that
 *  is down. Not less so while the directory is away: what is placed goes on. */
async function readiness({ kernel, control, membership }: Peer, node: string): Promise<Result<unknown>> {
  if (!membership.joined) {
    const reason = "this node has not joined since it started, so it serves nothing yet";
    return refused(failure("DIRECTORY_AWAY", { reason }));
  }
  const rows = await control.slots();
  const blocked = (rows.ok ? rows.value : []).filter(({ owner, status }) => owner === node && status === "blocked");
  const slots = new Set([...kernel.status().slotsQuarantined, ...blocked].map(({ slot }) => slot));
  return slots.size === 0 ? ok({}) : refused(failure("SLOT_UNAVAILABLE", { slots: [...slots] }));
}

const randomHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Letters and digits that nobody mistakes for one another, in groups of four. */
function createAdminCode(bytes: Uint8Array): string {
  const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  const letters = [...bytes].map((byte) => alphabet[byte % alphabet.length]).join("");
  return [letters.slice(0, 4), letters.slice(4, 8), letters.slice(8)].join("-");
}
