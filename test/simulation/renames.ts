import type { ActorId, RoomHistory, RoomMessage } from "../../protocols/index.ts";
import { actorLimits } from "../../actors/limits.ts";
import { Caller, paced } from "./caller.ts";
import type { ChatSurroundings } from "./chat.ts";

/** Once everything else is quiet, a rename is whole within this. */
const renameMsMax = 20_000;

/** The owner of a room with one topic, which is renamed again and again. A rename is some events, and each is asked for
 *  once: one that a crash cuts in half is finished by the node that has the room then, or was never begun. So in the
 *  end there is one topic, and nothing is lost. */
export class Renamer {
  readonly caller: Caller;
  finished = false;
  readonly #around: ChatSurroundings;
  readonly #room: ActorId = "room/den";
  readonly #renames: number;
  /** More than two events have. */
  readonly #count = 2 * actorLimits.topicMovedAtOnce + 6;
  #partSinceMs: number | undefined;

  constructor(renames: number, around: ChatSurroundings) {
    this.caller = new Caller("renamer", "user/renamer", around);
    this.#around = around;
    this.#renames = renames;
  }

  async run(): Promise<void> {
    const { caller } = this;
    const gateway = new Caller(caller.name, "gateway", this.#around);
    const account = { type: "create", displayName: caller.name, passwordHash: "$argon2id$simulated" };
    await gateway.untilKnown(caller.sender as ActorId, account, "sign-up-renamer");
    await caller.untilKnown(this.#room, { type: "create", title: "Den" }, caller.operation());
    for (let nth = 0; nth < this.#count; nth += 1)
      await caller.untilKnown(this.#room, { type: "post", text: `${nth}`, topic: "a" }, caller.operation());
    await paced(this.#around, { commands: this.#renames, thinkMs: 30 }, () => this.#rename());
    this.finished = true;
  }

  async #rename(): Promise<void> {
    const [topic, into] = this.#around.world.dice.chance(0.5) ? ["a", "b"] : ["b", "a"];
    await this.caller.once(this.#room, { type: "moveTopic", topic, into }, this.caller.operation());
  }

  /** True when all messages have one topic. */
  async promisesKept(): Promise<boolean> {
    const { world, entrance } = this.#around;
    const messages = await this.#messages();
    if (messages === undefined || entrance.rotten()) return true;
    if (messages.length < this.#count)
      world.violate("acknowledged-kept", `${this.#room} has ${messages.length} of ${this.#count} messages`);
    const names = [...new Set(messages.map(({ topic }) => topic))];
    if (names.length <= 1) return true;
    this.#partSinceMs ??= world.nowMs;
    if (world.nowMs - this.#partSinceMs > renameMsMax)
      world.violate("rename-finished", `${this.#room} has the topics ${names.join()}`);
    return false;
  }

  async #messages(): Promise<readonly RoomMessage[] | undefined> {
    const result = await this.caller.untilKnown(this.#room, { type: "history", limit: 200 });
    return result?.ok === true ? (result.value as RoomHistory).messages : undefined;
  }
}
