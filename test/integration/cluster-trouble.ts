/** What happens to nodes of a cluster under load. Each kind of trouble ends with all nodes up again. */
import { expect } from "chai";
import { slotOf, type ClusterSlotRow } from "../../protocols/index.ts";
import { rooms, type Load } from "./cluster-load.ts";
import type { ClusterProcesses } from "./cluster-processes.ts";
import type { NodeProcess } from "./node-process.ts";
import type { Dice } from "../world/index.ts";
import { everybodyWrites, healthy, progress, sleep, until } from "./cluster-waits.ts";

/** The slot a room lives in: its own when it is pinned. */
export function slotOfRoom(slots: readonly ClusterSlotRow[], room: string): ClusterSlotRow {
  const row = slots.find(({ slot }) => slot === `room/${room}`);
  const shared = slots.find(({ slot }) => slot === slotOf("chat", `room/${room}`));
  const found = row ?? shared;
  if (found === undefined) throw new Error(`${room} is in no slot`);
  return found;
}

export class Trouble {
  readonly #cluster: ClusterProcesses;
  readonly #load: Load;
  readonly #dice: Dice;
  /** Names of all but the first node, by id. */
  readonly #names: ReadonlyMap<string, string>;

  private constructor(cluster: ClusterProcesses, load: Load, dice: Dice, names: ReadonlyMap<string, string>) {
    this.#cluster = cluster;
    this.#load = load;
    this.#dice = dice;
    this.#names = names;
  }

  static async with(cluster: ClusterProcesses, load: Load, dice: Dice): Promise<Trouble> {
    const members = await cluster.members();
    const others = members.filter(({ directory }) => !directory);
    return new Trouble(cluster, load, dice, new Map(others.map(({ node, name }) => [node, name])));
  }

  /** kill -9 of the owner of a room in use. */
  async killed(): Promise<void> {
    const victim = this.#cluster.named(await this.#ownerOfSomeRoom());
    await victim.end("SIGKILL");
    await everybodyWrites(this.#load, "an owner is dead");
    await victim.start();
  }

  /** Killed and started again before anybody takes it for dead. */
  async killedShortly(): Promise<void> {
    const victim = this.#cluster.named(await this.#ownerOfSomeRoom());
    await victim.end("SIGKILL");
    await victim.start();
    await progress(this.#load, 40, "an owner was restarted at once");
  }

  async ended(): Promise<void> {
    const victim = this.#cluster.named(await this.#ownerOfSomeRoom());
    const code = await victim.end("SIGTERM");
    if (code !== 0) throw new Error(`SIGTERM ended a node with ${code}`);
    await everybodyWrites(this.#load, "an owner was stopped");
    await victim.start();
  }

  /** Others take over what an owner has while it is stopped, and not when it wakes. */
  async paused(): Promise<void> {
    const node = this.#cluster.named(await this.#ownerOfSomeRoom());
    await this.#pause(node, (stuck) => expect(stuck).to.deep.equal([]));
    await progress(this.#load, 40, "an owner was paused");
  }

  /** kill -9 of two nodes at once that are not all the copies of any slot. */
  async twoKilled(): Promise<void> {
    const slots = await healthy(this.#cluster, "before two die");
    const ids = [...this.#names.keys()];
    const pairs = ids.flatMap((one, index) => ids.slice(index + 1).map((other) => [one, other]));
    const survived = pairs.filter((pair) =>
      slots.every(({ owner, inSync }) => !pair.includes(owner) || inSync.some((node) => !pair.includes(node))),
    );
    const victims = this.#dice.pick(survived).map((node) => this.#cluster.named(this.#names.get(node) ?? ""));
    await Promise.all(victims.map((victim) => victim.end("SIGKILL")));
    await everybodyWrites(this.#load, "two nodes are dead");
    await Promise.all(victims.map((victim) => victim.start()));
  }

  /** kill -9 of the node that keeps the directory: what is placed elsewhere goes on. */
  async managerKilled(): Promise<void> {
    const { first } = this.#cluster;
    await first.end("SIGKILL");
    const begun = this.#load.begun();
    await until("the manager is dead: rooms go on", () => {
      const stuck = new Set(this.#load.stuck(begun).map((writer) => writer.split(" ")[0] as string));
      return this.#expectMoving([...stuck], this.#cluster.node(1));
    });
    await first.start();
  }

  /** While the node that keeps the directory is stopped, what is placed elsewhere goes on. */
  async managerPaused(): Promise<void> {
    await this.#pause(this.#cluster.first, (stuck, other) => this.#expectMoving(stuck, other));
    await progress(this.#load, 40, "the manager was paused");
  }

  /** kill -9 of all nodes at once. */
  async allKilled(): Promise<void> {
    await Promise.all(this.#cluster.nodes.map((node) => node.end("SIGKILL")));
    // In any order: some wait for the one with the directory.
    await Promise.all(this.#cluster.nodes.map((node) => node.start()));
    await progress(this.#load, 40, "all were dead");
  }

  async roomMoved(): Promise<void> {
    const room = this.#dice.pick(rooms);
    const to = await this.#someoneElse(slotOfRoom(await this.#cluster.slots(), room).owner);
    await until(`room ${room} moves to ${to}`, () => this.#cluster.move(`actors/room/${room}`, to));
  }

  async slotsMoved(): Promise<void> {
    const slots = (await this.#cluster.slots()).filter(({ slot }) => slot.startsWith("chat/"));
    const moves = [1, 2, 3].map(() => this.#dice.pick(slots));
    for (const { slot, owner } of moves) {
      const to = await this.#someoneElse(owner);
      await until(`slot ${slot} moves to ${to}`, () => this.#cluster.move(`slots/${slot}`, to));
    }
  }

  /** kill -9 of the node that a slot in use moves to, or from, while it moves. */
  async killedInMove(): Promise<void> {
    const room = this.#dice.pick(rooms);
    const { slot, owner } = slotOfRoom(await this.#cluster.slots(), room);
    const to = await this.#someoneElse(owner);
    const path = slot.startsWith("chat/") ? `slots/${slot}` : `actors/${slot}`;
    const move = this.#cluster.move(path, to, 5_000);
    // Whether it arrives is not the question.
    const moved = move.catch(() => undefined);
    await sleep(this.#dice.below(150));
    const victim = this.#cluster.named(this.#dice.pick([to, this.#names.get(owner) ?? to]));
    await victim.end("SIGKILL");
    await moved;
    await everybodyWrites(this.#load, "a node died in a move");
    await victim.start();
  }

  /** Stops a node until every room has taken a post by way of another one, or has been waited for, and for a while at least.
   *  Clients that are attached to it hang. `judge` hears, while it is stopped, which rooms did not answer at the other. */
  async #pause(node: NodeProcess, judge: (stuck: readonly string[], other: NodeProcess) => unknown): Promise<void> {
    const other = this.#dice.pick(this.#cluster.nodes.filter((each) => each !== node));
    const stoppedMs = 2_000 + this.#dice.below(2_000);
    node.signal("SIGSTOP");
    try {
      const visits = rooms.map((room) => this.#load.visit(other, room));
      const [ends] = await Promise.all([Promise.allSettled(visits), sleep(stoppedMs)]);
      await judge(rooms.filter((_, index) => ends[index]?.status === "rejected"), other); // prettier-ignore
    } finally {
      node.signal("SIGCONT");
    }
  }

  /** Of the rooms that wait while the directory is away, each was in the middle of a hand-over, as a node that is up knows. */
  async #expectMoving(waiting: readonly string[], asked: NodeProcess): Promise<void> {
    if (waiting.length === 0) return;
    const slots = await this.#cluster.slots(asked);
    const rows = waiting.map((room) => slotOfRoom(slots, room));
    const others = rows.filter(({ status }) => status !== "moving");
    if (others.length > 0) throw new Error(`${JSON.stringify(others)}; ${this.#load.describe()}`);
  }

  async #ownerOfSomeRoom(): Promise<string> {
    const slots = await this.#cluster.slots();
    const owners = rooms.flatMap((room) => this.#names.get(slotOfRoom(slots, room).owner) ?? []);
    if (owners.length > 0) return this.#dice.pick(owners);
    // All are where the directory is.
    await this.roomMoved();
    return await this.#ownerOfSomeRoom();
  }

  async #someoneElse(owner: string): Promise<string> {
    const members = await this.#cluster.members();
    const fit = members.filter(({ node, roles, up }) => up && node !== owner && roles.includes("chat"));
    return this.#dice.pick(fit).name;
  }
}
