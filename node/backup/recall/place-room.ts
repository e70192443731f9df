/** Messages that come back into a room: by stretches, each compared with what lives at its positions; answers find
 *  their threads. */
import type { RecalledMessage, RoomHistory, RoomMessage, RoomRestored } from "../../../protocols/index.ts";
import { verdictOf } from "./conflicts.ts";
import { lotsOf, type Place, type PlaceActor } from "./place.ts";
import { valueOf } from "../repository.ts";

export class RoomPlace implements Place {
  readonly #at: PlaceActor;
  #stretch: RoomMessage[] = [];
  /** Where beginnings of threads are now; undefined: nowhere. */
  readonly #roots = new Map<number, number | undefined>();

  constructor(at: PlaceActor) {
    this.#at = at;
  }

  get isSettled(): boolean {
    return this.#stretch.length === 0;
  }

  async add(record: unknown): Promise<void> {
    const message = record as RoomMessage;
    // Of a message that was deleted then, there is nothing.
    if (message.deletedAtMs !== undefined) return;
    this.#stretch.push(message);
    if (this.#stretch.length >= this.#at.limits.placeStretch) await this.finish();
  }

  /** Brings back what is wanted of a stretch: what stands in the room itself first, then the answers, thread by
   *  thread. */
  async finish(): Promise<void> {
    const stretch = this.#stretch;
    this.#stretch = [];
    const [first, last] = [stretch[0], stretch.at(-1)];
    if (first === undefined || last === undefined) return;
    const [from, to] = [first.seq, last.seq + 1];
    const living = Map.groupBy(await this.#entries("message", from, to), ({ seq }) => seq);
    const restored = Map.groupBy(await this.#entries("restored", from, to), (one) => one.restored?.seq ?? 0);
    const wanted = stretch.filter((was) => {
      const now = { living: living.get(was.seq)?.[0], restored: restored.get(was.seq) ?? [] };
      return this.#at.judged(verdictOf(was, now, this.#at.request.recall));
    });
    if (this.#at.request.dryRun) return this.#at.count(wanted);
    const answers = wanted.filter(({ replyTo }) => replyTo !== undefined);
    await this.#send(
      from,
      undefined,
      wanted.filter(({ replyTo }) => replyTo === undefined),
    );
    for (const [root, some] of Map.groupBy(answers, ({ replyTo }) => replyTo as number))
      await this.#send(from, await this.#rootOf(root, (some[0] as RoomMessage).atMs), some);
  }

  /** What the room has at some positions, or has of what was there. */
  async #entries(of: "message" | "restored", from: number, to: number): Promise<readonly RoomMessage[]> {
    const all = new Map<number, RoomMessage>();
    for (let next = from; next < to;) {
      const question = { type: "entries", of, from: next, to, limit: this.#at.limits.placeStretch };
      const page = await this.#at.look<RoomHistory>(question);
      for (const one of page?.messages ?? []) all.set(one.seq, one);
      const last = page?.messages.at(-1);
      if (page?.more !== true || last === undefined) break;
      // A page may end within what came back of one message.
      next = of === "message" ? last.seq + 1 : Math.max(next + 1, last.restored?.seq ?? to);
    }
    return [...all.values()];
  }

  /** Where the message is now with which a thread began: back by this recall, in its place, or back before. */
  async #rootOf(was: number, answeredAtMs: number): Promise<number | undefined> {
    if (this.#roots.has(was)) return this.#roots.get(was);
    const back = (await this.#entries("restored", was, was + 1)).filter(({ deletedAtMs }) => deletedAtMs === undefined);
    const [living] = await this.#entries("message", was, was + 1);
    // A message that is younger than its answer is another one, of a room that was made anew.
    const isIt = living?.deletedAtMs === undefined && (living?.atMs ?? Infinity) <= answeredAtMs;
    const mine = back.find(({ restored }) => restored?.recall === this.#at.request.recall);
    const root = mine?.seq ?? (isIt ? living?.seq : back.at(-1)?.seq);
    this.#remember(was, root);
    return root;
  }

  #remember(was: number, now: number | undefined): void {
    this.#roots.set(was, now);
    const [oldest] = this.#roots.keys();
    if (this.#roots.size > this.#at.limits.placeRootsKept && oldest !== undefined) this.#roots.delete(oldest);
  }

  async #send(from: number, root: number | undefined, messages: readonly RoomMessage[]): Promise<void> {
    const { request, snapshot, limits } = this.#at;
    const origin = { recall: request.recall, snapshot: snapshot.number, backupAtMs: snapshot.atMs };
    for (const lot of lotsOf(messages, limits)) {
      const command = {
        type: "restore",
        ...origin,
        from,
        ...(root !== undefined && { root }),
        messages: lot.map(recalled),
      };
      const answer = await this.#at.ask(command, `${from}.${lot[0]?.seq}.${root ?? 0}`);
      const { restored } = valueOf(answer) as RoomRestored;
      for (const [was, now] of restored) this.#remember(was, now);
      const came = new Set(restored.map(([was]) => was));
      await this.#at.came(lot.filter(({ seq }) => came.has(seq)));
    }
  }
}

/** Files do not come back: a message that was nothing else says what they were called. */
const recalled = ({
  seq,
  author,
  atMs,
  editedAtMs,
  poll,
  rounds,
  threadOnly,
  topic,
  ...said
}: RoomMessage): RecalledMessage => ({
  seq,
  author,
  text: said.text || (said.files ?? []).map(({ name }) => `[${name}]`).join(" "),
  atMs,
  ...(editedAtMs !== undefined && { editedAtMs }),
  ...(poll && { poll }),
  ...(rounds && { rounds }),
  ...(threadOnly && { threadOnly }),
  ...(topic !== undefined && { topic }),
});
