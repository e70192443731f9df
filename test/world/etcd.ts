/** An etcd in simulated time: as much of it as a directory uses, with one member that never fails. Whoever is connected
 *  may die at a transaction: it is not carried out or it is, and nothing is answered any more. */
import { EventEmitter } from "node:events";
import type {
  Compare,
  EtcdMember,
  KeyValue,
  RangeRequest,
  RangeResponse,
  RequestOp,
  TxnRequest,
  TxnResponse,
  WatchRequest,
  WatchResponse,
  WatchStream,
} from "../../node/cluster/directory/etcd-wire.ts";
import type { World } from "./world.ts";

type Keys = ReadonlyMap<string, KeyValue>;
type Event = WatchResponse["events"][number];

/** What becomes of a transaction that changes something, of one that is connected: it may die at it. */
export type Fate = "answered" | "lost" | "done, and nobody hears of it";

const textOf = (key: Uint8Array): string => Buffer.from(key).toString("latin1");
/** Its own words, and how many of its past states it keeps. */
const alarm = "memberID:1 alarm:NOSPACE ";
const revisionsMax = 500;
const never = new Promise<never>(() => undefined);
/** Nobody reads it. */
const nothing: TxnResponse = { header: { cluster_id: "", revision: "" }, succeeded: false, responses: [] };

export class Etcd {
  /** Its space is used up: it takes no transaction that would add something. */
  isFull = false;
  /** Told of each key that changes; undefined: it is deleted. */
  changed: (key: string, value: Uint8Array | undefined) => void = () => undefined;
  readonly #world: World;
  #revision = 1;
  /** As it was at each revision. */
  readonly #states = new Map<number, Keys>([[1, new Map()]]);
  readonly #events: { readonly revision: number; readonly event: Event }[] = [];
  readonly #told = new Set<() => void>();
  readonly #streams = new Set<EventEmitter>();
  readonly #cluster: string;

  constructor(world: World) {
    this.#world = world;
    this.#cluster = String(world.dice.below(2 ** 32));
  }

  /** What somebody connects with. `fateOf`: asked at each transaction that would change something. */
  connect(fateOf: () => Fate = () => "answered"): () => EtcdMember {
    return () => {
      let isDead = false;
      const answered = async <T>(work: () => T): Promise<T> => {
        if (isDead) return never;
        await this.#pass();
        const said = work();
        await this.#pass();
        return isDead ? never : said;
      };
      return {
        txn: (request) =>
          answered(() => {
            const changes = this.#chosen(request).some((op) => !("request_range" in op));
            const fate = changes ? fateOf() : "answered";
            isDead = fate !== "answered";
            return fate === "lost" ? nothing : this.#transact(request);
          }),
        status: () =>
          answered(() => ({ header: this.#header(), version: "3.5.0", errors: this.isFull ? [alarm] : [] })),
        watch: () => answered(() => this.#watch(() => isDead)),
        close: () => void (isDead = true),
      };
    };
  }

  /** Ends every stream of changes. */
  cutStreams(): void {
    this.#told.clear();
    for (const stream of this.#streams) stream.emit("end");
    this.#streams.clear();
  }

  #pass(): Promise<void> {
    return new Promise((resolve) => void this.#world.after(this.#world.dice.between(0.2, 2), resolve));
  }

  get #keys(): Keys {
    return this.#states.get(this.#revision) as Keys;
  }

  #header() {
    return { cluster_id: this.#cluster, revision: String(this.#revision) };
  }

  #chosen({ compare = [], success = [], failure = [] }: TxnRequest): readonly RequestOp[] {
    return compare.every((one) => this.#holds(one)) ? success : failure;
  }

  #holds({ key, result, target, create_revision = 0, mod_revision = 0 }: Compare): boolean {
    const is = Number(this.#keys.get(textOf(key))?.mod_revision ?? 0);
    // A key has been created after revision 0 as long as it is there, and nothing else is asked of that here.
    const wanted = Number(target === "CREATE" ? create_revision : mod_revision);
    return result === "GREATER" ? is > wanted : is === wanted;
  }

  #transact(request: TxnRequest): TxnResponse {
    if (this.isFull && [...(request.success ?? []), ...(request.failure ?? [])].some((op) => "request_put" in op))
      throw new Error("8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded");
    const succeeded = (request.compare ?? []).every((one) => this.#holds(one));
    const ops = this.#chosen(request);
    const next = new Map(this.#keys);
    const revision = this.#revision + 1;
    const events: Event[] = [];
    const told: TxnResponse["responses"][number][] = [];
    for (const op of ops) {
      if ("request_range" in op) {
        told.push({ response_range: this.#range(op.request_range) });
        continue;
      }
      told.push({});
      if ("request_put" in op) {
        const { key, value } = op.request_put;
        const kv = { key: Buffer.from(key), value: Buffer.from(value), mod_revision: String(revision) };
        next.set(textOf(key), kv);
        events.push({ type: "PUT", kv });
        continue;
      }
      for (const { key } of within(next, op.request_delete_range)) {
        next.delete(textOf(key));
        events.push({ type: "DELETE", kv: { key, value: Buffer.of(), mod_revision: String(revision) } });
      }
    }
    if (events.length > 0) {
      this.#revision = revision;
      this.#states.set(revision, next);
      this.#states.delete(revision - revisionsMax);
      this.#events.push(...events.map((event) => ({ revision, event })));
      for (const { kv, type } of events) this.changed(textOf(kv.key), type === "PUT" ? kv.value : undefined);
      for (const tell of this.#told) tell();
    }
    return { header: this.#header(), succeeded, responses: told };
  }

  #range(request: RangeRequest): RangeResponse {
    const { revision } = request;
    const state = revision === undefined ? this.#keys : this.#states.get(Number(revision));
    if (state === undefined) throw new Error("11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted");
    const all = within(state, request);
    const kvs = request.count_only === true ? [] : all.slice(0, request.limit || undefined);
    return { kvs, more: request.count_only !== true && kvs.length < all.length, count: String(all.length) };
  }

  #watch(isDead: () => boolean): { readonly stream: WatchStream; readonly close: () => void } {
    const stream = new EventEmitter();
    this.#streams.add(stream);
    let next = Infinity;
    let told = Promise.resolve();
    let asked: RangeRequest = { key: Buffer.of() };
    const say = (events: readonly Event[]): void => {
      const response = { header: this.#header(), created: false, canceled: false, compact_revision: "0", cancel_reason: "", events }; // prettier-ignore
      // One behind the other: a stream keeps its order.
      told = told.then(() => this.#pass()).then(() => void (isDead() || stream.emit("data", response)));
    };
    const tell = (): void => {
      const news = this.#events.filter(({ revision }) => revision >= next);
      next = Math.min(next, this.#revision + 1);
      if (news.length === 0) return;
      next = this.#revision + 1;
      const wanted = new Map(news.map(({ event }, at) => [String(at), event.kv] as const));
      const keys = new Set(within(wanted, asked).map(({ key }) => textOf(key)));
      const events = news.flatMap(({ event }) => (keys.has(textOf(event.kv.key)) ? [event] : []));
      if (events.length > 0) say(events);
    };
    const write = (request: WatchRequest): boolean => {
      if ("progress_request" in request) say([]);
      else {
        asked = request.create_request;
        next = Number(request.create_request.start_revision);
        this.#told.add(tell);
        tell();
      }
      return true;
    };
    const close = (): void => void this.#told.delete(tell);
    return { stream: Object.assign(stream, { write, cancel: close }) as unknown as WatchStream, close };
  }
}

/** Keys of a range, in order. */
function within(keys: Keys, { key, range_end }: Pick<RangeRequest, "key" | "range_end">): readonly KeyValue[] {
  const [from, to] = [Buffer.from(key), range_end && Buffer.from(range_end)];
  const isIn = (one: Buffer): boolean =>
    to === undefined ? one.equals(from) : Buffer.compare(one, from) >= 0 && Buffer.compare(one, to) < 0;
  return [...keys.values()].filter((kv) => isIn(kv.key)).toSorted((one, other) => Buffer.compare(one.key, other.key));
}
