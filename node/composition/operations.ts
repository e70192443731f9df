/** What answers the operations of a node: the handlers of its parts, in one list. */
import type {
  ActorId,
  ComposedHandlers,
  EngineName,
  Failure,
  Forecast,
  Result,
  RuleBody,
  RuleTried,
  ServingRow,
  ThreatListState,
  WatchRow,
  PlaceOf,
} from "../../protocols/index.ts";
import { handleAudit, handleClusterAudit, type AuditViews, type MemoryAudit } from "../audit/index.ts";
import { handleBackups, handleGuards, type BackupControl, type Tickets } from "../backup/index.ts";
import type { AuditRules } from "../cluster/facts/audit-rules.ts";
import { handleConfiguration, type SettingsControl } from "../cluster/facts/configuration-operations.ts";
import { handleControl } from "../cluster/facts/control-operations.ts";
import type { ControlTokens } from "../cluster/facts/control-tokens.ts";
import { handleSecrets, type SecretsControl } from "../cluster/facts/operations.ts";
import type { Seals } from "../cluster/facts/secrets.ts";
import type { StoreParts } from "../cluster/facts/wanted-models.ts";
import { handleDisk, handleKeys, type DiskControl, type KeysControl } from "../keys/index.ts";
import {
  handleEndpoints,
  handleEngines,
  handleInference,
  handleStore,
  type EndpointsPort,
} from "../inference/models/index.ts";
import { handleObserve, handleProfiles } from "../observe/index.ts";
import { handleActors, handleRooms, type ClusterActors, type Kernel } from "../kernel/index.ts";
import { handleCluster, type ClusterControl } from "../cluster/placement/index.ts";
import { askClusterMemory, handleMemory } from "../cluster/facts/memory.ts";
import { handleInvitations, handlePeople, type PeopleParts } from "../cluster/facts/people-operations.ts";
import type { ClusterRoles } from "../cluster/facts/roles.ts";
import type { SignUpInvitations } from "../cluster/facts/sign-up-invitations.ts";
import {
  createAddressRule,
  createIds,
  isRange,
  tellByMail,
  toldOf,
  type GatewayLimits,
  type MailPort,
} from "../gateway/index.ts";
import type {
  Clock,
  InferenceControl,
  ObserveControl,
  ProfileControl,
  Random,
  ShardControl,
  TaskControl,
} from "../ports/index.ts";
import type { Message } from "../../actors/behavior.ts";
import { handleMail } from "../mail/index.ts";
import { handleModelRoutes, type ModelRouteParts } from "../inference/routes/index.ts";
import { handleHolders, handleStripes } from "../bulk/shards/index.ts";
import { handleScanning, type FileSettings } from "../scanning/index.ts";
import { handleThreats } from "../threats/index.ts";
import type { Branding } from "../cluster/facts/branding.ts";
import { handleBudgets, handleUsage } from "../inference/usage/index.ts";
import { handleSearch, type Search } from "../search/index.ts";
import { asTasks, handleTasks } from "../tasks/index.ts";
import { handleCatchUp } from "../telling/index.ts";
import { handleAlerts, handlePlaybooks, handleWatch } from "../watch/index.ts";

/** What every node has that answers operations. */
export interface PeerParts extends ModelRouteParts {
  readonly budgets: Parameters<typeof handleBudgets>[0];
  readonly usage: Parameters<typeof handleBudgets>[1];
  readonly auditRules: AuditRules;
  readonly kernel: Pick<Kernel, "ask">;
  readonly clusterRoles: ClusterRoles;
  readonly controlTokens: ControlTokens;
  readonly control: ClusterControl;
  readonly actors: ClusterActors;
  readonly calls: { explain(engines?: readonly EngineName[]): readonly ServingRow[] };
  /** Absent: this node has no index. */
  readonly search?: Search;
}

/** What else answers operations. What a node lacks is NOT_FOUND there. */
export interface OperationParts {
  /** What the cluster calls this node. */
  readonly name: string;
  readonly clock: Pick<Clock, "nowMs" | "monotonicMs" | "soon">;
  /** What the cluster is called. Absent: as the program. */
  readonly branding?: Branding;
  readonly random: Pick<Random, "bytes">;
  /** How long answers may take, and how much is looked at for one. */
  readonly limits: GatewayLimits;
  /** Archives that were prepared. */
  readonly tickets: Pick<Tickets, "add">;
  readonly auditViews?: AuditViews;
  /** A page of the audit as the copy on this node has it. Absent: there never is one. */
  readonly auditCopy?: MemoryAudit["copy"];
  readonly backups?: BackupControl;
  readonly disk?: DiskControl;
  readonly endpoints?: EndpointsPort;
  readonly inference?: InferenceControl;
  readonly invitations?: SignUpInvitations;
  /** Of the cluster's backups. */
  readonly keys?: KeysControl;
  readonly models?: StoreParts;
  readonly mail?: MailPort;
  readonly namedSecrets?: SecretsControl;
  readonly observe?: ObserveControl;
  readonly profiles?: ProfileControl;
  readonly tasks?: TaskControl;
  /** What becomes of what the watch remembers of nodes. Absent: nobody can say. */
  readonly forecasts?: (rows: readonly WatchRow[]) => readonly Forecast[];
  /** Seals what settings keep to themselves. */
  readonly secrets?: Seals;
  /** The configuration of the cluster. */
  readonly settings?: SettingsControl;
  readonly shards?: ShardControl;
  /** What the cluster wants of files. Absent: they are let through. */
  readonly files?: () => FileSettings;
  /** What this node has of each list of threats. */
  readonly threatStates?: () => readonly ThreatListState[];
  /** Tries rules over events on the past. Absent: they cannot be tried here. */
  readonly watch?: {
    tryRule(rule: RuleBody, sinceMs: number): Promise<RuleTried>;
    /** Where addresses of people are. */
    readonly placeOf?: PlaceOf;
  };
}

/** Handlers among which there is one for each row; the type names those that lack. */
type Whole<Handlers> = [Exclude<keyof ComposedHandlers, keyof Handlers>] extends [never]
  ? Handlers
  : { readonly lacks: Exclude<keyof ComposedHandlers, keyof Handlers> };

const whole = <Handlers extends Partial<ComposedHandlers>>(handlers: Whole<Handlers> & Handlers) => handlers;

type Ask = (to: ActorId, message: Message, operationId?: string) => Promise<Result<unknown>>;

/** The handlers of all operations. */
export function operationsOf(peer: PeerParts, at: OperationParts): Partial<ComposedHandlers> {
  const { actors, auditRules, clusterRoles, control, kernel } = peer;
  const { limits } = at;
  const ask: Ask = (to, message, operationId) =>
    kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs, ...(operationId && { operationId }) });
  const memory = { kernel, cluster: control, limits };
  const newId = createIds(at.random);
  // A task has ended as a request would have.
  const shown = (reason: Failure, reads: boolean): Failure => toldOf(reason, { reads, awaited: control.awaited() });
  const people: PeopleParts = {
    ask: (to, message, timeoutMs = limits.askTimeoutMs) => kernel.ask({ to, from: "gateway", message, timeoutMs }),
    askMemory: (message) => askClusterMemory(memory, message),
    roles: clusterRoles,
    isRange,
    tell: (user, letter) => tellByMail({ kernel, limits, ...(at.mail && { mail: at.mail }) }, user, letter),
    ...(at.watch?.placeOf && { placeOf: at.watch.placeOf }),
    clock: at.clock,
    random: at.random,
    limits,
  };
  const handlers = whole({
    ...handleActors(actors),
    ...handleRooms(actors, kernel, limits),
    ...handleMemory(memory),
    ...handleClusterAudit({
      name: at.name,
      ask: (message) => askClusterMemory(memory, message),
      ...(at.auditCopy && { copy: at.auditCopy }),
    }),
    ...handlePeople(people),
    ...(at.invitations && handleInvitations(people, at.invitations)),
    ...handleCluster(control, limits),
    ...(at.auditViews && handleAudit({ ...at, views: at.auditViews, rules: auditRules })),
    ...(at.backups && handleBackups({ ...at, backups: at.backups, kernel, newId, shown })),
    ...handleGuards({ ask, newId, nowMs: () => at.clock.nowMs() }),
    ...handleHolders({ cluster: control, kernel, limits }),
    ...(at.shards && handleStripes(at.shards)),
    ...handleBudgets(peer.budgets, peer.usage, ask),
    ...(at.disk && handleDisk(at.disk)),
    ...(at.endpoints && handleEndpoints(at.endpoints, at.name)),
    ...handleEngines(() => peer.calls.explain()),
    ...(at.inference && handleInference(at.inference, at.name)),
    ...(at.keys && handleKeys(at.keys, ask)),
    ...(at.models && handleStore(at.models, at.name)),
    ...handleModelRoutes(peer),
    ...(at.namedSecrets && handleSecrets(at.namedSecrets, () => at.clock.nowMs())),
    ...handleScanning({
      ask,
      settings: at.files ?? (() => ({ scan: true, withoutScanner: "allow" })),
      scanners: () => peer.calls.explain(["scan"]),
    }),
    ...handleThreats(auditRules.lists, () => at.threatStates?.() ?? []),
    ...handleUsage(ask, {
      nowMs: () => at.clock.nowMs(),
      brand: () => at.branding?.current().name ?? "Plexus",
      random: at.random,
    }),
    ...(at.observe && handleObserve(at.observe)),
    ...(at.profiles && handleProfiles(at.profiles)),
    ...(peer.search && handleSearch({ kernel, clock: at.clock, limits, find: peer.search.find })),
    ...handleCatchUp({ kernel, clock: at.clock, limits }),
    ...handleTasks({ ask, cluster: control, tasks: at.tasks, observe: at.observe }),
    ...settingsHandlers(peer, at),
    ...watchHandlers(peer, at, ask),
  });
  return asTasks(handlers, at.tasks?.follow);
}

/** What admins set for the whole cluster. */
function settingsHandlers({ clusterRoles, controlTokens }: PeerParts, at: OperationParts) {
  const table = () => clusterRoles.table();
  const isWithin = (ranges: readonly string[], address: string): boolean => createAddressRule(ranges)(address);
  const nowMs = () => at.clock.nowMs();
  return {
    ...handleControl({ tokens: controlTokens, table, clock: at.clock, random: at.random }),
    ...(at.settings && handleConfiguration({ control: at.settings, table, isWithin, nowMs })),
    ...(at.mail && handleMail(at.mail)),
  };
}

/** What is watched for, and what is done about it. */
function watchHandlers({ clusterRoles }: PeerParts, at: OperationParts, ask: Ask) {
  const { limits, mail, secrets, watch } = at;
  return {
    ...handleAlerts(ask),
    ...handlePlaybooks({
      ask,
      random: at.random,
      table: () => clusterRoles.table(),
      sendsMail: () => mail?.settings.isSet() === true,
      ...(secrets && { seal: (text, context) => secrets.seal(text, context) }),
    }),
    ...handleWatch({
      ask,
      forecasts: at.forecasts ?? (() => []),
      forecastPagesMax: limits.forecastPagesMax,
      ...(watch && { tryRule: (rule, sinceMs) => watch.tryRule(rule, sinceMs) }),
      ruleTrialsMax: limits.ruleTrialsMax,
      nowMs: () => at.clock.nowMs(),
    }),
  };
}
