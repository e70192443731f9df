import type { MeshBody } from "../../../protocols/mesh/index.ts";
import type { Result } from "../../../protocols/index.ts";
import { backoffMs } from "../../waiting.ts";
import type { GatewayLimits } from "../limits.ts";
import type { Row } from "./table.ts";

export type Told = MeshBody<"presence.tell">;

/** The other gateways, as presence needs them. */
export interface PresencePeers {
  /** The others that seem to be up. */
  up(): readonly string[];
  /** Calls back when those may be others. */
  onChange(listener: () => void): () => void;
  /** Errors: of the way, and VERSION_UNSUPPORTED where that node knows no presence. */
  tell(node: string, told: Told): Promise<Result<{ readonly era: string }>>;
  /** Hears the others. Called once. */
  serve(heard: (node: string, told: Told) => { readonly era: string }): void;
}

/** How one other node stands. */
interface Hearer {
  /** What it gave when it was told all; undefined: it has to be told all. */
  era: string | undefined;
  /** People of whom it does not know the newest. */
  readonly behind: Set<string>;
  isBusy: boolean;
  failures: number;
  /** Nothing is said to it before. Node clock, monotonic, as below. */
  notBeforeMs: number;
  saidAtMs: number;
}

/** Tells the other nodes of the people of this one: all of them at first, then what changes, and now and then nothing,
 *  by which a node shows that it has forgotten.
 *
 *  Invariant: a node that has answered the newest message knows each person as they were then, or gives another era and
 *  is told all again. Only one message to a node is under way, so none overtakes another. */
export class Telling {
  readonly #peers: Pick<PresencePeers, "up" | "tell">;
  readonly #limits: GatewayLimits;
  readonly #people: () => Iterable<string>;
  readonly #rowOf: (user: string) => Row | undefined;
  readonly #nowMs: () => number;
  readonly #hearers = new Map<string, Hearer>();

  constructor(at: {
    readonly peers: Pick<PresencePeers, "up" | "tell">;
    readonly limits: GatewayLimits;
    /** The people of this node, and how each is. */
    readonly people: () => Iterable<string>;
    readonly rowOf: (user: string) => Row | undefined;
    readonly nowMs: () => number;
  }) {
    this.#peers = at.peers;
    this.#limits = at.limits;
    this.#people = at.people;
    this.#rowOf = at.rowOf;
    this.#nowMs = at.nowMs;
  }

  /** Somebody of this node is another than before. */
  changed(user: string): void {
    // Also while all is being said: what is under way may say what was before.
    for (const { behind } of this.#hearers.values()) behind.add(user);
  }

  /** Says what there is to say. Called once a second. */
  tick(): void {
    const up = new Set(this.#peers.up());
    for (const node of this.#hearers.keys()) if (!up.has(node)) this.#hearers.delete(node);
    const nowMs = this.#nowMs();
    for (const node of up) {
      const hearer = this.#hearers.get(node) ?? this.#add(node);
      if (hearer.isBusy || nowMs < hearer.notBeforeMs) continue;
      const isQuiet = hearer.era !== undefined && hearer.behind.size === 0;
      if (isQuiet && nowMs - hearer.saidAtMs < this.#limits.presenceCheckMs) continue;
      hearer.isBusy = true;
      void this.#tell(node, hearer).finally(() => {
        hearer.isBusy = false;
      });
    }
  }

  #add(node: string): Hearer {
    const hearer: Hearer = {
      era: undefined,
      behind: new Set(),
      isBusy: false,
      failures: 0,
      notBeforeMs: 0,
      saidAtMs: 0,
    };
    this.#hearers.set(node, hearer);
    return hearer;
  }

  async #tell(node: string, hearer: Hearer): Promise<void> {
    if (hearer.era === undefined) {
      hearer.behind.clear();
      for (const user of this.#people()) hearer.behind.add(user);
    }
    do {
      const { era } = hearer;
      const answer = await this.#peers.tell(node, { ...(era !== undefined && { era }), rows: this.#take(hearer) });
      hearer.saidAtMs = this.#nowMs();
      if (!answer.ok) return this.#failed(hearer);
      hearer.failures = 0;
      hearer.era = era === undefined || era === answer.value.era ? answer.value.era : undefined;
    } while (hearer.era !== undefined && hearer.behind.size >= this.#limits.presenceRowsMax);
  }

  /** The rest of what was said is unknown: all is said again, later. */
  #failed(hearer: Hearer): void {
    hearer.era = undefined;
    const waitMs = backoffMs(hearer.failures, {
      firstMs: this.#limits.presenceTellMs,
      maxMs: this.#limits.presenceCheckMs,
    });
    hearer.failures += 1;
    hearer.notBeforeMs = this.#nowMs() + waitMs;
  }

  #take({ behind }: Hearer): Told["rows"] {
    const rows: Told["rows"] = [];
    for (const user of behind) {
      if (rows.length >= this.#limits.presenceRowsMax) break;
      behind.delete(user);
      const row = this.#rowOf(user);
      rows.push({ user, ...(row && { active: row.active, ...row.status }) });
    }
    return rows;
  }
}
