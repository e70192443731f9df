import type {
  AuditPage,
  BudgetView,
  Degraded,
  Endpoint,
  EndpointReport,
  EndpointSearch,
  EndpointsView,
  Failure,
  GenerationRequest,
  NodePlace,
  NodeStatus,
  Noticed,
  QualityView,
  Result,
  RouteExplanation,
  SearchEndpoints,
  ServingRow,
  TestEndpoint,
  Thumb,
} from "../../protocols/index.ts";
import type { MeshAnswer, MeshBody } from "../../protocols/mesh/index.ts";
import type { Engines } from "../../runtimes/engine.ts";
import type { Budgets } from "../cluster/budgets.ts";
import type { ModelRoutes } from "../cluster/model-routes.ts";

import type { ModelStore } from "../../runtimes/store/port.ts";
import type { WantedModels } from "../cluster/wanted.ts";
import type { ClusterActors, Kernel } from "../kernel/api.ts";
import type { ClusterControl } from "../placement/api.ts";
import type { ActorBlobs, Clock, Hub, InferenceControl, Log, Meter, Random, ShardControl } from "../ports.ts";
import type { Addresses } from "./addresses.ts";
import type { BackupControl } from "./backups.ts";
import type { DiskControl } from "./disk.ts";
import type { HostCheck } from "./hosts.ts";
import type { KeysControl } from "./keys.ts";
import type { GatewayLimits } from "./limits.ts";
import type { ListenAddress } from "./metrics.ts";
import type { Outflow } from "./outflow.ts";

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly kernel: Kernel;
  readonly engines: Engines;
  /** Which node serves which model, and why; absent on a node without a cluster. */
  readonly serving?: () => readonly ServingRow[];
  /** Names that stand for several models; absent on a node without a cluster. */
  readonly modelRoutes?: ModelRoutes;
  /** How good the answers of models are, over time; absent on a node without a cluster. */
  readonly quality?: {
    view(): Promise<QualityView>;
    rated(rating: {
      readonly operation?: string;
      readonly model: string;
      readonly from: Thumb | undefined;
      readonly to: Thumb | undefined;
    }): void;
  };
  /** What a route would do with a question; undefined: there is no such route. */
  explainRoute?(
    name: string,
    question: Pick<GenerationRequest, "messages" | "tools" | "format">,
    how: { readonly rulesOnly: boolean },
  ): Promise<RouteExplanation | undefined>;
  /** Budgets and prices, and what was taken of them; absent on a node without a cluster. */
  readonly budgets?: Pick<Budgets, "budgets" | "prices"> & BudgetStandings;
  /** The hub the kernel publishes into. */
  readonly hub: Hub;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Names by which the node may be called beside addresses and `localhost`; see hosts.ts. */
  readonly hosts?: readonly string[];
  /** Origins of other sites whose pages may use the interfaces of `ai/`; absent: none. */
  readonly allowedOrigins?: readonly string[];
  /** Where metrics are read without a token; absent: nowhere. */
  readonly metricsListen?: ListenAddress;
  /** Descriptors that connections may take; absent: as many as the limits allow. */
  readonly descriptors?: number;
  /** Addresses and ranges of the proxies in front, whose X-Forwarded-For counts; absent: none. */
  readonly trustedProxies?: readonly string[];
  readonly node: string;
  /** What people call the node; its id when absent. */
  readonly name?: string;
  readonly version: string;
  /** The built page; absent, the node serves its API alone. */
  readonly webFolder?: string;
  readonly signUp: "open" | "closed";
  /** True while no admin exists. Error: SLOT_UNAVAILABLE while nobody can say. */
  adminNeeded(): Promise<boolean>;
  /** `adminCodeHash` of the code this node printed. It is compared before an account is made, so that a wrong code
   *  leaves none behind; the role manager has the last word. Undefined: nobody can become the first admin here. */
  readonly adminCodeHash: string | undefined;
  /** Facts for `GET /api/v1/admin/status`; the gateway adds its url and connections. */
  status(): OwnStatus | Promise<OwnStatus>;
  /** Whether every slot that this node owns can be served, for /readyz. */
  readiness(): Result<unknown> | Promise<Result<unknown>>;
  metricsText(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** The operator's secret: as a bearer token it opens /api/v1/admin/* and /metrics, and nothing else. */
  readonly controlToken?: string;
  /** The actors of all nodes; absent, admins see those of this node. */
  readonly actors?: ClusterActors;
  /** What admins can do to the cluster; absent, its routes are NOT_FOUND. */
  readonly cluster?: ClusterControl;
  /** Where the bytes of people's pictures are; absent, there are none. */
  readonly blobs?: ActorBlobs;
  /** The models on this node's disk, and those that the cluster wants; absent, there are none. */
  readonly models?: { readonly store: ModelStore; readonly wanted: Pick<WantedModels, "current" | "set" | "onChange"> };
  /** The encryption of this node's disk; absent, it has none. */
  readonly disk?: DiskControl;
  /** The keys of the cluster's backups; absent on a node without a cluster. */
  readonly keys?: KeysControl;
  /** Backups in folders of this node's machine; absent, there are none. */
  readonly backups?: BackupControl;
  /** The models in the memory of all nodes; absent, there are none. */
  readonly inference?: InferenceControl;
  /** Stripes that admins put by hand; absent, there are none. */
  readonly shards?: ShardControl;
  /** Servers with models; absent, there are none. */
  readonly endpoints?: EndpointsPort;
  /** For the durable audit: what an admin did by this gateway itself, who it was, and who is told of it. Absent: the log alone has it. */
  changed?(action: string, facts: Readonly<Record<string, string>>, by: string, tell?: Noticed): void;
  /** A page of the audit as the copy on this node has it; undefined: there is none here. Absent: there never is. */
  auditCopy?(query: { readonly before?: number; readonly limit?: number }): Promise<AuditPage | undefined>;
  /** Responses that other nodes keep; absent: there are no other nodes. */
  readonly responsePeers?: ResponsePeers;
  /** The other nodes that are up and serve clients: where a client may go on when this node is gone. Absent: none. */
  peers?(): readonly NodePlace[];
  /** Whether this node is cut off from what it needs. Absent: nobody can say. */
  readonly reach?: ReachPort;
  readonly limits?: Partial<GatewayLimits>;
}

/** Responses of `/v1/responses` on other nodes. Errors of a call: NOT_FOUND, TOO_LARGE, those of the way (UNREACHABLE, PEER_LOST). */
export interface ResponsePeers {
  /** The other members. */
  nodes(): readonly string[];
  read(node: string, of: MeshBody<"response.read">): Promise<Result<MeshAnswer<"response.read">>>;
  end(node: string, of: MeshBody<"response.end">): Promise<Result<MeshAnswer<"response.end">>>;
  /** Answers the others. Called once. */
  serve(own: {
    read(of: MeshBody<"response.read">): Result<MeshAnswer<"response.read">>;
    end(of: MeshBody<"response.end">): Result<MeshAnswer<"response.end">>;
  }): void;
}

/** Servers with models, as this node uses them. */
export interface EndpointsPort {
  view(): Omit<EndpointsView, "node">;
  /** For the whole cluster. Errors: BAD_REQUEST, NAME_TAKEN, LIMIT_REACHED, OVERLOADED. Rejects with DIRECTORY_UNAVAILABLE. */
  set(endpoint: Endpoint): Promise<Result<Endpoint>>;
  /** Errors: NOT_FOUND, OVERLOADED. */
  remove(name: string): Promise<Result<Endpoint>>;
  /** Errors: BAD_REQUEST, NOT_FOUND, OVERLOADED. What is wrong with the server is in the report. */
  test(wish: TestEndpoint): Promise<Result<EndpointReport>>;
  /** Begins to look for servers. Errors: BAD_REQUEST, TOO_LARGE, LIMIT_REACHED. */
  begin(wish: SearchEndpoints): Result<EndpointSearch>;
  /** Errors: NOT_FOUND. */
  cancel(id: string): Result<EndpointSearch>;
  /** Calls back when the view may be another. */
  watch(listener: () => void): () => void;
}

/** What is known of budgets beside what admins set. */
export interface BudgetStandings {
  /** Those that may stop a person's calls. */
  standingsOf(person: string): Promise<readonly BudgetView[]>;
  standings(): Promise<readonly BudgetView[]>;
  /** What came about with a call of this node, until it was answered. */
  noticesOf(callId: string): CallNotices | undefined;
}

/** Budgets that are near their end. */
export interface CallNotices {
  readonly budgets: readonly { readonly budget: string; readonly percent: number; readonly resetsAtMs: number }[];
}

/** What is told to the clients of a node that is cut off from what it needs. */
export interface ReachPort {
  /** NODE_DEGRADED while it is. */
  degraded(): Failure | undefined;
  /** Calls back when that begins, ends, or has another reason. */
  onChange(listener: () => void): () => void;
  /** The other nodes that serve clients, whether they seem to be up or not. */
  others(): readonly NodePlace[];
}

type OwnStatus = Omit<NodeStatus, "url" | "connections" | "unnamedProxies">;

/** A running gateway. */
export interface Gateway {
  readonly url: string;
  /** Where metrics are read without a token. */
  readonly metricsUrl?: string;
  /** Clients that are connected: WebSockets and streams of events. */
  connections(): number;
  /** Takes no more, says `bye` to every connection, lets requests under way end; cuts what is left at the deadline. */
  stop(deadlineMs: number): Promise<void>;
}

/** What the parts of the gateway share: the options with every limit filled in. */
export type GatewayContext = Omit<GatewayOptions, "limits" | "peers" | "trustedProxies" | "hosts"> & {
  readonly outflow: Outflow;
  /** A new id of what has none of its own: 80 random bits. */
  readonly newId: () => string;
  readonly isOurs: HostCheck;
  readonly limits: GatewayLimits;
  /** Where requests come from. */
  readonly addresses: Addresses;
  /** Where clients may go on, this node first. */
  nodes(): readonly NodePlace[];
  /** What clients are told while this node is cut off; undefined while it is not. */
  degraded(): Degraded | undefined;
};
