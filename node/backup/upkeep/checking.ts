/** Checks snapshots: what leads to data, whether it is there, and whether it is right.
 *
 *      trees, each node once (units opened: `data`) ─► stripes, in the order of their ids ─► report
 *           └─ the mark, while units are opened ────────┴─ and while stripes are looked at
 *
 *  A check that was broken off goes on from its mark (docs/decisions/0158-tasks-that-go-on.md). */
import { createHash } from "node:crypto";
import {
  failure,
  failureOf,
  type Failure,
  type Losses,
  type StripeHealth,
  type StripeRef,
} from "../../../protocols/index.ts";
import type { Snapshot, StripeName, TreeNode, UnitEntry, UnitName } from "../../../runtimes/backup/index.ts";
import { noteLosses } from "./known-losses.ts";
import { LossList } from "./losses.ts";
import { markStripes } from "../format/marking.ts";
import { asStored, openUnits, PackCache } from "../format/packs.ts";
import { isGone, type BackupPorts } from "../ports.ts";
import type { Repository } from "../repository.ts";
import { lostUnitsOf } from "../run/survey.ts";

/** How deep a check goes: `manifest` reads all that leads to the data, and asks whether the shards are there; `shards`
 *  has each shard read and compared where it is; `data` reads and decrypts everything as a recall does. */
type VerifyDepth = "manifest" | "shards" | "data";

/** What a check found. Of what is lost it names the first. */
export interface VerifyReport {
  readonly snapshots: number;
  /** Of those that have lost any, how many units cannot be brought back. */
  readonly damaged: readonly { readonly snapshot: number; readonly units: number }[];
  readonly units: number;
  readonly stripes: number;
  readonly bytes: number;
  /** Stripes that can be read, but lack shards. */
  readonly weak: number;
  /** Stripes that cannot be read. */
  readonly lost: Losses<LostStripe>;
  /** Units that cannot be brought back. */
  readonly lostUnits: Losses<LostName>;
}

interface VerifyOptions {
  readonly depth: VerifyDepth;
  readonly signal: AbortSignal;
  readonly progress: (at: { readonly stripes: number; readonly stripesDone: number }) => void;
  readonly pace: (bytes: number) => Promise<void>;
  /** How far an earlier turn came. Of other snapshots, or of trees that were written anew, it is worth nothing, and the
   *  check begins anew. */
  readonly mark?: VerifyMark | undefined;
  /** Remembers how far the check is. */
  keep?(mark: VerifyMark): Promise<void>;
}

/** How far a check is. What leads to units is read again by each turn: it is little. */
export interface VerifyMark {
  /** Depth, snapshots and their trees. */
  readonly of: string;
  /** Nodes with units whose units were opened, the first unit of the last of them, and how many nodes before it could
   *  not be read. */
  readonly opened: { readonly nodes: number; readonly last: string; readonly unread: number };
  readonly lostUnits: Losses<LostName>;
  /** All units were opened, and of so many stripes, in the order of their ids, those up to this one were looked at. */
  readonly looked?: {
    readonly stripes: number;
    readonly upTo: string;
    readonly weak: number;
    readonly lost: Losses<LostStripe>;
    readonly unread: readonly (readonly [string, Failure])[];
  };
}

interface LostStripe {
  readonly stripe: string;
  readonly error: Failure;
}

interface LostName {
  readonly name: UnitName;
  readonly error: Failure;
}

/** A mark that does not fit what is read now: nodes came or went. */
class Misfit extends Error {}

/** Checks snapshots, each object once however many share it. Errors: BACKUP_DAMAGED (of head or catalog: nothing can be
 *  said of the rest), those of `keep`. */
export async function verify(
  ports: BackupPorts,
  repository: Repository,
  snapshots: readonly Snapshot[],
  options: VerifyOptions,
): Promise<VerifyReport> {
  const of = nameOf(snapshots, options.depth);
  const { mark } = options;
  try {
    return await new Check(ports, repository, { ...options, mark: mark?.of === of ? mark : undefined }, of).run(
      snapshots,
    );
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    return new Check(ports, repository, { ...options, mark: undefined }, of).run(snapshots);
  }
}

/** Other trees have another name. */
function nameOf(snapshots: readonly Snapshot[], depth: VerifyDepth): string {
  const roots = snapshots.map(({ number, root, cursors }) => [number, root?.stripe.id, cursors.stripe.id]);
  return createHash("sha256")
    .update(JSON.stringify([depth, roots]))
    .digest("hex");
}

class Check {
  readonly #ports: BackupPorts;
  readonly #repository: Repository;
  readonly #options: VerifyOptions;
  readonly #of: string;
  readonly #packs: PackCache;
  /** Nodes that cannot be read: each turn finds them itself. */
  readonly #torn: LossList<LostStripe>;
  readonly #lostUnits: LossList<LostName>;
  readonly #unread = new Map<string, Failure>();
  #units = 0;
  #bytes = 0;
  #opened: VerifyMark["opened"] = { nodes: 0, last: "", unread: 0 };
  #keptMs: number;

  constructor(ports: BackupPorts, repository: Repository, options: VerifyOptions, of: string) {
    [this.#ports, this.#repository, this.#options, this.#of] = [ports, repository, options, of];
    const { packsKept, lossesNamed } = ports.limits;
    this.#packs = new PackCache(repository, packsKept);
    this.#torn = new LossList(lossesNamed);
    this.#lostUnits = new LossList(lossesNamed, options.mark?.lostUnits);
    this.#keptMs = ports.clock.monotonicMs();
  }

  async run(snapshots: readonly Snapshot[]): Promise<VerifyReport> {
    const { signal, depth, mark } = this.#options;
    const stripes = await markStripes(this.#repository, snapshots, {
      signal,
      node: (node) => this.#node(node),
      // Its shards are looked at below, too; that it does not open is known here only.
      lost: ({ stripe }, thrown) => {
        const error = failureOf(thrown);
        this.#torn.push({ stripe: stripe.id, error });
        this.#unread.set(stripe.id, error);
      },
    });
    if (mark !== undefined && this.#opened.nodes < mark.opened.nodes) throw new Misfit();
    const { weak, lost } = await this.#look(stripes);
    const unread = this.#unread;
    const gone = new Set([...unread].filter(([, error]) => isGone(error)).map(([id]) => id));
    const lostOf = await lostUnitsOf(this.#repository, snapshots, gone);
    const { snapshots: all } = await this.#repository.state();
    const looked = (stripe: string): boolean => depth !== "manifest" && stripes.has(stripe);
    await noteLosses(this.#ports, { units: lostOf, lost: gone, looked }, all);
    const torn = this.#torn.rows;
    return {
      snapshots: snapshots.length,
      damaged: [...lostOf].filter(([, count]) => count > 0).map(([snapshot, count]) => ({ snapshot, units: count })),
      units: this.#units,
      stripes: stripes.size,
      bytes: this.#bytes,
      weak,
      lost: {
        total: torn.total + lost.total,
        named: [...torn.named, ...lost.named].slice(0, this.#ports.limits.lossesNamed),
      },
      lostUnits: this.#lostUnits.rows,
    };
  }

  /** Opens the units of a node, unless an earlier turn has. */
  async #node(node: TreeNode): Promise<void> {
    if (!("units" in node)) return;
    const { depth, mark } = this.#options;
    this.#units += node.units.length;
    this.#bytes += node.units.reduce((sum, unit) => sum + unit.bytes, 0);
    const last = node.units[0]?.id ?? "";
    this.#opened = { nodes: this.#opened.nodes + 1, last, unread: this.#torn.rows.total };
    if (depth !== "data") return;
    const before = mark?.opened;
    if (before !== undefined && this.#opened.nodes <= before.nodes) {
      const isLast = this.#opened.nodes === before.nodes;
      if (isLast && (before.last !== last || before.unread !== this.#opened.unread)) throw new Misfit();
      return;
    }
    await this.#open(node.units);
    await this.#keep();
  }

  async #open(units: readonly UnitEntry[]): Promise<void> {
    const { signal, pace } = this.#options;
    for await (const opened of openUnits(this.#ports, this.#packs, asStored(units, this.#ports.limits))) {
      signal.throwIfAborted();
      const { name } = opened.unit;
      if ("error" in opened) this.#lostUnits.push({ name, error: failureOf(opened.error) });
      await pace(opened.unit.bytes);
    }
  }

  /** Looks at each stripe where it is. */
  async #look(stripes: ReadonlyMap<string, StripeName>): Promise<Pick<VerifyReport, "weak" | "lost">> {
    const { depth, signal, progress, pace, mark } = this.#options;
    const before = mark?.looked?.stripes === stripes.size ? mark.looked : undefined;
    for (const [id, error] of before?.unread ?? []) this.#unread.set(id, error);
    const unread: (readonly [string, Failure])[] = [...(before?.unread ?? [])];
    const lost = new LossList<LostStripe>(this.#ports.limits.lossesNamed, before?.lost);
    let weak = before?.weak ?? 0;
    let stripesDone = 0;
    for (const [id, stripe] of [...stripes].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
      stripesDone += 1;
      if (before !== undefined && id <= before.upTo) continue;
      signal.throwIfAborted();
      const found = await this.#stateOf(stripe as StripeRef);
      if (found === "weak") weak += 1;
      else if (found !== "well") {
        lost.push({ stripe: id, error: found });
        this.#unread.set(id, found);
        unread.push([id, found]);
      }
      progress({ stripes: stripes.size, stripesDone });
      await this.#keep({ stripes: stripes.size, upTo: id, weak, lost: lost.rows, unread });
      await pace(depth === "manifest" ? 0 : stripe.sizeBytes);
    }
    return { weak, lost: lost.rows };
  }

  async #stateOf(stripe: StripeRef): Promise<"well" | "weak" | Failure> {
    const health = await this.#ports.stripes.inspect(stripe, this.#options.depth !== "manifest");
    if (!health.ok) return health.error;
    const { well, enough, shards } = health.value;
    if (well < enough) return (await faultOf(this.#ports, stripe, health.value)) ?? "weak";
    return well < shards.length ? "weak" : "well";
  }

  async #keep(looked?: VerifyMark["looked"]): Promise<void> {
    const { clock, limits } = this.#ports;
    if (this.#options.keep === undefined || clock.monotonicMs() - this.#keptMs < limits.markKeptMs) return;
    this.#keptMs = clock.monotonicMs();
    await this.#options.keep({
      of: this.#of,
      opened: this.#opened,
      lostUnits: this.#lostUnits.rows,
      ...(looked && { looked }),
    });
  }
}

/** Why a stripe of which too few shards are well cannot be read; undefined: it can. */
async function faultOf(
  { stripes }: Pick<BackupPorts, "stripes">,
  stripe: StripeRef,
  { shards, enough, well }: StripeHealth,
): Promise<Failure | undefined> {
  const bad = shards.filter(({ state }) => state === "missing" || state === "damaged").length;
  if (shards.length - bad < enough) return failure("STRIPE_LOST", { stripe: stripe.id, needed: enough, well });
  // A holder that does not answer now is away, and what it has is not lost.
  const read = await stripes.read(stripe);
  return read.ok ? undefined : read.error;
}
