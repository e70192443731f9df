/** Turns that come back into the conversation with an agent: behind its newest one, in their order. */
import type { AgentEntries, AgentPictures, AgentRestored, ConversationTurn } from "../../../protocols/index.ts";
import type { Verdict } from "./conflicts.ts";
import { lotsOf, type Place, type PlaceActor } from "./place.ts";
import { valueOf } from "../repository.ts";

/** What is known of a turn that lives. */
interface Living {
  readonly atMs: number;
  readonly text: string;
}

/** What the conversation has now. */
interface Now {
  /** Turns up to here were forgotten. */
  readonly floor: number;
  readonly turns: ReadonlyMap<number, Living>;
  /** What came back, by its old number and time; and whether by this recall. */
  readonly back: ReadonlyMap<string, boolean>;
}

const placeOf = (turn: number, atMs: number): string => `${turn} ${atMs}`;

export class AgentPlace implements Place {
  readonly #at: PlaceActor;
  #waiting: ConversationTurn[] = [];
  #now: Promise<Now> | undefined;

  constructor(at: PlaceActor) {
    this.#at = at;
  }

  get isSettled(): boolean {
    return this.#waiting.length === 0;
  }

  async add(record: unknown): Promise<void> {
    this.#waiting.push(record as ConversationTurn);
    if (this.#waiting.length >= this.#at.limits.placeStretch) await this.finish();
  }

  /** Brings the pictures and sounds of the newest turns that this recall has brought, as many as the agent has room
   *  for. */
  async end(): Promise<void> {
    const { request } = this.#at;
    if (request.dryRun) return;
    const kept = await this.#at.look<AgentPictures>({ type: "pictures" });
    const room = kept?.room ?? 0;
    if (room === 0) return;
    const named = new Map<string, { readonly type: string }>();
    await this.#pages(({ restored, pictures = [], sounds = [] }) => {
      if (restored?.recall !== request.recall) return;
      for (const { text: _text, ...facts } of [...pictures, ...sounds]) {
        // Named once more, it is one of the newer ones.
        named.delete(facts.hash);
        const message = { type: "ms" in facts ? "attachSound" : "attach", ...facts, recall: request.recall };
        named.set(facts.hash, message);
      }
    });
    for (const hash of kept?.hashes ?? []) named.delete(hash);
    for (const hash of [...named.keys()].slice(0, -room)) named.delete(hash);
    if (named.size > 0) await this.#at.bringFiles(named);
  }

  async finish(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) return;
    const now = await (this.#now ??= this.#look());
    const wanted = waiting.filter((was) => this.#at.judged(this.#verdict(was, now)));
    if (this.#at.request.dryRun) return this.#at.count(wanted);
    const { request, snapshot, limits } = this.#at;
    const origin = { recall: request.recall, snapshot: snapshot.number, backupAtMs: snapshot.atMs };
    for (const lot of lotsOf(wanted, limits)) {
      const turns = lot.map(({ restored: _restored, ...turn }) => turn);
      const ask = (these: readonly object[], name: string) =>
        this.#at.ask({ type: "restore", ...origin, turns: these } as { type: string }, name);
      const first = await ask(turns, `${lot[0]?.turn}`);
      // A node of the version before knows no files of turns: what was said comes back without them.
      const isOlder = !first.ok && first.error.code === "BAD_REQUEST" && turns.some(({ files }) => files !== undefined);
      const plain = turns.map(({ files: _files, ...turn }) => turn);
      const answer = isOlder ? await ask(plain, `${lot[0]?.turn}.plain`) : first;
      const came = new Set((valueOf(answer) as AgentRestored).restored.map(([was]) => was));
      await this.#at.came(lot.filter(({ turn }) => came.has(turn)));
    }
  }

  #verdict({ turn, atMs, text }: ConversationTurn, now: Now): Verdict {
    const back = now.back.get(placeOf(turn, atMs));
    if (back === true) return "done";
    const living = now.turns.get(turn);
    if (living?.atMs === atMs && living.text === text) return "same";
    if (back === false) return "back";
    // An answer that was written anew has another time, and the number that it had.
    if (living !== undefined) return "edited";
    return turn <= now.floor ? "deleted" : "fresh";
  }

  /** All of the conversation: it is one person's, and looked at once. */
  async #look(): Promise<Now> {
    const turns = new Map<number, Living>();
    const back = new Map<string, boolean>();
    const floor = await this.#pages(({ turn, atMs, text, restored }) => {
      turns.set(turn, { atMs, text });
      if (restored === undefined) return;
      const place = placeOf(restored.seq, restored.atMs);
      back.set(place, back.get(place) === true || restored.recall === this.#at.request.recall);
    });
    return { floor, turns, back };
  }

  /** Visits all turns, in their order; gives up to which they were forgotten. */
  async #pages(visit: (turn: ConversationTurn) => void): Promise<number> {
    for (let from = 1; ;) {
      const page = await this.#at.look<AgentEntries>({ type: "entries", from, limit: this.#at.limits.placeStretch } as {
        type: string;
      });
      for (const turn of page?.turns ?? []) visit(turn);
      const last = page?.turns.at(-1);
      if (page?.more !== true || last === undefined) return page?.floor ?? 0;
      from = last.turn + 1;
    }
  }
}
