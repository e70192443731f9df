import { slotOf, type ActorId, type Result, type Role, type SlotId } from "../../../protocols/index.ts";
import type { ClusterControl } from "../../../node/cluster/placement/index.ts";
import type { NodeId } from "../../../node/ports/index.ts";
import type { Network, World } from "../../world/index.ts";
import type { ExternalDirectory } from "./external-directory.ts";
import type { Machine } from "./machine.ts";
import type { ClusterPlan, Fault } from "./plan.ts";
import type { ClusterWatch } from "./watch.ts";

/** What the operator can reach. */
export interface OperatorParts {
  readonly world: World;
  readonly plan: ClusterPlan;
  readonly network: Network;
  readonly external: Pick<ExternalDirectory, "setDown" | "lossChance"> | undefined;
  readonly watch: ClusterWatch;
  readonly machines: () => readonly Machine[];
  /** Puts up one more machine, which is let in and starts. */
  readonly add: () => void;
  /** Cuts an owner off and reads from it while others write. */
  readonly cutOffOwner: (forMs: number) => void;
}

/** Whoever breaks things, by accident or on purpose, and mends them again. Bounded by what the design survives: of
 *  every slot at least one copy that is in sync keeps its data. */
export class Operator {
  readonly #parts: OperatorParts;
  readonly #draining = new Set<NodeId>();
  /** An eviction of them is under way. */
  readonly #leaving = new Set<NodeId>();
  /** Nodes that lack a role for now. */
  readonly #bereft = new Set<NodeId>();
  /** Faults that were begun; one that can not happen just then counts as well. */
  faults = 0;
  #faulty = false;
  #spares: number;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    this.#spares = parts.plan.spares;
  }

  /** Faults from now on. */
  begin(): void {
    this.#faulty = Object.keys(this.#parts.plan.faults).length > 0;
    const { world, plan } = this.#parts;
    const next = (): void => {
      world.after(world.dice.between(0, 2 * plan.faultMs), () => {
        if (!this.#faulty) return;
        this.faults += 1;
        this.#break(world.dice.weighted(plan.faults as Record<Fault, number>));
        next();
      });
    };
    if (this.#faulty) next();
  }

  /** Everything is mended; what was stopped starts. */
  calm(): void {
    this.#faulty = false;
    const { network, external, machines } = this.#parts;
    network.heal();
    Object.assign(network.weather, { stallChance: 0, breakChance: 0, breakAfterChance: 0 });
    if (external) {
      external.setDown(false);
      external.lossChance = 0;
    }
    for (const machine of machines()) {
      Object.assign(machine.disk.weather, { stallChance: 0, batchErrorChance: 0, readErrorChance: 0, full: false });
      machine.wake();
      if (machine.gone) machine.kill(false);
      machine.start();
    }
    for (const node of this.#draining) void this.#undrain(node);
    for (const node of this.#bereft) void this.#giveRoles(node);
    void this.#forget();
  }

  /** Machines that are lost for good are taken off the list; of one that is being evicted that is not known yet. */
  async #forget(): Promise<void> {
    for (const machine of this.#parts.machines()) {
      const { node } = machine;
      while (machine.gone && this.#parts.watch.members.has(node)) {
        if (!this.#leaving.has(node)) await this.ask(`forget ${node}`, (control) => control.evict(node, true));
        await this.#parts.world.sleep(50);
      }
    }
  }

  // --- faults --------------------------------------------------------------------------------------------------------

  #break(fault: Fault): void {
    const { world, network, external, plan } = this.#parts;
    const { dice } = world;
    const lastsMs = dice.between(10, plan.faultLastsMs);
    const machine = dice.pick(this.#parts.machines());
    world.note(() => `fault: ${fault} of ${machine.node} for ${lastsMs.toFixed(0)} ms`);
    switch (fault) {
      case "crash":
      case "powerLoss":
        if (this.#down() >= downMax) return;
        machine.kill(fault === "powerLoss");
        return this.#later(lastsMs, () => machine.start());
      case "restart":
        if (this.#down() >= downMax || !machine.ready) return;
        return void machine.stop().then(() => world.after(lastsMs, () => machine.start()));
      case "wipe":
        return this.#wipe(machine);
      case "split": {
        const side = this.#nodes().filter(() => dice.chance(0.4));
        this.#cutOff(side, true);
        return this.#later(lastsMs, () => network.heal());
      }
      case "isolate":
        this.#cutOff([machine.node], true);
        return this.#later(lastsMs, () => network.heal());
      case "oneWay":
        if (dice.chance(0.5)) this.#cutOff([machine.node], false);
        else network.cut(machine.node, dice.pick(this.#nodes()));
        return this.#later(lastsMs, () => network.heal());
      case "break":
        return network.break(machine.node, dice.pick(this.#nodes()));
      case "stall":
        return machine.stall(lastsMs);
      case "slowDisk":
        Object.assign(machine.disk.weather, { stallChance: 0.2, stallMs: dice.pick([50, 500]) });
        return this.#later(lastsMs, () => Object.assign(machine.disk.weather, { stallChance: 0 }));
      case "badDisk":
        Object.assign(machine.disk.weather, { batchErrorChance: 0.1 });
        return this.#later(lastsMs, () => Object.assign(machine.disk.weather, { batchErrorChance: 0 }));
      case "rot":
        return this.#rot(machine);
      case "fullDisk":
        Object.assign(machine.disk.weather, { full: true });
        return this.#later(lastsMs, () => Object.assign(machine.disk.weather, { full: false }));
      case "directory": {
        if (external) {
          external.setDown(true);
          return this.#later(lastsMs, () => external.setDown(false));
        }
        const [first] = this.#parts.machines();
        const { voters, leader } = this.voters();
        const leading = this.#parts
          .machines()
          .filter(({ node, gone }) => !gone && (dice.chance(0.8) ? node === leader : voters.includes(node)));
        const hosts = plan.directory === "replicated" ? leading : first ? [first] : [];
        for (const host of hosts) host.kill(dice.chance(0.5));
        return this.#later(lastsMs, () => hosts.forEach((host) => host.start()));
      }
      case "clock":
        machine.wall.offsetMs += dice.between(-20_000, 20_000);
        return;
      case "join":
        return this.#join();
      case "drain":
        return void this.#drain(machine, lastsMs);
      case "evict":
        return void this.#evict(machine);
      case "roles":
        return void this.#takeRole(machine, lastsMs);
      case "cutOffOwner":
        return this.#parts.cutOffOwner(Math.max(lastsMs, strandedMsMin));
      case "moveSlot": {
        const slots = [...this.#parts.watch.records.keys()] as SlotId[];
        if (slots.length > 0)
          void this.ask("move", (control) => control.moveSlot(dice.pick(slots), machine.node, 2_000));
        return;
      }
      case "moveActor": {
        const { ledgers, relays, alarms } = plan.actors;
        const actor = dice.pick([...ledgers, ...relays, ...alarms, "register/a0" as ActorId]);
        void this.ask("move", (control) => control.moveActor(actor, machine.node, 2_000));
        if (dice.chance(0.5)) return;
        // The slot that it leaves is on its way as well: what is sent to the actor waits there while it goes.
        const home = slotOf("chat", actor);
        const others = this.#parts.machines().filter(({ gone }) => !gone);
        return this.#later(
          dice.below(40),
          () => void this.ask("move", (control) => control.moveSlot(home, dice.pick(others).node, 2_000)),
        );
      }
    }
  }

  /** What an admin asks for, at any node. */
  async ask(what: string, ask: (control: ClusterControl) => Promise<Result<unknown>>): Promise<boolean> {
    const { world } = this.#parts;
    const open = this.#parts.machines().filter(({ ready, alive, gone }) => ready && alive && !gone);
    const asked = open.length > 0 ? world.dice.pick(open) : undefined;
    const control = asked?.peer?.control;
    if (asked === undefined || control === undefined) return false;
    const answer = await Promise.race([ask(control), endOf(asked, world)]);
    world.note(() => `admin: ${what}: ${JSON.stringify(answer) ?? "no answer"}`);
    return answer?.ok === true;
  }

  #join(): void {
    if (this.#spares === 0) return;
    this.#spares -= 1;
    this.#parts.add();
  }

  /** Slots of the role leave the node, and may come back. Three nodes keep every role: fewer would not hold every
   *  copy. */
  async #takeRole({ node, record }: Machine, forMs: number): Promise<void> {
    if (this.#bereft.has(node) || this.#bereft.size >= bereftMax) return;
    const { world } = this.#parts;
    const role: Role = world.dice.pick(["chat", "chat", "ai"]);
    this.#bereft.add(node);
    const left = record.roles.filter((other) => other !== role);
    await this.ask(`roles ${node} without ${role}`, (control) => control.setRoles(node, left));
    // Also when it was given back while this was on its way.
    this.#bereft.add(node);
    await world.sleep(forMs);
    await this.#giveRoles(node);
  }

  async #giveRoles(node: NodeId): Promise<void> {
    const { world, watch, machines } = this.#parts;
    const roles = machines().find((machine) => machine.node === node)?.record.roles ?? [];
    while (this.#bereft.has(node)) {
      const given = await this.ask(`roles ${node}`, (control) => control.setRoles(node, roles));
      if (given || !watch.members.has(node)) this.#bereft.delete(node);
      else await world.sleep(50);
    }
  }

  async #drain({ node }: Machine, forMs: number): Promise<void> {
    // Who has not joined yet would be taken for evicted below.
    if (this.#leaving.has(node) || !this.#parts.watch.members.has(node)) return;
    if (await this.#beginDrain(node)) await this.#parts.world.sleep(forMs);
    await this.#undrain(node);
  }

  async #beginDrain(node: NodeId): Promise<boolean> {
    this.#draining.add(node);
    const begun = await this.ask(`drain ${node}`, (control) => control.setDraining(node, true));
    // Whatever the answer is, it may drain from here on: also when that was undone while this was on its way.
    this.#draining.add(node);
    return begun;
  }

  async #undrain(node: NodeId): Promise<void> {
    const machine = this.#parts.machines().find((one) => one.node === node);
    while (this.#draining.has(node) && machine?.gone !== true) {
      if (machine !== undefined && !this.#parts.watch.members.has(node)) {
        // It was evicted after all, by a command of which nobody knew what came of it.
        machine.kill(true);
        machine.gone = true;
        this.#parts.watch.excused.add(node);
      } else if (await this.ask(`undrain ${node}`, (control) => control.setDraining(node, false)))
        this.#draining.delete(node);
      else await this.#parts.world.sleep(50);
    }
  }

  /** A bit flips in what a node has of a slot: of a copy where two others in sync are whole, of the owner where one is.
   *  One copy of a slot at a time. */
  #rot(machine: Machine): void {
    const { watch, world } = this.#parts;
    const { node, disk } = machine;
    const may = [...watch.records.values()].filter(
      ({ slot, owner, inSync }) =>
        inSync.includes(node) &&
        !watch.hasRot(slot) &&
        inSync.filter((other) => other !== node && watch.isWhole(other, slot)).length >= (owner === node ? 1 : 2),
    );
    if (may.length === 0) return;
    const { slot } = world.dice.pick(may);
    const keys = disk.keys().filter((key) => new RegExp(`^(log|snap|side/[a-z]+)/${slot}/`).test(key));
    if (keys.length === 0) return;
    const key = world.dice.pick(keys);
    const bit = world.dice.below(10_000);
    disk.flipBit(key, bit);
    const rotten = disk.get(key);
    const lasts = (): boolean => disk.get(key) === rotten;
    const mend = (): void => {
      if (!lasts()) return;
      disk.flipBit(key, bit);
      // What a node has found damaged it leaves alone until its next start.
      world.after(0, () => {
        machine.kill(false);
        machine.start();
      });
    };
    watch.rots(node, slot, { lasts, mend });
    world.note(() => `${node}: a bit of ${key} flips`);
  }

  /** The way the handbook says: drained first, evicted when it holds nothing more. Another machine takes its place. */
  async #evict(machine: Machine): Promise<void> {
    const { node } = machine;
    if (this.#isNeeded(node) || machine.gone || this.#spares === 0 || this.#leaving.has(node)) return;
    if (!this.#parts.watch.members.has(node)) return;
    this.#leaving.add(node);
    this.#spares -= 1;
    this.#parts.add();
    await this.#letGo(machine);
    this.#leaving.delete(node);
  }

  async #letGo(machine: Machine): Promise<void> {
    const { world, watch } = this.#parts;
    const { node } = machine;
    // Some are in a hurry: refused where it has the last copy of something that is up.
    if (world.dice.chance(0.3) && this.#spared(node)) {
      machine.gone = true;
      watch.excused.add(node);
      const out = await this.ask(`evict ${node}`, (control) => control.evict(node, false));
      if (out || watch.members.get(node) === undefined) return;
      machine.gone = false;
      watch.excused.delete(node);
      machine.start();
      // Where nobody knows what came of it, it may drain.
      this.#draining.add(node);
    }
    if (await this.#beginDrain(node)) {
      const holds = (): boolean =>
        [...watch.records.values()].some(
          ({ inSync, learners, want }) =>
            inSync.includes(node) || learners.includes(node) || want?.replicas.includes(node) === true,
        );
      for (let tries = 0; tries < 40 && this.#faulty && holds(); tries += 1) await world.sleep(100);
      if (!holds() && this.#faulty) {
        // From here on it may be out, whatever the answer is.
        machine.gone = true;
        watch.excused.add(node);
        this.#draining.delete(node);
        await this.ask(`evict ${node}`, (control) => control.evict(node, false));
        return;
      }
    }
    await this.#undrain(node);
  }

  /** A machine is lost for good, and another one takes its place. Never one whose loss would take the last whole copy
   *  of something, nor an owner, who may be about to become the last. */
  #wipe(machine: Machine): void {
    const { watch } = this.#parts;
    if (this.#isNeeded(machine.node) || machine.gone || this.#spares === 0) return;
    if (!this.#spared(machine.node)) return;
    machine.kill(true);
    machine.gone = true;
    watch.excused.add(machine.node);
    this.#spares -= 1;
    this.#parts.add();
  }

  /** Who votes, as the leader of the newest term knows. */
  voters(): { readonly voters: readonly NodeId[]; readonly leader: NodeId | undefined } {
    const known = this.#parts
      .machines()
      .flatMap(({ node, peer, alive }) => (alive && peer ? { node, lead: peer.lead() } : []))
      .filter(({ node, lead }) => lead.leader === node)
      .toSorted((one, other) => other.lead.term - one.lead.term);
    return { voters: known[0]?.lead.voters ?? [], leader: known[0]?.node };
  }

  /** The directory would not survive it. */
  #isNeeded(node: NodeId): boolean {
    if (this.#parts.plan.directory !== "replicated") return node === "n0";
    const { voters, leader } = this.voters();
    if (leader === undefined) return true;
    const machines = this.#parts.machines();
    const left = voters.filter((one) => one !== node && machines.some((other) => other.node === one && !other.gone));
    return left.length * 2 <= voters.length;
  }

  /** Of everything that a node has, the owner is another one, and whole. */
  #spared(node: NodeId): boolean {
    const { watch } = this.#parts;
    return [...watch.records.values()].every(
      ({ slot, owner, inSync }) => !inSync.includes(node) || (owner !== node && watch.isWhole(owner, slot)),
    );
  }

  #cutOff(side: readonly NodeId[], bothWays: boolean): void {
    const { network } = this.#parts;
    const outwards = this.#parts.world.dice.chance(0.5);
    for (const here of side) {
      for (const there of this.#nodes()) {
        if (side.includes(there)) continue;
        if (bothWays || outwards) network.cut(here, there);
        if (bothWays || !outwards) network.cut(there, here);
      }
    }
  }

  #later(delayMs: number, mend: () => void): void {
    this.#parts.world.after(delayMs, mend);
  }

  #nodes(): readonly NodeId[] {
    return this.#parts.machines().map(({ node }) => node);
  }

  #down(): number {
    return this.#parts.machines().filter(({ alive, gone }) => !alive && !gone).length;
  }
}

/** Machines that are down at the same time. */
const downMax = 2;
/** Nodes that lack a role at the same time. */
const bereftMax = 2;
/** Long enough for the others to give the slot to somebody else and write there. */
const strandedMsMin = 2_500;

/** The process that a machine runs now has ended: it answers nothing any more. */
export async function endOf({ pulse }: Machine, world: World): Promise<undefined> {
  while (pulse.alive) await world.sleep(500);
  return undefined;
}
