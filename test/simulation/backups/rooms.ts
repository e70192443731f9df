/** Living rooms that recalls bring messages back into: the real room, in memory. Whatever goes wrong around a recall,
 *  each message comes once and is marked, what people post stays as it is, and what others wrote comes only when a
 *  second person agreed. */
import type { Message } from "../../../actors/behavior.ts";
import type { PlaceTarget } from "../../../node/backup/index.ts";
import { failure, refused, type ActorId, type BackupResults, type BackupWish, type ClusterBackupTask, type RoomMessage } from "../../../protocols/index.ts"; // prettier-ignore
import { fixtureWith } from "../../unit/actors/fixture.ts";
import type { Scene } from "./scene.ts";
import type { Member } from "./member.ts";

const rooms = ["room/a", "room/b", "room/c", "room/d", "room/e"] as const satisfies readonly ActorId[];
type Place = Extract<BackupWish, { sort: "place" }>;

export class Rooms {
  readonly #scene: Scene;
  readonly #living = fixtureWith("ada", "bob", "cyd");
  /** What people have posted since, by room. */
  readonly #posted = new Map<ActorId, Map<number, string>>();
  /** Recalls that may be begun: the operator's, and those that somebody else was told to agree to. */
  readonly #agreed = new Map<string, Place>();
  /** Tasks that were looked at when they had ended. */
  readonly #looked = new Set<string>();
  #count = 0;
  /** Recalls that have ended as they should. */
  done = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    for (const room of rooms) {
      this.#living.ok("user/ada", room, { type: "create" });
      this.#posted.set(room, new Map());
    }
  }

  /** The rooms as a node asks them; what a process asked does not come back to it after its end. */
  targetOf({ pulse }: Pick<Member, "pulse">): PlaceTarget {
    const { world } = this.#scene;
    const { dice } = world;
    const unheard = (): boolean => !this.#scene.isCalm && dice.chance(0.03);
    return {
      ask: (to, message, operation) =>
        new Promise((resolve) => {
          world.after(dice.between(1, 10), () => {
            if (!pulse.alive) return;
            if (unheard()) return resolve(refused(failure("SLOT_UNAVAILABLE", { slot: to })));
            this.#demandAgreed(message);
            this.#living.nowMs = Math.max(this.#living.nowMs, Math.floor(world.nowMs));
            const answer = this.#living.do("node", to, message, operation);
            if (message.type === "restore") this.#check(to);
            if (!this.#scene.isCalm && dice.chance(0.02)) this.#living.crash(to);
            const heard = unheard() ? refused(failure("ASK_TIMEOUT")) : answer;
            world.after(dice.between(1, 10), () => pulse.alive && resolve(heard));
          });
        }),
      remake: async (room) => refused(failure("NOT_FOUND", { room })),
      // Rooms have none.
      file: async (room) => refused(failure("NOT_FOUND", { room })),
    };
  }

  /** Somebody posts. */
  post(): void {
    const room = this.#scene.world.dice.pick(rooms);
    const text = `posted ${(this.#count += 1)}`;
    const { seq } = this.#living.ok<{ seq: number }>("user/ada", room, { type: "post", text });
    this.#posted.get(room)?.set(seq, text);
  }

  /** Somebody has a room brought back, or goes on with what was broken off; others' things only when somebody else
   *  agrees, which it tries without, too. The task's number; undefined: there is none, or nobody has heard of it. */
  async wish(member: Member): Promise<string | undefined> {
    const { dice } = this.#scene.world;
    const ask = (message: Message) =>
      member.ask(this.#scene, { ...message, shown: { as: "operator" } } as Message, 1_000, "gateway");
    const begun = [...this.#agreed.values()];
    // In the end what is asked for must come: an earlier one may be of a snapshot that is gone.
    if (!this.#scene.isCalm && begun.length > 0 && dice.chance(0.3))
      return idIn(await ask({ type: "start", wish: dice.pick(begun), by: "operator", private: true }));
    const recall = `recall${String((this.#count += 1)).padStart(6, "0")}`;
    const number = [...this.#scene.watch.living.keys()].at(-1);
    const query = {
      ...(dice.chance(0.7) && { thread: dice.pick(rooms) }),
      ...(number !== undefined && { snapshot: number }),
    };
    const wish: Place = { sort: "place", query, recall, existing: "again" };
    if (this.#scene.isCalm || dice.chance(0.5)) {
      this.#agreed.set(recall, wish);
      return idIn(await ask({ type: "start", wish, by: "operator", private: true }));
    }
    const id = recall;
    if (!(await ask({ type: "askRecall", id, wish, reason: "lost", by: "ada", approvers: ["bob"] })).ok)
      return undefined;
    if (dice.chance(0.4)) await ask({ type: "answerRecall", id, approve: true, by: "ada" });
    else if (dice.chance(0.7)) {
      this.#agreed.set(recall, wish);
      await ask({ type: "answerRecall", id, approve: true, by: "bob" });
    }
    return idIn(await ask({ type: "beginRecall", id, by: "ada" }));
  }

  #demandAgreed(message: { readonly type: string; readonly recall?: string }): void {
    const { type, recall = "" } = message;
    if (type === "restore" && !this.#agreed.has(recall))
      this.#scene.violate("recall-agreed", `${recall} brings back what nobody agreed to`);
  }

  #messages(room: ActorId): readonly RoomMessage[] {
    return this.#living.records(room, "message/").map(({ value }) => value as RoomMessage);
  }

  /** What came into a room came once, as it was, and marked; nothing else has changed. */
  #check(room: ActorId): void {
    const messages = this.#messages(room);
    const came = new Set<string>();
    for (const { seq, text, author, restored } of messages) {
      if (restored === undefined) {
        if (this.#posted.get(room)?.get(seq) !== text)
          this.#scene.violate("recall-once", `${seq} of ${room} was not posted so: ${text}`);
        continue;
      }
      const place = `${restored.recall} ${restored.seq}`;
      if (came.has(place)) this.#scene.violate("recall-once", `${place} came into ${room} twice`);
      came.add(place);
      const was = this.#snapshotOf(restored.snapshot, room)?.get(restored.seq);
      if (
        was === undefined ? this.#scene.watch.living.has(restored.snapshot) : was.text !== text || was.author !== author
      )
        this.#scene.violate("recall-once", `${place} of ${room} is not what snapshot ${restored.snapshot} has`);
    }
    for (const seq of this.#posted.get(room)?.keys() ?? [])
      if (!messages.some((one) => one.seq === seq && one.restored === undefined))
        this.#scene.violate("recall-once", `${seq} of ${room} is gone`);
  }

  /** The messages that a snapshot has of a room, by their positions; undefined: the snapshot is gone. */
  #snapshotOf(number: number, room: ActorId): ReadonlyMap<number, RoomMessage> | undefined {
    const living = this.#scene.watch.living.get(number);
    if (living === undefined) return undefined;
    const records = this.#scene.journals.recordsAt(living.cursors, room).filter(([key]) => key.startsWith("message/"));
    return new Map(records.map(([, value]) => [(value as RoomMessage).seq, value as RoomMessage]));
  }

  /** A recall that is done has brought all that it should, and has counted each once, whoever ran it. */
  demandWhole({ id, state, wish, result }: ClusterBackupTask): void {
    if (wish.sort !== "place" || state !== "done" || this.#looked.has(id)) return;
    this.#looked.add(id);
    const { snapshot, failed, lost, found, dryRun } = result as BackupResults["place"];
    if (dryRun || failed.total + lost.total > 0) return;
    let all = 0;
    for (const room of wish.query.thread === undefined ? rooms : [wish.query.thread as ActorId]) {
      const then = this.#snapshotOf(snapshot.number, room);
      if (then === undefined) return;
      all += then.size;
      const back = new Set(
        this.#messages(room).flatMap(({ restored }) => (restored?.recall === wish.recall ? [restored.seq] : [])),
      );
      for (const seq of then.keys())
        if (!back.has(seq)) this.#scene.violate("recall-whole", `task ${id} is done without ${seq} of ${room}`);
    }
    const counted = Object.values(found).reduce((sum, count) => sum + count, 0);
    if (counted !== all)
      this.#scene.violate(
        "recall-whole",
        `task ${id} has counted ${counted} of ${all} messages: ${JSON.stringify(found)}`,
      );
    this.done += 1;
  }
}

const idIn = (asked: Awaited<ReturnType<Member["ask"]>>): string | undefined =>
  asked.ok ? (asked.value as ClusterBackupTask).id : undefined;
