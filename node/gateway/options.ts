import type {
  AuditWriter,
  Degraded,
  Failure,
  NodePlace,
  AuditAction,
  NodeStatus,
  ComposedHandlers,
  Noticed,
  Permission,
  Quota,
  RegistrationRule,
  Result,
  SignInDemands,
  Thumb,
  PlaceOf,
  UsedMeasure,
} from "../../protocols/index.ts";
import type { MeshAnswer, MeshBody } from "../../protocols/mesh/index.ts";
import type { Engines } from "../../runtimes/engine.ts";
import type { Opener } from "../../runtimes/opened/index.ts";
import type { ControlTokens } from "../cluster/facts/control-tokens.ts";
import type { ClusterRoles } from "../cluster/facts/roles.ts";
import type { IdentityProviders } from "../cluster/facts/identity-providers.ts";
import type { Providers } from "../identity/index.ts";

import type { SignUpInvitations } from "../cluster/facts/sign-up-invitations.ts";
import type { StoreParts } from "../cluster/facts/wanted-models.ts";
import type { Kernel } from "../kernel/api.ts";
import type { ClusterControl } from "../cluster/placement/api.ts";
import type {
  ActivityPort,
  RequestCounts,
  ActorBlobs,
  Clock,
  Hub,
  Log,
  Meter,
  ProfileControl,
  Random,
  ScanPolicy,
  Tracer,
} from "../ports/index.ts";
import type { Addresses } from "./edge/addresses.ts";
import type { Mounts } from "./edge/mount.ts";
import type { HostCheck } from "./edge/hosts.ts";
import type { GatewayLimits } from "./limits.ts";
import type { OwnEmojiList } from "./media/own-emoji.ts";
import type { Seals } from "../cluster/facts/secrets.ts";
import type { Branding } from "../cluster/facts/branding.ts";
import type { OutputMemory } from "./edge/output-memory.ts";
import type { BodyPace } from "./edge/body-pace.ts";
import type { TlsPort } from "./edge/tls.ts";
import type { PresencePeers } from "./presence/index.ts";
import type { RatePeers, Rates } from "./edge/shared-rates.ts";
import type {
  AuditControl,
  BackupArchives,
  CommandRates,
  ControlAddress,
  ControlDoor,
  ListenAddress,
  MailPort,
  DigestPort,
  PushPort,
  Rights,
  ServiceTokenOptions,
  ServiceTokens,
} from "./ports.ts";

/** What a node says that is ready. */
interface Ready {
  /** What is wrong with the cluster's directory. Absent: it answers and takes changes. */
  readonly directory?: string;
}

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly kernel: Kernel;
  readonly engines: Engines;
  /** What the roles of people grant; absent: the built-in ones grant what they do everywhere. */
  readonly clusterRoles?: ClusterRoles;
  /** Told of each token that was found good: resolves when other nodes can be shown that its person is signed in here.
   *  Absent: there are none. */
  signedIn?(user: string, tokenHash: string): Promise<void>;
  /** Labels of this node. Absent: it has none. */
  labels?(): Readonly<Record<string, string>>;
  /** Told what people say of answers of models; absent on a node without a cluster. */
  readonly quality?: {
    rated(rating: {
      readonly operation?: string;
      readonly model: string;
      readonly from: Thumb | undefined;
      readonly to: Thumb | undefined;
    }): void;
  };
  /** What answers the operations; whatever is absent is NOT_FOUND. */
  readonly operations?: Partial<ComposedHandlers>;
  /** Whether files are checked before others get them; absent: they are not. */
  readonly scanning?: ScanPolicy;
  /** What quotas and budgets say of what is about to happen; absent on a node without a cluster. */
  readonly budgets?: BudgetGuard;
  /** Counts what people do; absent: nobody does. */
  readonly activity?: ActivityPort;
  /** Counts what came of requests; absent: nobody does. */
  readonly counts?: RequestCounts;
  /** Notices to browsers whose page is closed; absent: there are none. */
  readonly push?: PushPort;
  /** Mail to people who were away; absent: there is none. */
  readonly digests?: DigestPort;
  /** The hub the kernel publishes into. */
  readonly hub: Hub;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Names by which the node may be called beside addresses and `localhost`; see hosts.ts. */
  readonly hosts?: readonly string[];
  /** Origins of other sites whose pages may use the interfaces of `ai/`; absent: none. */
  readonly allowedOrigins?: readonly string[];
  /** Where metrics are read without a token; absent: nowhere. */
  readonly metricsListen?: ListenAddress;
  /** Where gRPC is; absent: nowhere. */
  readonly grpcListen?: ListenAddress;
  /** Where admins and their programs come in; absent: at the gateway alone. */
  readonly controlListen?: ControlAddress;
  /** What opens it beside an admin's token; absent: there are no control tokens. */
  readonly controlTokens?: ControlTokens;
  /** What both listeners speak TLS with; absent: they do not. */
  readonly tls?: TlsPort;
  /** Descriptors that connections may take; absent: as many as the limits allow. */
  readonly descriptors?: number;
  /** Addresses and ranges of the proxies in front, whose X-Forwarded-For counts; absent: none. */
  readonly trustedProxies?: readonly string[];
  /** From where admins may come, and the operator's control token; absent or empty: from everywhere. */
  readonly adminAddresses?: readonly string[];
  /** Addresses that are refused, as lists say now; absent: none. */
  readonly threats?: {
    isBlocked(address: string): boolean;
    onChange(listener: () => void): void;
  };
  /** Where addresses of people are. Absent: nobody says. */
  readonly placeOf?: PlaceOf;
  readonly node: string;
  /** What people call the node; its id when absent. */
  readonly name?: string;
  readonly version: string;
  /** The built page; absent, the node serves its API alone. */
  readonly webFolder?: string;
  /** Who may make an account. */
  readonly signUp: RegistrationRule;
  /** Absent: on. */
  readonly sharedLinks?: () => "on" | "off";
  /** Domains of mail addresses that count for the rule `domain`. Absent: none. */
  readonly signUpDomains?: readonly string[];
  /** Invitations to make an account where sign-up asks for one. Absent: there are none. */
  readonly invitations?: SignUpInvitations;
  /** Where people find the page: where other servers send browsers back to. Absent: wherever the browser that asks has
   *  found it. */
  publicUrl?(): string | undefined;
  /** Where others reach what listens at this address of the machine; absent: there. */
  outwardUrl?(url: string): string;
  /** Mail. Absent: the cluster sends none. */
  readonly mail?: MailPort;
  /** How the cluster looks. Absent: as Plexus does. */
  readonly branding?: Branding;
  /** Whether a password is in the list of leaked ones that the operator gave. Absent: there is no list. */
  leaked?(password: string): boolean;
  /** Seals the seeds of one-time codes. Absent: there are no such codes. */
  readonly secrets?: Seals;
  /** Servers that say who somebody is. Absent: there are none. */
  readonly identities?: { readonly rows: IdentityProviders; readonly providers: Providers };
  /** What the cluster demands of every sign-in. Absent: nothing beyond what an account has. */
  demands?(): SignInDemands;
  /** True while no admin exists. Error: SLOT_UNAVAILABLE while nobody can say. */
  adminNeeded(): Promise<boolean>;
  /** `adminCodeHash` of the code this node printed. It is compared before an account is made, so that a wrong code
   *  leaves none behind; the role manager has the last word. Undefined: nobody can become the first admin here. */
  readonly adminCodeHash: string | undefined;
  /** Facts for `GET /api/v1/admin/status`; the gateway adds its url and connections. */
  status(): OwnStatus | Promise<OwnStatus>;
  /** Whether every slot that this node owns can be served, for /readyz. `directory`: what is wrong with the directory,
   *  which makes it no less ready. */
  readiness(): Result<Ready> | Promise<Result<Ready>>;
  metricsText(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** The operator's secret: as a bearer token it opens /api/v1/admin/* and /metrics, and nothing else. */
  readonly controlToken?: string;
  /** What admins can do to the cluster; absent, its routes are NOT_FOUND. */
  readonly cluster?: ClusterControl;
  /** Where the bytes of people's pictures are; absent, there are none. */
  readonly blobs?: ActorBlobs;
  /** Opens what strangers send. Absent: no emoji is added here. */
  readonly opener?: Pick<Opener, "tried">;
  /** The models on this node's disk, and those that the cluster wants; absent, there are none. */
  readonly models?: StoreParts;
  /** What short-lived tokens are signed and verified with; absent: there are none. */
  readonly serviceTokens?: ServiceTokenOptions;
  /** Archives of the cluster's backups; absent, there are none. */
  readonly backups?: BackupArchives;
  /** Looks at what nodes do. */
  readonly profiles?: ProfileControl;
  /** The audit. Absent: the log alone has what is done. */
  readonly audit?: AuditWriter;
  /** The audit of all nodes, as files. Absent: its routes are NOT_FOUND. */
  readonly auditControl?: AuditControl;
  /** For the durable audit: what an admin did by this gateway itself, who it was, and who is told of it. Absent: the
   *  log alone has it. */
  changed?(action: string, facts: Readonly<Record<string, string>>, by: string, tell?: Noticed): void;
  /** The gateways with which rates are counted; absent: this one counts alone. */
  readonly ratePeers?: RatePeers;
  /** The gateways that are told who is here; absent: this one knows of its own people alone. */
  readonly presencePeers?: PresencePeers;
  /** Responses that other nodes keep; absent: there are no other nodes. */
  readonly responsePeers?: ResponsePeers;
  /** The other nodes that are up and serve clients: where a client may go on when this node is gone. Absent: none. */
  peers?(): readonly NodePlace[];
  /** Whether this node is cut off from what it needs. Absent: nobody can say. */
  readonly reach?: ReachPort;
  readonly limits?: Partial<GatewayLimits>;
}

/** Responses of `/v1/responses` on other nodes. Errors of a call: NOT_FOUND, TOO_LARGE, those of the way (UNREACHABLE,
 *  PEER_LOST). */
export interface ResponsePeers {
  /** The other members. */
  nodes(): readonly string[];
  read(node: string, of: MeshBody<"response.read">): Promise<Result<MeshAnswer<"response.read">>>;
  items(node: string, of: MeshBody<"response.items">): Promise<Result<MeshAnswer<"response.items">>>;
  end(node: string, of: MeshBody<"response.end">): Promise<Result<MeshAnswer<"response.end">>>;
  /** Answers the others. Called once. */
  serve(own: {
    read(of: MeshBody<"response.read">): Result<MeshAnswer<"response.read">>;
    items(of: MeshBody<"response.items">): Result<MeshAnswer<"response.items">>;
    end(of: MeshBody<"response.end">): Result<MeshAnswer<"response.end">>;
  }): void;
}

/** Quotas and budgets, as they stand before what they count. */
interface BudgetGuard {
  /** Reserves of the quotas that count for somebody with these roles. Errors: QUOTA_EXCEEDED, QUOTA_UNKNOWN,
   *  OVERLOADED. */
  admit(
    person: string,
    roles: readonly string[],
    measure: UsedMeasure,
    amount: number,
  ): Result<Admission | undefined> | Promise<Result<Admission | undefined>>;
  /** How much somebody with these roles may keep; undefined: any amount. */
  storageQuota(roles: readonly string[]): Quota | undefined;
  /** What came about with a call of this node, until it was answered. */
  noticesOf(callId: string): CallNotices | undefined;
}

/** Something of a quota that is reserved. */
export interface Admission {
  /** It is over, and took so much. Called once. */
  over(used: number): void;
}

/** Budgets that are near their end. */
export interface CallNotices {
  readonly budgets: readonly { readonly budget: string; readonly percent: number; readonly resetsAtMs: number }[];
}

/** What is told to the clients of a node that is cut off from what it needs. */
interface ReachPort {
  /** NODE_DEGRADED while it is. */
  degraded(): Failure | undefined;
  /** Calls back when that begins, ends, or has another reason. */
  onChange(listener: () => void): () => void;
  /** The other nodes that serve clients, whether they seem to be up or not. */
  others(): readonly NodePlace[];
}

type OwnStatus = Omit<NodeStatus, "url" | "connections" | "unnamedProxies">;

/** A route of HTTP, and what it needs. */
export interface GatewayRoute {
  readonly method: string;
  readonly path: string;
  readonly permission: Permission | undefined;
  /** What the audit calls it. */
  readonly audit?: AuditAction;
  /** It carries a proof of its own. */
  readonly proves?: true;
}

/** A running gateway. */
export interface Gateway {
  readonly url: string;
  /** Every route, by path. */
  routes(): readonly GatewayRoute[];
  /** Where metrics are read without a token. */
  readonly metricsUrl?: string;
  /** Where gRPC is: `127.0.0.1:7080`. */
  readonly grpcAddress?: string;
  /** Where the control endpoint is: `https://127.0.0.1:7072`, `unix:/run/plexus.sock`. */
  readonly controlUrl?: string;
  /** Clients that are connected: WebSockets, streams of gRPC and streams of events. */
  connections(): number;
  /** Takes no more, says `bye` to every connection, lets requests under way end; cuts what is left at the deadline. */
  stop(deadlineMs: number): Promise<void>;
}

/** What the parts of the gateway share: the options with every limit filled in. */
export type GatewayContext = Omit<
  GatewayOptions,
  "limits" | "peers" | "ratePeers" | "trustedProxies" | "hosts" | "adminAddresses"
> & {
  /** The callers of the control listener; undefined: there is none. */
  readonly control: ControlDoor | undefined;
  readonly outputMemory: OutputMemory;
  readonly rates: Rates;
  readonly commands: CommandRates;
  readonly ownEmoji: OwnEmojiList;
  readonly pace: BodyPace;
  /** Short-lived tokens; undefined: there are none. */
  readonly tokens: ServiceTokens | undefined;
  readonly rights: Rights;
  /** Hears of each route. */
  readonly declared: (route: GatewayRoute) => void;
  /** A new id of what has none of its own: 80 random bits. */
  readonly newId: () => string;
  readonly isOurs: HostCheck;
  /** Below which path of a proxy in front this node is reached. */
  readonly mounts: Mounts;
  /** Whether admins, and the operator's control token, may come from there. */
  /** Origins of other sites whose pages may use the interfaces of `ai/`, as they are now. */
  readonly origins: () => readonly string[];
  readonly isAdminAddress: (address: string) => boolean;
  readonly limits: GatewayLimits;
  /** Where requests come from. */
  readonly addresses: Addresses;
  /** Where clients may go on, this node first. */
  nodes(): readonly NodePlace[];
  /** What clients are told while this node is cut off; undefined while it is not. */
  degraded(): Degraded | undefined;
};
