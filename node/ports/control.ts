/** What admins look at and steer across the nodes, as the gateway asks for it. */
import type {
  ActWish,
  AdminTask,
  HistoryQuery,
  HistoryView,
  LogPage,
  LogQuery,
  ModelInMemory,
  NodeHealed,
  NodeInference,
  NodeSilent,
  OrderRequest,
  Profile,
  RequestBy,
  RequestsQuery,
  RequestsView,
  Result,
  Suggestions,
  TakeProfile,
  TracePage,
  TraceQuery,
  TraceView,
} from "../../protocols/index.ts";
import type { Stripes } from "./bulk.ts";

/** Shards as admins see them. */
export interface ShardControl {
  readonly stripes: Pick<Stripes, "put" | "read" | "release" | "inspect">;
  /** Tells every node with the role `storage` to make good at once what it lacks. One that does not answer is there
   *  with the reason. */
  heal(): Promise<readonly NodeHealed[]>;
  /** Whether storage nodes could take a stripe of this class now. Errors: HOLDERS_TOO_FEW, DISK_FULL. */
  canPlace(what: string): Result<null>;
}

/** Hears what people do. */
export interface ActivityPort {
  /** Somebody did something here. */
  active(person: string): void;
  /** Somebody posted a message. */
  posted(person: string): void;
  /** A command was done: `room.post`. Whose it was is not kept. */
  used(feature: string): void;
  /** Somebody was connected for so long. */
  stayed(lengthMs: number): void;
}

/** How a request ended: as it was asked, without a body because the asker had the answer, by the asker's own doing,
 *  over a limit, or by the node's doing. */
export type RequestEnd = "done" | "unchanged" | "refused" | "limited" | "failed";

/** Hears what came of requests. */
export interface RequestCounts {
  /** One has ended. `name`: the route, the kind of actor, or the key, by which it counts. */
  took(by: RequestBy, name: string, tookMs: number, end: RequestEnd): void;
}

/** Profiles of nodes, as admins take and read them. */
export interface ProfileControl {
  /** Errors: NOT_FOUND, LIMIT_REACHED; of the way to the node: UNREACHABLE, PEER_LOST. */
  take(wanted: TakeProfile, by: string): Promise<Result<{ readonly id: string }>>;
  /** Error: NOT_FOUND, also of one that is being taken. */
  read(id: string): Promise<Result<Profile>>;
}

/** What the nodes are busy with. */
export interface TaskControl {
  /** `silent`: nodes that did not answer. */
  list(): Promise<{ readonly tasks: readonly AdminTask[]; readonly silent: readonly NodeSilent[] }>;
  /** Errors: NOT_FOUND, FORBIDDEN; of the way to the node: UNREACHABLE, PEER_LOST. */
  cancel(id: string): Promise<Result<unknown>>;
  /** Shows work that takes long in the list of tasks, until it is over. */
  readonly follow?: <Value>(act: ActWish, work: Promise<Result<Value>>, hold?: ActHold) => Promise<Result<Value>>;
}

/** Work that takes long, while it goes on. */
export interface ActHold {
  /** How far it is. */
  look?(): Partial<Pick<AdminTask, "progress" | "share" | "advice">>;
  /** Ends it: its work settles as refused. Absent: nothing ends it half-way. */
  readonly cancel?: () => Result<unknown>;
  /** The request was answered at once: the person who asked waits for no answer. */
  readonly answered?: true;
}

/** The models in the memory of all nodes, for admins. */
export interface InferenceControl {
  /** Every node that has models in memory, or `node` alone; one that does not answer is there with the reason. Error:
   *  NOT_FOUND. */
  view(node?: string): Promise<Result<readonly NodeInference[]>>;
  /** Errors: NOT_FOUND (no such node), MODEL_NOT_FOUND, MODEL_BUSY, MODEL_UNAVAILABLE (the node does not have the role
   *  ai), FORBIDDEN (it is pinned), STOPPING, and those of the way to another node. */
  order(request: OrderRequest): Promise<Result<ModelInMemory>>;
  /** Which models fit a node's machine. Error: NOT_FOUND, and those of the way to it. */
  suggest(request: { readonly node?: string; readonly measure: boolean }): Promise<Result<Suggestions>>;
}

/** What all nodes remember of themselves, for admins. Nodes that do not answer are named in the answer. */
export interface ObserveControl {
  /** Lines of the logs. Errors: NOT_FOUND (no such node), OVERLOADED (too many wait for lines). */
  logs(query: LogQuery): Promise<Result<LogPage>>;
  /** The newest traces that began at the nodes. Error: NOT_FOUND (no such node). */
  traces(query: TraceQuery): Promise<Result<TracePage>>;
  /** The steps of one trace at all nodes. Error: NOT_FOUND. */
  trace(id: string): Promise<Result<TraceView>>;
  /** Figures over an hour or a day. Errors: NOT_FOUND, BAD_REQUEST (no such series). */
  history(query: HistoryQuery): Promise<Result<HistoryView>>;
  /** What came of requests over an hour or a day. Error: NOT_FOUND (no such node). */
  requests(query: RequestsQuery): Promise<Result<RequestsView>>;
}

/** Asked when a file begins to come. */
export interface ScanPolicy {
  /** Whether nobody fetches the file before a scanner has looked at it. Error: SCANNER_MISSING. */
  mustScan(): Result<boolean>;
}
