/** A life of voters: real cores (`node/cluster/directory/raft`) on simulated disks, with messages that are lost, doubled and
 *  late, writes that are lost with their node, and members that change. What is checked is in `checks.ts`.
 *
 *      steps, drawn ─► all is mended ─► a majority must come to an end with everything */
import type { Change } from "../../../node/cluster/directory/deciding.ts";
import { Core } from "../../../node/cluster/directory/raft/core.ts";
import type { Addressed, Entry, Mark, Members, Promise as Vow, RaftMessage, Ready, Write } from "../../../node/cluster/directory/raft/messages.ts"; // prettier-ignore
import { LeaderRoom } from "../../../node/cluster/directory/raft/leader-room.ts";
import { ReplicatedRows, type Asked, type RowsImage } from "../../../node/cluster/directory/raft/rows.ts";
import type { Dice } from "../../world/dice.ts";
import type { CheckerName } from "../checkers.ts";
import { Checks, type State } from "./checks.ts";
import { encode } from "../../../protocols/index.ts";

type Message = RaftMessage<Asked, State>;

/** What a step of a life may be. */
const weights = {
  deliver: 60,
  tick: 22,
  sync: 30,
  propose: 8,
  read: 6,
  lose: 3,
  double: 2,
  crash: 1,
  start: 6,
  cut: 1,
  members: 3,
  handOver: 1,
  compact: 2,
} as const;
type Step = keyof typeof weights;
const names = Object.keys(weights) as Step[];
/** Each life has some sorts of trouble, and not all of them at once: then too little would come about. */
const troubles = ["lose", "double", "crash", "cut", "members", "handOver", "compact", "read"] as const;

/** Steps, and up to which number each is drawn. */
type Odds = readonly (readonly [step: Step, below: number])[];

function drawnOdds(dice: Dice): Odds {
  let below = 0;
  return names.map((step) => {
    const often = (troubles as readonly Step[]).includes(step) ? dice.pick([0, 0, 1, 1, 1, 6]) : 1;
    return [step, (below += weights[step] * often)] as const;
  });
}

const electionTicks = 4;
const flightMax = 64;
/** Written out: texts that are made by a life are compared letter by letter. */
const nodeIds = ["n0", "n1", "n2", "n3", "n4"];
const keys = ["k0", "k1", "k2"];
/** Of different sizes: two of the largest are too much together with a third row. */
const values = keys.map((key, at) => encode(key.padStart(2 + 20 * at)));
const room = { rowsMax: 3, rowsBytesMax: 170, growthBytesMax: 0 };
const nothing: State = { index: 0, hash: 0, image: { revision: 0, rows: [] } };
const home = { endpoints: ["http://e"], prefix: "p/", generation: 2 };
/** In a life whose rows are moved elsewhere: steps from one copy of them to the next, and the move is asked for in
 *  between. */
const copySteps = 16;
/** Rounds in which all is delivered, after all is mended. */
const calmRounds = 120;

interface Member {
  readonly id: string;
  core: Core<Asked, State> | undefined;
  /** What was applied, in memory: the rows, and a hash of all that came to them. */
  state: Omit<State, "image">;
  rows: ReplicatedRows;
  /** Undefined: it is of a version that does not know how much there may be. */
  room: LeaderRoom | undefined;
  readonly disk: {
    promise: Vow;
    base: Mark & { members: Members };
    entries: Entry<Asked>[];
    state: State;
  };
  /** Writes that are not synced, in order, and what may leave after each. */
  unsynced: {
    readonly write: Write<Asked, State> | undefined;
    readonly promises: readonly Addressed<Asked, State>[];
  }[];
}

export class RaftLife {
  readonly #dice: Dice;
  readonly #nodes: Member[];
  readonly #checks: Checks;
  readonly #trace: ((line: string) => void) | undefined;
  #flight: { readonly from: string; readonly to: string; readonly message: Message }[] = [];
  #cut: string | undefined;
  #questions = 0;
  /** Questions that are neither answered nor dropped, and who was asked. */
  readonly #open = new Map<number, string>();
  readonly #entriesMax: number;
  /** Whether all know how much there may be; else some are of a version that does not. */
  readonly #isBounded: boolean;
  /** The rows that were copied last, to be moved. */
  #copied: RowsImage | undefined;
  faults = 0;

  constructor(dice: Dice, violate: (checker: CheckerName, detail: string) => void, trace?: (line: string) => void) {
    this.#dice = dice;
    this.#trace = trace;
    this.#checks = new Checks(violate);
    const count = dice.pick([3, 3, 3, 4, 5]);
    this.#entriesMax = dice.pick([1, 3, 8]);
    const ids = nodeIds.slice(0, count);
    const voters = ids.slice(0, dice.pick([1, 3, 3, 3, count]));
    this.#nodes = ids.map((id) => ({
      id,
      core: undefined,
      state: nothing,
      rows: new ReplicatedRows(nothing.image),
      room: new LeaderRoom(room) as LeaderRoom | undefined,
      disk: {
        promise: { term: 0, vote: undefined },
        base: { index: 0, term: 0, members: { voters: voters.includes(id) ? voters : [], learners: [] } },
        entries: [],
        state: nothing,
      },
      unsynced: [],
    }));
    this.#isBounded = dice.chance(0.75);
    if (!this.#isBounded) for (const node of this.#nodes) if (dice.chance(0.5)) node.room = undefined;
    for (const node of this.#nodes) this.#start(node);
  }

  get applied(): number {
    return this.#checks.committed;
  }

  /** `departs`: from half of the steps on the rows are copied, and asked to be moved. */
  run(count: number, { departs = false } = {}): void {
    const odds = drawnOdds(this.#dice);
    const [, all] = odds.at(-1) as Odds[number];
    for (let at = 0; at < count; at += 1) {
      const drawn = this.#dice.below(all);
      let step = 0;
      while ((odds[step] as Odds[number])[1] <= drawn) step += 1;
      this.#do((odds[step] as Odds[number])[0]);
      if (departs && at * 2 >= count) this.#move(at % copySteps);
    }
    this.#mend();
  }

  /** What whoever leads, or believes to, does to give the rows away. */
  #move(at: number): void {
    if (at !== 0 && at !== copySteps / 2) return;
    const leader = this.#nodes.find(({ core }) => core?.role === "leader");
    if (leader === undefined) return;
    if (at === 0) {
      this.#copied = leader.rows.image;
      this.#checks.copied(this.#copied);
    }
    if (at !== copySteps / 2 || this.#copied === undefined) return;
    leader.core?.propose({ home, revision: this.#copied.revision });
    this.#carry(leader);
  }

  #do(step: Step): void {
    const dice = this.#dice;
    const node = this.#nodes[dice.below(this.#nodes.length)] as Member;
    const { core } = node;
    switch (step) {
      case "deliver":
        return this.#deliver(dice.below(this.#flight.length), false);
      case "double":
        return this.#deliver(dice.below(this.#flight.length), true);
      case "lose":
        this.faults += this.#flight.splice(dice.below(this.#flight.length), 1).length;
        return;
      case "tick": {
        for (let ticks = 1 + dice.below(electionTicks); ticks > 0 && core !== undefined; ticks -= 1) core.tick();
        return this.#carry(node);
      }
      case "sync":
        return this.#sync(node);
      case "propose": {
        const leader = this.#leading();
        if (leader !== undefined) this.#propose(leader, this.#change(leader));
        return leader && this.#carry(leader);
      }
      case "read":
        if (core === undefined) return;
        this.#ask(node.id, core);
        return this.#carry(node);
      case "crash":
        return this.#crash(node);
      case "start":
        if (core === undefined) this.#start(node);
        return;
      case "cut":
        this.#cut = this.#cut === undefined ? node.id : undefined;
        this.faults += 1;
        return;
      case "handOver":
        core?.handOver((this.#nodes[dice.below(this.#nodes.length)] as Member).id);
        return this.#carry(node);
      case "members":
        return this.#changeMembers();
      case "compact":
        return this.#compact(node, dice.below(4));
    }
  }

  /** Asks for a change, unless there is no room for it. */
  #propose({ core, room: known, rows, state }: Member, change: Change): Mark | undefined {
    if (core === undefined || core.role !== "leader") return undefined;
    const { term, log } = core;
    if (known?.isFull({ term, log, rows, applied: state.index }, change)) return undefined;
    return core.propose(change);
  }

  /** One that fits the rows as a leader knows them, or one that fits older ones. */
  #change({ rows }: Member): Change {
    const dice = this.#dice;
    const [at, other] = [dice.below(keys.length), dice.below(keys.length)];
    const known = (key: number): number => (dice.chance(0.1) ? 0 : (rows.all.get(keys[key] as string)?.revision ?? 0));
    return {
      key: keys[at] as string,
      bytes: dice.chance(0.2) ? undefined : values[other],
      revision: known(at),
      guard: dice.chance(0.5) ? { key: keys[other] as string, revision: known(other) } : undefined,
    };
  }

  #ask(id: string, core: Core<Asked, State>): void {
    this.#questions += 1;
    this.#checks.asked(this.#questions);
    this.#open.set(this.#questions, id);
    core.read(this.#questions);
  }

  /** One of those who believe that they lead. */
  #leading(): Member | undefined {
    const leaders = this.#nodes.filter(({ core }) => core?.role === "leader");
    return leaders[this.#dice.below(leaders.length)];
  }

  #changeMembers(): void {
    const leader = this.#leading();
    if (leader?.core === undefined) return;
    const { voters, learners } = leader.core.members;
    const { id } = this.#nodes[this.#dice.below(this.#nodes.length)] as Member;
    const without = (list: readonly string[]): string[] => list.filter((one) => one !== id);
    const members = voters.includes(id)
      ? { voters: without(voters), learners }
      : learners.includes(id)
        ? { voters: [...voters, id], learners: without(learners) }
        : { voters, learners: [...learners, id] };
    const { id: other } = this.#nodes[this.#dice.below(this.#nodes.length)] as Member;
    // Two at once are refused.
    if (this.#dice.chance(0.2))
      members.voters = members.voters.includes(other)
        ? members.voters.filter((one) => one !== other)
        : [...members.voters, other];
    leader.core.changeMembers(members);
    this.#carry(leader);
  }

  #deliver(at: number, again: boolean): void {
    const sent = this.#flight[at];
    if (sent === undefined) return;
    if (!again) {
      this.#flight[at] = this.#flight.at(-1) as typeof sent;
      this.#flight.pop();
    }
    const { from, to, message } = sent;
    if (this.#cut !== undefined && (from === this.#cut || to === this.#cut)) return;
    this.#receive(this.#memberAt(to), from, message);
  }

  #receive(node: Member, from: string, message: Message): void {
    if (node.core === undefined) return;
    this.#trace?.(`${from} → ${node.id} ${JSON.stringify(message)}`);
    this.#checks.heard(from, node.id, message);
    node.core.receive(from, message);
    this.#carry(node);
  }

  #memberAt(id: string): Member {
    for (const node of this.#nodes) if (node.id === id) return node;
    throw new Error(`there is no ${id}`);
  }

  #post(from: Member, { to, message }: Addressed<Asked, State>): void {
    this.#checks.taken(from.id, message);
    if (this.#flight.length >= flightMax) this.#flight.shift();
    this.#flight.push({ from: from.id, to, message });
  }

  /** Does what a core wants done. */
  #carry(node: Member): void {
    const { core } = node;
    if (core === undefined) return;
    const ready = core.take();
    // What waits for no write leaves at once, in the end.
    const isFree = ready.write === undefined && node.unsynced.length === 0;
    if (!isFree && (ready.write !== undefined || ready.sendStored.length > 0)) {
      node.unsynced.push({ write: ready.write, promises: ready.sendStored });
      this.#checks.written(node.id, ready.write);
    }
    for (const one of ready.send) this.#post(node, one);
    for (const { message } of ready.sendStored) this.#checks.said(node.id, core.members.voters, message);
    this.#apply(node, ready);
    this.#checks.leads(node.id, core);
    for (const { id, index } of ready.reads) {
      this.#checks.read(id, index);
      this.#open.delete(id);
    }
    for (const id of ready.dropped) this.#open.delete(id);
    if (isFree) for (const one of ready.sendStored) this.#post(node, one);
    else if (ready.write === undefined) this.#syncLast(node);
  }

  /** A write that nothing stands before. */
  #syncLast(node: Member): void {
    if (node.unsynced.length === 1) this.#sync(node);
  }

  #apply(node: Member, { restore, apply }: Ready<Asked, State>): void {
    if (restore !== undefined) {
      node.state = restore.state;
      node.rows.restore(restore.state.image);
      this.#checks.restored(node.id, restore);
    }
    for (const entry of apply) {
      const decided = entry.body.type === "data" ? node.rows.apply(entry.body.data) : undefined;
      node.state = this.#checks.applied(node.id, node.state, entry, { decided, byTerm: node.core?.term ?? 0 });
      this.#checks.moving(node.id, entry, decided, node.rows);
      this.#checks.sized(node.id, node.rows, this.#isBounded ? room.rowsBytesMax : Infinity);
    }
  }

  /** The oldest write is on the disk. */
  #sync(node: Member): void {
    const done = node.unsynced.shift();
    if (done === undefined) return;
    this.#write(node, done.write);
    for (const one of done.promises) this.#post(node, one);
    // The core is told of writes alone: else it has nothing new to do.
    if (done.write === undefined) return this.#syncLast(node);
    node.core?.stored(done.write);
    this.#carry(node);
  }

  #write({ disk }: Member, write: Write<Asked, State> | undefined): void {
    if (write?.promise !== undefined) disk.promise = write.promise;
    if (write?.snapshot !== undefined) {
      const { index, term, members, state } = write.snapshot;
      disk.base = { index, term, members };
      disk.entries = [];
      disk.state = state;
    }
    const first = write?.entries[0];
    if (write === undefined || first === undefined) return;
    // They follow one another.
    const kept = first.index - (disk.entries[0]?.index ?? first.index);
    disk.entries.length = Math.max(0, Math.min(kept, disk.entries.length));
    for (const entry of write.entries) disk.entries.push(entry);
  }

  #crash(node: Member): void {
    if (node.core === undefined) return;
    this.#trace?.(`${node.id} dies`);
    this.faults += 1;
    // What was being written may have come about, in order.
    for (const { write } of node.unsynced.slice(0, this.#dice.below(node.unsynced.length + 1)))
      this.#write(node, write);
    node.unsynced = [];
    node.core = undefined;
    for (const [question, id] of this.#open) if (id === node.id) this.#open.delete(question);
  }

  #start(node: Member): void {
    const { promise, base, entries, state } = node.disk;
    this.#trace?.(`${node.id} starts with ${JSON.stringify({ promise, base, entries: entries.length, state })}`);
    node.state = state;
    const rows = (node.rows = new ReplicatedRows(state.image));
    const snapshot = (): State => ({ ...node.state, image: rows.image });
    const options = {
      node: node.id,
      electionTicks,
      heartbeatTicks: 1,
      entriesPerMessageMax: this.#entriesMax,
      messagesOnWayMax: 2,
      seed: this.#dice.below(2 ** 32),
      snapshot,
    };
    node.core = new Core<Asked, State>(options, { promise, base, entries, applied: state.index });
    this.#carry(node);
  }

  /** The state is written; the log is cut so far. */
  #compact(node: Member, kept: number): void {
    const { core, disk, state } = node;
    // Only when nothing else is being written: then the disk is as the core believes.
    if (core === undefined || node.unsynced.length > 0) return;
    disk.state = { ...state, image: node.rows.image };
    core.compact(state.index - kept);
    const { base } = core.log;
    disk.base = { ...base, members: core.log.membersAt(base.index) };
    disk.entries = disk.entries.filter(({ index }) => index > base.index);
  }

  /** Nothing goes wrong any more: a majority of voters must suffice for everything. In some lives the others stay dead,
   *  and are replaced. */
  #mend(): void {
    this.#cut = undefined;
    const dead = this.#dice.chance(0.25) ? this.#minority() : [];
    for (const node of this.#nodes)
      if (dead.includes(node)) this.#crash(node);
      else if (node.core === undefined) this.#start(node);
    let asked: Mark | undefined;
    let question: number | undefined;
    for (let round = 0; round < calmRounds; round += 1) {
      this.#calm();
      const leader = this.#nodes.find(({ core }) => core?.role === "leader");
      const counted = leader?.core;
      if (counted === undefined) continue;
      if (asked === undefined || counted.log.termAt(asked.index) !== asked.term)
        asked = this.#propose(leader as Member, this.#change(leader as Member));
      if (question === undefined) {
        this.#ask((leader as Member).id, counted);
        question = this.#questions;
      }
      const isWhole = dead.length === 0 || this.#replace(counted, dead);
      this.#carry(leader as Member);
      const all = [...counted.members.voters, ...counted.members.learners].map((id) => this.#memberAt(id));
      if (
        isWhole &&
        asked !== undefined &&
        this.#open.size === 0 &&
        all.every(({ state }) => state.index >= (asked as Mark).index)
      )
        return this.#end(all);
    }
    const [unanswered] = this.#open.values();
    this.#checks.violate("liveness", unanswered === undefined ? `nothing was agreed on after all was mended but ${dead.map(({ id }) => id).join()}` : `${unanswered} leaves a read open`); // prettier-ignore
  }

  /** Some that may be dead for good: whichever members come to count, a majority of them is left. */
  #minority(): readonly Member[] {
    const counting = this.#nodes.flatMap(({ disk, core }) => [
      disk.base.members,
      ...disk.entries.flatMap(({ body }) => (body.type === "members" ? [body.members] : [])),
      ...(core === undefined ? [] : [core.members]),
    ]);
    // What is on its way counts where it arrives.
    for (const { message } of this.#flight) {
      if (message.type === "install") counting.push(message.snapshot.members);
      if (message.type !== "append") continue;
      for (const { body } of message.entries) if (body.type === "members") counting.push(body.members);
    }
    const dead: Member[] = [];
    for (const node of this.#nodes) {
      const lost = [...dead, node].map(({ id }) => id);
      if (counting.every(({ voters }) => voters.filter((one) => lost.includes(one)).length * 2 < Math.max(1, voters.length))) dead.push(node); // prettier-ignore
      if (this.#dice.chance(0.5)) break;
    }
    return dead;
  }

  /** The dead go, one at a time, and those who are up learn and vote. True: that has come about. */
  #replace(core: Core<Asked, State>, dead: readonly Member[]): boolean {
    const { voters, learners } = core.members;
    const isDead = (id: string): boolean => dead.some((one) => one.id === id);
    const gone = [...voters, ...learners].find(isDead);
    const fresh = this.#nodes.find(({ id }) => !isDead(id) && !voters.includes(id) && !learners.includes(id))?.id;
    const without = (list: readonly string[], id: string): string[] => list.filter((one) => one !== id);
    const ready = learners.find((id) => core.behind(id) === 0);
    if (gone !== undefined) core.changeMembers({ voters: without(voters, gone), learners: without(learners, gone) });
    else if (fresh !== undefined) core.changeMembers({ voters, learners: [...learners, fresh] });
    else if (ready !== undefined)
      core.changeMembers({ voters: [...voters, ready], learners: without(learners, ready) });
    return gone === undefined && fresh === undefined && learners.length === 0 && core.settled;
  }

  /** Time goes on for all that are up, and everything arrives. */
  #calm(): void {
    for (const node of this.#nodes) {
      node.core?.tick();
      this.#carry(node);
    }
    for (let turns = 0; turns < 8; turns += 1) {
      for (const node of this.#nodes) while (node.unsynced.length > 0) this.#sync(node);
      const flight = this.#flight;
      if (flight.length === 0) return;
      this.#flight = [];
      for (const { from, to, message } of flight) this.#receive(this.#memberAt(to), from, message);
    }
  }

  #end(members: readonly Member[]): void {
    for (const { id, core } of members) if (core !== undefined) this.#checks.same(id, core.log);
  }
}
