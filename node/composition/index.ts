/** One node, put together on the real ports: disk, network card, inference host, web server. The only room that knows
 *  all parts.
 *
 *      machine ─► own parts ─► peer ─► bulk ─► work ─► part in the cluster ─► watch ─► tasks ─► gateway
 *      (clock,    (folder,     (no     (disk,  (keys,   (mesh, joined,        (mail,    (profiles, (clients)
 *       metrics)   journal,    real    shards) backups)  registered)           threats)  settings)
 *                  models)     thing)
 *
 *  Started in this order, stopped in reverse. Each phase (`start`) takes what the earlier ones made and returns it with
 *  its own; how to stop a part is added to the stops in the same step. Where a part needs a later one, it gets a port
 *  that says what holds until then. The simulation runs the same peers on simulated ports. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { behaviors } from "../../actors/index.ts";
import { isEverywhere, type Config, type Settings } from "../../config/index.ts";
import {
  newcomerRoles,
  ok,
  type AdminTask,
  type InvitationIssued,
  type LogLevel,
  type ModelInfo,
  type Result,
  type Role,
} from "../../protocols/index.ts";
import { openActorBlobs } from "../bulk/blobs/index.ts";
import { indexInThread, type Index } from "../search/index.ts";
import { keyFolder, modelFolder, qualityFile, searchFile, settingsFile, tasksFile } from "../data-folder/index.ts";
import { adminCodeHash } from "../gateway/index.ts";
import { createInferenceControl } from "../inference/models/index.ts";
import { createObserveControl, createProfiles } from "../observe/index.ts";
import { announce, createEnding, placeFor, webAddressFor, type NodeLoad } from "../cluster/membership/index.ts";
import {
  bytesIn,
  createClock,
  diskOf,
  freeIn,
  holdVariable,
  keptText,
  openFiles,
  openTls,
  outwardAddresses,
  postText,
  profileCpu,
  profileHeap,
} from "../platform/index.ts";
import { watchSecrets } from "../cluster/facts/secrets.ts";
import { tellStoredAgain } from "../accounts/index.ts";
import { createHandOvers, isHolder } from "../bulk/shards/index.ts";
import { qualityLimits } from "../inference/quality/index.ts";
import { usageLimits } from "../inference/usage/index.ts";
import type { ActorBlobs, Directory, Log, MembershipEnd, Random } from "../ports/index.ts";
import { within } from "../waiting.ts";
import { createPacing, type Pacing } from "../backup/index.ts";
import { openActs, openTasks, taskLimits, tellEnded, type Told } from "../tasks/index.ts";
import { tellCluster, type Changed } from "../audit/index.ts";
import { openKeys, openKnownKeys, watchRoot } from "../keys/index.ts";
import { watchDrains } from "../cluster/placement/index.ts";
import { openBackups } from "./backups.ts";
import { openAttachments, openPreviews, openShards, shownToModels, withScanner } from "./bulk.ts";
import { openIdentity, type Identity } from "./identity.ts";
import { checkPlaces, join, listenForNodes, register, rememberCluster } from "./joining.ts";
import {
  diskKeyFiles,
  joinAudit,
  noteOwn,
  openAudit,
  openIdentitySigner,
  openOwnDisk,
  openSecrets,
  toAdmins,
} from "./keys.ts";
import { createSuggestions, openModels } from "../inference/local/index.ts";
import { openMachine, openTracing, type Machine } from "./machine.ts";
import { openBranding } from "../cluster/facts/branding.ts";
import { openMail, openTelling } from "./telling.ts";
import { byWordOfThird, createMeshPort, type MeshPort } from "../cluster/mesh/port.ts";
import { patientLimits } from "./patience.ts";
import { createPeer, type Peer, type PeerOptions } from "./peer.ts";
import { secretsControl } from "../cluster/facts/adopted-secrets.ts";
import { openSettings, rememberedSettings as readSettings } from "../cluster/facts/node-settings.ts";
import { settingsLimits } from "../cluster/facts/settings.ts";
import { boundedMachine, startInference } from "./models.ts";
import { openPlaces, openThreats, serveClients } from "./serving.ts";
import { Stops } from "../stops.ts";
import { openWatch, watchLimits } from "../watch/index.ts";
import { memberIn } from "../cluster/facts/members.ts";

export type { MembershipEnd } from "../ports/index.ts";

/** Where a node keeps what the cluster has set, for its next start. */
const settingsText = (data: string) => keptText(settingsFile(data), settingsLimits.settingsFileBytesMax);

/** What a node remembers of the cluster's values from its last run. */
export const rememberedSettings = (data: string) => readSettings(settingsText(data));

/** What the process around the node brings. */
export interface NodePlatform {
  /** `level`: from which level on it prints; absent: `info`. */
  readonly log: Log & { readonly level?: LogLevel | "silent" };
  readonly version: string;
  /** Which value of the configuration is from where, and what changes do. Absent: what the node was started with
   *  stays. */
  readonly settings?: Settings;
  /** The built page; absent, the node serves its API alone. */
  readonly webFolder?: string;
  /** Resolves when the process is to end. A start that waits for the cluster's directory then ends with STOPPING; one
   *  that gets on is finished first, and stopped by `stop`. */
  readonly stopAsked?: Promise<unknown>;
  /** Told when this process is not this member any more: it serves nothing from then on. */
  readonly ended?: (why: MembershipEnd) => void;
  /** Told once when the start waits for the cluster's directory, which is `where`; `because`: what is known to be
   *  wrong. */
  readonly waiting?: (where: string, because: string | undefined) => void;
  /** The operator takes the data folder for what the node had last, and knows what that may lose. */
  readonly trustsData?: boolean;
  /** The operator's secret for the admin API. */
  readonly controlToken?: string;
}

export interface RunningNode {
  /** Where it is reached from this machine, by an address: nothing has to resolve a name. */
  readonly url: string;
  /** Where others reach it, as far as it knows; the same where it listens at one address. */
  readonly outwardUrl: string;
  /** Where gRPC is: `127.0.0.1:7080`. Absent: nowhere. */
  readonly grpc?: string;
  /** Where its control endpoint is; absent: it has none. */
  readonly controlUrl?: string;
  readonly node: string;
  /** What the cluster calls it. */
  readonly name: string;
  /** The one-time code that makes the first account the admin; absent once there is one. */
  readonly adminCode?: string;
  /** Those it started with, as the cluster has them. */
  readonly roles: readonly Role[];
  /** At the start of a cluster's first node, how many more `minInSync` asks for: until they are there, commands are
   *  refused. 0 otherwise. */
  readonly nodesMissing: number;
  /** False: it started without the directory, and serves nothing until that answers. */
  readonly joined: boolean;
  /** Those of the cluster, as this node knows them now. */
  readonly models: readonly ModelInfo[];
  /** Takes no more work, finishes what is under way, closes the data folder. */
  stop(deadlineMs: number): Promise<void>;
}

/** How long what was started may take to stop again when the start fails. */
const undoTimeoutMs = 10_000;

/** A node says it is ready when its models are; but a large one may take minutes, and chat need not wait for it. */
const modelsWaitMs = 5_000;

/** How long an invitation is good for when nobody says otherwise. */
const invitationMs = 3_600_000;

/** Starts a node. Errors: DATA_FOLDER_IN_USE, DATA_FORMAT_UNKNOWN, DATA_DAMAGED, CONFIG_INVALID (port taken, no such
 *  address, another directory), NOT_A_PEER (evicted), and when it joins INVITATION_INVALID, VERSION_UNSUPPORTED,
 *  UNREACHABLE, and STOPPING when it was asked to. What was started before an error is stopped again. */
export async function startNode(config: Config, platform: NodePlatform): Promise<RunningNode> {
  const clock = createClock();
  const stops = new Stops({ clock, log: platform.log });
  try {
    const { log, version } = platform;
    const machine = openMachine({ clock, log, version, data: config.data, stops });
    return await start({ config, platform, machine, stops });
  } catch (error) {
    await stops.run(undoTimeoutMs);
    throw error;
  }
}

/** A post comes through a gateway, and waits for its room's owner and the other copies: tells the pacing how many nodes
 *  that is. */
function countPlaces(pacing: Pacing, { membership, policy }: Pick<Peer, "membership" | "policy">): void {
  const count = (): void => {
    const { members } = membership.members();
    const serving = members.filter(({ roles }) => roles.includes("chat") || roles.includes("gateway"));
    pacing.among(Math.max(1, Math.min(policy.current().replicas + 1, serving.length)));
  };
  membership.onChange(count);
  policy.onChange(count);
  count();
}

/** What a start is given. */
interface Given {
  readonly config: Config;
  readonly platform: NodePlatform;
  readonly machine: Machine;
  readonly stops: Stops;
}

type Opened = Awaited<ReturnType<typeof openOwn>>;
type WithPeer = ReturnType<typeof withPeer>;
type WithBulk = Awaited<ReturnType<typeof withBulk>>;
type WithWork = ReturnType<typeof withWork>;
type TakingPart = Awaited<ReturnType<typeof takePart>>;
type Watching = Awaited<ReturnType<typeof withWatch>>;
type WithTasks = ReturnType<typeof withTasks>;

/** Each phase is given what the earlier ones made, and returns it with its own. */
async function start(given: Given): Promise<RunningNode> {
  const own = await openOwn(given);
  const stored = await withBulk(withPeer(own));
  const member = await takePart(withWork(stored));
  const ready = withTasks(await withWatch(member));
  return serve(ready, await openGateway(ready));
}

/** What a node has before it knows of others: its folder, its models, its audit. */
async function openOwn(given: Given) {
  const { config, platform, machine, stops } = given;
  const { clock, log } = machine;
  const live = (): Config => platform.settings?.current() ?? config;
  // What is wrong with a certificate is said before anything is opened.
  const tls = await openTls(config, machine, () => live().tls.clientCa);
  if (tls !== undefined) stops.add(async () => tls.stop());
  const pacing = createPacing({ clock });
  const identity = await openIdentity(config, {
    machine,
    stops,
    trustsData: platform.trustsData === true,
    checked: () => checkPlaces(config),
    heard(slot, tookMs) {
      // A holder's inventory changes because of a backup.
      if (!isHolder(slot)) pacing.heard(tookMs);
    },
  });
  const { node, cluster, store, home } = identity;
  const modelFiles = await openFiles(modelFolder(config.data));
  const models = await openModels(config, {
    machine,
    stops,
    node,
    folder: modelFolder(config.data),
    hasRoom: (bytes) => modelFiles.hasRoom(bytes),
    keyFolder: keyFolder(config.data),
    holdVariable,
  });
  const inference = startInference(config, { machine, identity, stops, models });
  const ending = createEnding({ node, cluster, home, log });
  const meshPort = createMeshPort(node);
  /** What each part adds to the figures of a heartbeat. */
  const loads: (() => Partial<NodeLoad>)[] = [
    () => ({
      eventLoopLagMs: Math.round(machine.lagMs()),
      memoryBytes: machine.memoryBytes(),
      ...diskOf(store.location),
    }),
  ];
  const audit = await openAudit(config, { machine, identity, stops });
  const changed: Changed = (kernel, action, facts, by, tell) => {
    tellCluster(kernel, { action, by: by ?? config.name, facts, ...(tell && { tell }) });
    // What somebody asked for is written where it was asked for.
    if (by === undefined) noteOwn(audit, config.name, action, facts);
  };
  const tracer = await openTracing(config, { node, machine, stops });
  return { ...given, live, tls, pacing, identity, models, inference, ending, meshPort, loads, audit, changed, tracer };
}

/** The peer on the real ports. */
function withPeer(own: Opened) {
  const { config, platform, machine, stops, identity, inference, meshPort, tracer, loads, ending } = own;
  const { node, cluster, store, journal, home } = identity;
  const { clock, random, log, meter } = machine;
  const handOvers = createHandOvers();
  // The blobs need the peer, whose agents may want them at once.
  const kept = Promise.withResolvers<ActorBlobs>();
  const scanning = withScanner(own.live, inference, { machine, stops, blobs: kept.promise });
  const trustsData = platform.trustsData === true;
  const peer = createPeer({
    node,
    ...(tracer && { tracer }),
    cluster,
    store,
    journal,
    transport: meshPort.transport,
    directory: identity.place,
    founding: identity.founder,
    behaviors,
    ...scanning,
    storedBytes: () => bytesIn(config.data, usageLimits.storedFilesMax),
    ...(config.prefer !== "balanced" && { prefer: config.prefer }),
    quality: keptText(qualityFile(config.data), qualityLimits.fileBytesMax),
    search: searchIndex(config.data, identity),
    ...shownToModels(kept.promise, machine.opener),
    clock,
    random,
    log,
    meter,
    policy: { replicas: config.replicas, minInSync: config.minInSync },
    limits: patientLimits(config.limits.patience),
    seed: home.now.members,
    openSigner: (peerOf) => openIdentitySigner(config.data, { node, peerOf }),
    load: () => Object.assign({}, ...loads.map((read) => read())) as Partial<NodeLoad>,
    invite: (directory, terms) => issueInvitation(terms, { directory, identity, machine, meshPort }),
    changed: own.changed,
    mayHandOver: handOvers.may,
    age: ageOf(identity, trustsData),
    trustsData,
    placed: (place) => home.remember({ directory: place }),
    ended: (why) => ending.begin(why),
    byWord: byWordOfThird(meshPort, home),
    refusals: () => meshPort.refusals(),
  });
  // What it holds belongs to the others then; clients that are connected here must not be told otherwise.
  ending.onBegin(() => peer.replication.stop());
  // Below the peer: what the peer hands over while it stops travels on the mesh.
  stops.add((deadlineMs) => meshPort.stop(deadlineMs));
  stops.add((deadlineMs) => peer.stop(deadlineMs));
  const told: Told = (action, facts, by, tell) => own.changed(peer.kernel, action, facts, by, tell);
  /** What the node did by itself. */
  const noted = (action: string, facts: Readonly<Record<string, string>>, tell?: typeof toAdmins): void =>
    own.changed(peer.kernel, action, facts, undefined, tell);
  return { ...own, peer, handOvers, kept, scanning, told, noted };
}

/** What it keeps beside the journal: its disk, blobs of actors, shards. */
async function withBulk(at: WithPeer) {
  const { config, machine, identity, peer, stops, pacing, noted } = at;
  const { node, store } = identity;
  const { clock, log, meter } = machine;
  const disk = await openOwnDisk(config, { identity, machine, stops });
  const known = openKnownKeys({
    machine,
    identity,
    peer,
    tell: (facts, by, operationId) =>
      tellCluster(peer.kernel, { action: "refuseRoot", by, facts, tell: toAdmins }, operationId),
  });
  stops.add(watchRoot(peer, known, (root) => void disk.escrow(root), log));
  const { kernel, exchange, table, membership } = peer;
  const around = { node, store, clock, log, meter, kernel, exchange, table, membership };
  const copies = await openActorBlobs({ files: disk.blobs, ...around });
  const { load, ...opened } = await openShards(config, { machine, identity, peer, changed: noted, pacing });
  const { shards } = opened;
  at.loads.push(load);
  at.handOvers.open(shards);
  stops.add(() => shards.stop());
  const { blobs, forModels } = openAttachments({ node, machine, peer, copies, shards, pacing, stops });
  at.kept.resolve(blobs);
  return { ...at, disk, known, shards, shardFiles: opened.files, blobs, forModels };
}

/** What admins ask for: secrets, keys, backups, models. */
function withWork(at: WithBulk) {
  const { config, platform, machine, identity, peer, stops, known, shards, shardFiles, blobs, pacing, told } = at;
  const { exchange, membership } = peer;
  const { clock, log } = machine;
  const { node } = identity;
  const { name } = config;
  // Settings that have a secret may refer to one by its name.
  const sealed = openSecrets(config, { machine, identity, peer });
  stops.add(async () => sealed.stop());
  const secrets = watchSecrets(peer.directory, sealed.secrets);
  stops.add(async () => secrets.stop());
  const served = at.models.join(peer, at.inference, { secrets, ...at.forModels });
  joinAudit(at.audit, { peer, secrets, name, version: platform.version });
  const keys = openKeys({ name, ...diskKeyFiles(config) }, { machine, identity, peer, audit: at.audit }, known);
  const { backups, control: backupControl } = openBackups(config, {
    machine,
    identity,
    peer,
    stops,
    keys,
    known,
    shards,
    shardFiles,
    blobs,
    pacing,
    told,
    changed: at.noted,
  });
  stops.add(() => pacing.stop());
  const suggest = createSuggestions(boundedMachine(config), clock);
  const actsText = keptText(tasksFile(config.data), taskLimits.actsFileBytesMax);
  const acts = openActs({ node, name, kept: actsText, clock, log, told });
  stops.add(() => acts.stop());
  const here = { node, name, exchange, membership };
  const control = createInferenceControl({ ...here, own: { ...at.inference, suggest }, follow: acts.follow });
  const observe = createObserveControl({ ...here, own: machine.memory, clock });
  return { ...at, sealed, secrets, served, keys, backups, backupControl, acts, control, observe };
}

/** Joins the cluster and takes its part in it. */
async function takePart(at: WithWork) {
  const { config, platform, machine, identity, peer, stops, ending, inference } = at;
  const { node, home } = identity;
  const parts = { machine, identity, peer };
  const directory = () => peer.place() ?? identity.place;
  rememberCluster(parts, directory);
  const joined = (facts: Readonly<Record<string, string>>): void => noteOwn(at.audit, config.name, "join", facts);
  const listen = () => at.meshPort.open(() => listenForNodes(config, { ...parts, ending, directory, joined }));
  // A node that is alone serves first and listens for others then; one of many needs them to serve.
  const alone = home.now.members.every((member) => member.node === node) && identity.place.kind === "embedded";
  const mesh = alone ? undefined : await listen();

  // One node prints the code, the one that began the cluster: another one's would make it void.
  if (identity.founder && home.now.began !== true) home.remember({ began: true });
  const adminCode = home.now.began === true ? createAdminCode(machine.random) : undefined;
  const codeHash = adminCode === undefined ? undefined : adminCodeHash(adminCode);
  const waiting = (where: string, because: string | undefined): void => platform.waiting?.(where, because);
  const member = await join(parts, { ending, mesh, stopAsked: platform.stopAsked, waiting });
  ending.ended.catch(() => ending.why && platform.ended?.(ending.why));

  const followRoles = (): void => {
    const row = memberIn(peer.membership, node);
    // Not the row of the last start, which the list may still have.
    if (row !== undefined && row.incarnation >= member.incarnation) inference.serve(row.roles.includes("ai"));
  };
  peer.membership.onChange(followRoles);
  followRoles();
  countPlaces(at.pacing, peer);

  // The cluster's role-manager may be elsewhere, and away for now: a node of many starts without it. So does the first
  // one of many, without which the others cannot come. Before clients come: whether an admin exists decides what
  // sign-up asks for.
  const { minInSync } = config;
  const nodesMissing = alone ? minInSync - 1 : 0;
  if (nodesMissing > 0) machine.log.warn("node.writes.wait", { nodesMissing, minInSync });
  const ownMemory = alone && nodesMissing === 0;
  const firstAdmin = await register(parts, { config, member, adminCodeHash: codeHash, alone: ownMemory, stops });
  return { ...at, listen, mesh, adminCode, codeHash, member, nodesMissing, firstAdmin };
}

/** What it tells by mail, and what it looks out for. */
async function withWatch(at: TakingPart) {
  const { config, machine, identity, peer, stops, live, secrets, audit, member } = at;
  const { node } = identity;
  const branding = openBranding(peer.directory);
  const mail = openMail(live, { brand: () => branding.current().name, machine, peer, secrets, name: member.name });
  stops.add(() => [mail, branding].forEach((one) => one.stop()));
  const places = openPlaces(config, { ...machine, stops });
  const watcher = openWatch({
    machine,
    node,
    name: member.name,
    peer,
    audit,
    secrets: at.sealed.secrets,
    totals: (names) => machine.metrics.totals(names),
    disk: () => diskOf(config.data),
    ...(places && { places }),
    tell: (action, facts) => tellCluster(peer.kernel, { action, by: member.name, facts, tell: toAdmins }),
    post: (url, body, headers) => postText(url, body, { headers, timeoutMs: watchLimits.postTimeoutMs }),
    mail: {
      isSet: () => mail.settings.isSet(),
      send: (request) => mail.outbound.send(request),
      post: (request) => mail.outbound.post(request),
    },
  });
  stops.add(() => watcher.stop());
  const threats = await openThreats(config, { ...machine, peer, stops });
  at.scanning.listed.open(threats);
  openPreviews({ live, machine, peer, blobs: at.blobs, threats, stops });
  return { ...at, branding, mail, watcher, threats };
}

/** What takes long here, and what admins set for this node. */
function withTasks(at: Watching) {
  const { config, platform, machine, identity, peer, stops, member, backups, acts, told } = at;
  const { exchange, membership, control } = peer;
  const { clock, log } = machine;
  const { node, store } = identity;
  const place = { node, name: member.name };
  const ended = (task: AdminTask): void => tellEnded(task, told);
  const profiler = { cpu: profileCpu, heap: profileHeap };
  const folder = resolve(fileURLToPath(new URL("../..", import.meta.url)));
  const profiles = createProfiles({ place, exchange, membership, clock, profiler, folder, ended });
  const drains = watchDrains({ node, clock, membership, control, ended, log });
  const own = openTasks({
    place,
    exchange,
    membership,
    store: at.models.store,
    backups,
    disk: at.disk.tasks,
    endpoints: at.served.endpoints,
    clock,
    log,
    profiles,
    acts,
    told,
  });
  const counting = tellStoredAgain({ kernel: peer.kernel, store, clock, log, version: platform.version });
  stops.add(async () => {
    counting.stop();
    own.stop();
    drains.stop();
  });
  const set = platform.settings;
  const settings = set && openSettings(set, { machine, ...place, peer, file: settingsText(config.data) });
  if (set !== undefined && settings !== undefined) {
    stops.add(() => settings.stop());
    const endBalance = set.onChange(({ replicas, minInSync, weight }) => {
      peer.policy.configure({ replicas, minInSync });
      const row = memberIn(membership, node);
      if (row !== undefined && row.weight !== weight) void membership.update({ weight });
    });
    stops.add(() => endBalance());
  }
  return { ...at, profiles, tasks: own.tasks, settings: settings?.control };
}

/** Takes clients. */
async function openGateway(at: WithTasks): ReturnType<typeof serveClients> {
  const { config, platform, machine, identity, peer, live, tls, tracer, secrets, mail, settings, threats, watcher } =
    at;
  const { branding, meshPort, firstAdmin, blobs, observe, shards, keys, tasks, profiles, audit } = at;
  const { wanted, striped, endpoints } = at.served;
  const gateway = await serveClients(live, {
    machine,
    identity,
    peer,
    ownPublicUrl: config.publicUrl,
    ...(settings && { settings }),
    ...(tls && { tls }),
    namedSecrets: secretsControl(secrets, { peer, mail: mail.settings }),
    mail,
    ...openTelling({ live, machine, node: identity.node, peer, secrets, mail }),
    branding,
    threats,
    secrets,
    meshPort,
    firstAdmin,
    blobs,
    opener: machine.opener,
    models: { store: at.models.store, wanted, striped },
    endpoints,
    inference: at.control,
    observe,
    ...(tracer && { tracer }),
    disk: at.disk.control,
    shards,
    keys,
    backups: at.backupControl,
    name: at.member.name,
    changed: at.told,
    tasks,
    profiles,
    audit,
    auditControl: audit,
    auditViews: audit,
    threatStates: () => threats.states(),
    watch: watcher,
    forecasts: (rows) => watcher.forecasts(rows),
    adminCodeHash: at.codeHash,
    ...(platform.webFolder !== undefined && { webFolder: platform.webFolder }),
    ...(platform.controlToken !== undefined && { controlToken: platform.controlToken }),
  });
  // Clients that stream may use their half of the time; the other is for handing over and for the disk.
  at.stops.add((deadlineMs) => gateway.stop(deadlineMs / 2));
  at.loads.push(() => ({ connections: gateway.connections() }));
  return gateway;
}

/** It is ready: others are told where it is, and its operator what to open. */
async function serve(at: WithTasks, gateway: Awaited<ReturnType<typeof serveClients>>): Promise<RunningNode> {
  const { config, platform, machine, identity, peer, stops, member, inference, nodesMissing, adminCode } = at;
  const { clock, log } = machine;
  const { node, home } = identity;
  const [listening] = await Promise.all([at.mesh ?? at.listen(), within(clock, modelsWaitMs, inference.settled())]);
  const { url, grpcAddress, controlUrl } = gateway;
  noteOwn(at.audit, config.name, "startNode", { version: platform.version, roles: member.roles.join(",") });
  log.info("node.ready", { node, url, startedInMs: Math.round(clock.nowMs() - machine.startedAtMs) });
  const reachOf = (addresses: readonly string[]) => ({ mesh: addresses, own: outwardAddresses() });
  const outwardOf = (addresses: readonly string[]): string =>
    webAddressFor(url, { ...reachOf(addresses), everywhere: isEverywhere(config.host), publicUrl: config.publicUrl });
  const stopAnnouncing = announce({
    clock,
    log,
    addresses: () => listening.addresses(),
    tell: (addresses) => void peer.membership.update({ peer: listening.peer, addresses, url: outwardOf(addresses) }),
  });
  stops.add(async () => stopAnnouncing());
  const running = {
    url,
    outwardUrl: outwardOf(listening.addresses()),
    ...(grpcAddress !== undefined && { grpc: placeFor(grpcAddress, reachOf(listening.addresses())) }),
    ...(controlUrl !== undefined && { controlUrl }),
    node,
    name: member.name,
    roles: member.roles,
    nodesMissing,
    joined: peer.membership.joined,
    stop: (deadlineMs: number) => stops.run(deadlineMs),
    get models() {
      return peer.calls.engines.generate.models();
    },
  };
  // Print the admin code also while it is unknown whether an admin exists.
  const needed = adminCode !== undefined && (await at.firstAdmin.needed().catch(() => home.now.hasAdmin !== true));
  return needed ? { ...running, models: peer.engines.generate.models(), adminCode } : running;
}

const searchIndex = (data: string, { store }: Pick<Identity, "store">): Index =>
  indexInThread({
    file: searchFile(data),
    hides: () => store.state !== "plain",
    hasRoom: (bytes) => (freeIn(data) ?? Infinity) >= bytes,
  });

async function issueInvitation(
  terms: Parameters<NonNullable<PeerOptions["invite"]>>[1],
  at: {
    readonly directory: Directory;
    readonly identity: Identity;
    readonly machine: Machine;
    readonly meshPort: MeshPort;
  },
): Promise<Result<InvitationIssued>> {
  const { createInvitation } = await import("../cluster/mesh/index.ts");
  const mesh = await at.meshPort.opened;
  const offer = {
    roles: terms.roles ?? newcomerRoles,
    labels: terms.labels ?? {},
    ...(terms.storage && { storage: terms.storage }),
    expiresInMs: terms.expiresInMs ?? invitationMs,
    cluster: at.identity.cluster,
    peer: mesh.peer,
    addresses: mesh.addresses(),
  };
  const made = await createInvitation(at.directory, offer, at.machine);
  const { roles, addresses, storage } = offer;
  return made.ok ? ok({ ...made.value, roles, addresses, ...(storage && { storage }) }) : made;
}

/** What the folder knows of the age of its copies. Folders from before that was kept say nothing. */
function ageOf({ home, isNew }: Identity, trustsData: boolean): NonNullable<PeerOptions["age"]> {
  return {
    known: trustsData ? Infinity : (home.now.incarnation ?? (isNew ? 0 : Infinity)),
    distrusted: trustsData ? [] : (home.now.distrusted ?? []),
    remember: (incarnation, distrusted) => home.keep({ incarnation, distrusted }),
  };
}

/** Letters and digits that nobody mistakes for one another, in groups of four. */
function createAdminCode(random: Random): string {
  const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  const letters = [...random.bytes(12)].map((byte) => alphabet[byte % alphabet.length]).join("");
  return [letters.slice(0, 4), letters.slice(4, 8), letters.slice(8)].join("-");
}
