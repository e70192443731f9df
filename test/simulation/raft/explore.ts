/** Visits every state that a few voters can be in within bounds: whatever arrives late, twice, in another order or
 *  never, whoever dies between two writes.
 *
 *  - _Messages_ are a set that only grows. Each may arrive at any time, again, or never: that is loss, delay, doubling
 *    and every order.
 *    An answer that changes nothing at whoever gives it is given at once: more messages take no step away, and whoever is late for it is late with it.
 *  - _Time_ is chance: whoever does not lead may ask for votes at any moment, and whoever hears a leader may have heard
 *    nothing of it for long.
 *  - _Bounds_ are how often each of the other steps is taken, over all nodes.
 *  - _Symmetry_: voters that differ by name alone are one state, and so are their messages.
 *  - A state is kept as 64 bits. Two that are not the same may have the same ones: among ten million with a chance of
 *    one in 400,000.
 *
 *  What is checked is in `Search.#check`, and at one node in `member.ts`. */
import type { Members } from "../../../node/cluster/directory/raft/messages.ts";
import { textOf } from "./opened.ts";
import {
  newMember,
  stepped,
  steppedAtOnce,
  textOfEntry,
  type Outcome,
  type Member,
  type Sent,
  type Step,
} from "./member.ts";

/** How often each step is taken at most; none is `0`. */
export interface Bounds {
  readonly elections: number;
  readonly writes?: number;
  readonly reads?: number;
  readonly crashes?: number;
  readonly beats?: number;
  readonly checks?: number;
  readonly members?: number;
  readonly handOvers?: number;
  readonly compacts?: number;
}
type Bound = keyof Bounds;
const bounded = ["elections", "writes", "reads", "crashes", "beats", "checks", "members", "handOvers", "compacts"] as const; // prettier-ignore

export interface Scope {
  readonly name: string;
  /** Nodes that are no voters at first follow those that are. */
  readonly nodes: readonly string[];
  readonly voters: readonly string[];
  readonly bounds: Bounds;
  /** Writes may take long, and what was not synced when a node dies is lost. Otherwise every write is on the disk at
   *  once. */
  readonly late?: boolean;
  /** Takes minutes. */
  readonly large?: boolean;
  /** It has more states than can be visited in minutes: so many steps are taken, depth first, and the rest is left to
   *  seeds. */
  readonly stepsMax?: number;
}

export interface Explored {
  readonly states: number;
  readonly steps: number;
  /** Of one node. */
  readonly statesOfOne: number;
  readonly messages: number;
  readonly deepest: number;
  readonly seconds: number;
  /** What does not hold, and the steps that lead there. Undefined: everything was visited, and holds. */
  readonly broken: { readonly what: string; readonly path: readonly string[] } | undefined;
  /** It was ended before everything was visited. */
  readonly cutOff: boolean;
}

/** Two halves of a hash. */
type Hash = readonly [number, number];

function hashOf(text: string): Hash {
  let [one, other] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    one = Math.imul(one ^ code, 2_654_435_761);
    other = Math.imul(other ^ code, 1_597_334_677);
  }
  one = Math.imul(one ^ (one >>> 16), 2_246_822_507) ^ Math.imul(other ^ (other >>> 13), 3_266_489_909);
  other = Math.imul(other ^ (other >>> 16), 2_246_822_507) ^ Math.imul(one ^ (one >>> 13), 3_266_489_909);
  return [one >>> 0, other >>> 0];
}

/** Hashes that were seen. */
class Seen {
  #slots = new Uint32Array(2 << 16);
  size = 0;

  /** False: it was there. */
  add(one: number, other: number): boolean {
    if (this.size * 4 > this.#slots.length) this.#grow();
    if (!this.#put(this.#slots, one, other === 0 ? 1 : other)) return false;
    this.size += 1;
    return true;
  }

  #put(slots: Uint32Array, one: number, other: number): boolean {
    const mask = slots.length / 2 - 1;
    for (let at = one & mask; ; at = (at + 1) & mask) {
      if (slots[2 * at + 1] === 0) {
        slots[2 * at] = one;
        slots[2 * at + 1] = other;
        return true;
      }
      if (slots[2 * at] === one && slots[2 * at + 1] === other) return false;
    }
  }

  #grow(): void {
    const larger = new Uint32Array(this.#slots.length * 2);
    for (let at = 0; at < this.#slots.length; at += 2)
      if (this.#slots[at + 1] !== 0) this.#put(larger, this.#slots[at] as number, this.#slots[at + 1] as number);
    this.#slots = larger;
  }
}

/** Not of a node's state: its functions, and what `member.ts` sets anew after each step. */
const leftOut = new Set(["_options", "_elapsed", "_patience", "_chance"]);

/** A node's state with its number, and what steps make of it. */
interface Known {
  readonly node: Member;
  readonly outcomes: Map<number, Kept>;
  readonly hashes: Map<string, Hash>;
  readonly shape: string;
}
interface KnownSent extends Sent {
  readonly number: number;
  readonly hashes: Map<string, Hash>;
}
interface Kept extends Omit<Outcome, "node" | "sent"> {
  readonly to: Known;
  readonly sent: readonly KnownSent[];
}

/** All nodes and messages, and what has happened so far. Never changed. */
interface World {
  readonly nodes: readonly Known[];
  readonly sent: readonly KnownSent[];
  readonly left: readonly number[];
  /** What was applied first at each place, by somebody in that term. */
  readonly applied: readonly { readonly text: string; readonly term: number; readonly byTerm: number; readonly all: string }[];
  readonly leaders: readonly (readonly [term: number, id: string])[];
  readonly asked: readonly number[];
} // prettier-ignore

interface Move {
  readonly at: number;
  readonly step: Step;
  readonly key: number;
  readonly takes: Bound | undefined;
}

const describeStep = (id: string, step: Step): string =>
  step.type === "deliver"
    ? `${step.sent.from} → ${id} ${JSON.stringify(step.sent.message)}`
    : `${id} ${Object.values(step)
        .map((part) => (typeof part === "object" ? JSON.stringify(part) : part))
        .join(" ")}`;

export class Search {
  readonly #scope: Scope;
  readonly #known = new Map<string, Known>();
  readonly #sent = new Map<string, KnownSent>();
  readonly #steps = new Map<string, number>();
  readonly #seen = new Seen();
  readonly #names = new Map<string, (id: string) => string>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** Goes on until everything was visited, something does not hold, or the scope's steps are taken, or the time is
   *  over. */
  run(limitMs = Infinity): Explored {
    const { stepsMax = Infinity } = this.#scope;
    const startedMs = performance.now();
    const first: World = {
      nodes: this.#scope.nodes.map((id) => this.#know(newMember(id, this.#scope.voters))),
      sent: [],
      left: bounded.map((bound) => this.#scope.bounds[bound] ?? 0),
      applied: [],
      leaders: [],
      asked: [],
    };
    const stack = [{ world: first, moves: this.#moves(first), at: 0, by: "" }];
    let [steps, deepest] = [0, 0];
    let broken: string | undefined;
    let cutOff = false;
    this.#isNew(first);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const move = top.moves[top.at];
      top.at += 1;
      if (move === undefined) {
        stack.pop();
        continue;
      }
      steps += 1;
      if (steps > stepsMax || (steps % 65_536 === 0 && performance.now() - startedMs > limitMs)) {
        cutOff = true;
        break;
      }
      const known = top.world.nodes[move.at] as Known;
      const outcome = this.#outcome(known, move);
      if (outcome.to === known && move.takes === undefined && outcome.sent.every((one) => top.world.sent.includes(one)))
        continue;
      const next = this.#moved(top.world, move, outcome);
      broken = outcome.broken ?? this.#check(top.world, next, move, outcome);
      if (broken === undefined && !this.#isNew(next)) continue;
      stack.push({ world: next, moves: broken === undefined ? this.#moves(next) : [], at: 0, by: describeStep(known.node.id, move.step) }); // prettier-ignore
      deepest = Math.max(deepest, stack.length - 1);
      if (broken !== undefined) break;
    }
    return {
      states: this.#seen.size,
      steps,
      statesOfOne: this.#known.size,
      messages: this.#sent.size,
      deepest,
      seconds: (performance.now() - startedMs) / 1_000,
      broken: broken === undefined ? undefined : { what: broken, path: stack.slice(1).map(({ by }) => by) },
      cutOff,
    };
  }

  // --- what is known of nodes, messages and steps --------------------------------------------------------------------

  #know(node: Member): Known {
    const key = textOf(node, String, leftOut);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    // What the node is, whatever the names: the others are alike.
    const shape = textOf(
      node,
      (id) => (id === node.id ? "self" : this.#scope.voters.includes(id) ? "other" : id),
      leftOut,
    );
    const made = { node, outcomes: new Map<number, Kept>(), hashes: new Map<string, Hash>(), shape };
    this.#known.set(key, made);
    return made;
  }

  #knowSent(sent: Sent): KnownSent {
    const key = textOf(sent, String, leftOut);
    let known = this.#sent.get(key);
    if (known === undefined) {
      known = { ...sent, number: this.#sent.size, hashes: new Map<string, Hash>() };
      this.#sent.set(key, known);
    }
    return known;
  }

  #outcome({ node, outcomes }: Known, { step, key }: Move): Kept {
    let outcome = outcomes.get(key);
    if (outcome === undefined) {
      let made: Outcome;
      try {
        made = this.#scope.late === true ? stepped(node, step) : steppedAtOnce(node, step);
      } catch (thrown) {
        made = { node, sent: [], applied: [], restored: undefined, reads: [], broken: `throws ${String(thrown)}` };
      }
      outcome = { ...made, to: this.#know(made.node), sent: made.sent.map((one) => this.#knowSent(one)) };
      outcomes.set(key, outcome);
    }
    return outcome;
  }

  /** A number for each step that is not a message's arrival. */
  #keyOf(step: Step): number {
    const text = JSON.stringify(step);
    const key = this.#steps.get(text) ?? -1 - this.#steps.size;
    this.#steps.set(text, key);
    return key;
  }

  // --- what may happen -----------------------------------------------------------------------------------------------

  #moves({ nodes, sent, left }: World): readonly Move[] {
    const moves: Move[] = [];
    const may = (bound: Bound): boolean => (left[bounded.indexOf(bound)] as number) > 0;
    const used = (bound: Bound): number => (this.#scope.bounds[bound] ?? 0) - (left[bounded.indexOf(bound)] as number);
    for (const [at, { node }] of nodes.entries()) {
      const { core, id, unsynced } = node;
      const add = (step: Step, takes?: Bound): void => void moves.push({ at, step, key: this.#keyOf(step), takes });
      for (const one of sent) {
        if (one.to !== id) continue;
        for (const silent of this.#hearings(one)) moves.push({ at, step: { type: "deliver", sent: one, silent }, key: 2 * one.number + Number(silent), takes: undefined }); // prettier-ignore
      }
      if (unsynced.length > 0) add({ type: "sync" });
      if (may("crashes"))
        for (let count = 0; count <= unsynced.length; count += 1) add({ type: "crash", written: count }, "crashes");
      if (may("compacts") && unsynced.length === 0 && node.state.index > core.log.base.index)
        add({ type: "compact" }, "compacts");
      if (core.role !== "leader") {
        if (may("elections")) add({ type: "election" }, "elections");
        continue;
      }
      if (may("writes")) add({ type: "write", data: `w${used("writes")}` }, "writes");
      if (may("reads")) add({ type: "read", id: used("reads") }, "reads");
      if (may("beats")) add({ type: "beat" }, "beats");
      if (may("checks")) add({ type: "check" }, "checks");
      if (may("members"))
        for (const members of this.#changes(core.members)) add({ type: "members", members }, "members");
      if (may("handOvers"))
        for (const heir of core.members.voters) if (heir !== id) add({ type: "handOver", heir }, "handOvers");
    }
    return moves;
  }

  /** A stranger learns, a learner votes, a voter goes; and a voter is replaced at once, which is to be refused. */
  #changes({ voters, learners }: Members): readonly Members[] {
    const changes: Members[] = [];
    const strangers = this.#scope.nodes.filter((node) => !voters.includes(node) && !learners.includes(node));
    for (const node of strangers)
      if (!this.#scope.voters.includes(node)) changes.push({ voters, learners: [...learners, node] });
    for (const node of learners) {
      changes.push({ voters: [...voters, node], learners: learners.filter((one) => one !== node) });
      const [gone] = voters;
      changes.push({
        voters: [...voters.filter((one) => one !== gone), node],
        learners: learners.filter((one) => one !== node),
      });
    }
    for (const node of voters)
      if (voters.length > 1) changes.push({ voters: voters.filter((one) => one !== node), learners });
    return changes;
  }

  #moved(world: World, { at, step, takes }: Move, outcome: Kept): World {
    const { to, sent, applied } = outcome;
    const { node } = to;
    const nodes = world.nodes.with(at, to);
    const all = this.#answered(nodes, new Set([...world.sent, ...sent]));
    const before = (world.nodes[at] as Known).node;
    const leads = node.core.role === "leader" && (before.core.role !== "leader" || before.core.term !== node.core.term);
    let text = before.state.text;
    const news = applied.flatMap((entry) => {
      text = `${text} ${textOfEntry(entry)}`;
      if (entry.index <= world.applied.length) return [];
      return [{ text: textOfEntry(entry), term: entry.term, byTerm: node.core.term, all: text }];
    });
    return {
      nodes,
      sent: this.#worthHearing(all, to),
      left:
        takes === undefined
          ? world.left
          : world.left.with(bounded.indexOf(takes), (world.left[bounded.indexOf(takes)] as number) - 1),
      applied: news.length === 0 ? world.applied : [...world.applied, ...news],
      leaders: leads ? [...world.leaders, [node.core.term, node.id]] : world.leaders,
      asked: step.type === "read" ? [...world.asked, world.applied.length] : world.asked,
    };
  }

  /** With all that nodes answer as they are, without becoming anything else. */
  #answered(nodes: readonly Known[], sent: Set<KnownSent>): readonly KnownSent[] {
    // What is added meanwhile is gone through as well.
    for (let size = 0; size !== sent.size;) {
      size = sent.size;
      for (const one of sent) {
        const known = nodes.find(({ node }) => node.id === one.to) as Known;
        for (const silent of this.#hearings(one)) {
          const move: Move = { at: 0, step: { type: "deliver", sent: one, silent }, key: 2 * one.number + Number(silent), takes: undefined }; // prettier-ignore
          const outcome = this.#outcome(known, move);
          if (outcome.to === known && outcome.broken === undefined) for (const answer of outcome.sent) sent.add(answer);
        }
      }
    }
    return [...sent];
  }

  /** A vote may be asked of who has heard nothing of its leader for long. */
  #hearings({ message }: KnownSent): readonly boolean[] {
    return message.type === "vote" && !message.forced ? [false, true] : [false];
  }

  /** Without what its receiver, whose term has gone on for good, will never make anything of. */
  #worthHearing(sent: readonly KnownSent[], { node }: Known): readonly KnownSent[] {
    const { term } = node.disk.promise;
    const isOver = ({ to, message }: KnownSent): boolean =>
      to === node.id &&
      message.term < term &&
      message.type !== "append" &&
      message.type !== "install" &&
      !(message.type === "vote" && message.pre);
    return sent.some(isOver) ? sent.filter((one) => !isOver(one)) : sent;
  }

  // --- what must hold ------------------------------------------------------------------------------------------------

  #check(before: World, after: World, { at }: Move, outcome: Kept): string | undefined {
    const { node } = outcome.to;
    const { core, id } = node;
    if (after.leaders !== before.leaders) {
      const [term] = after.leaders.at(-1) as readonly [number, string];
      const other = before.leaders.find(([led, leader]) => led === term && leader !== id);
      if (other !== undefined) return `one-leader: ${other[1]} and ${id} lead term ${term}`;
      for (const [place, known] of before.applied.entries())
        if (place + 1 > core.log.base.index && known.byTerm < term && core.log.termAt(place + 1) !== known.term)
          return `leader-has-all: ${id} leads term ${term} without entry ${place + 1}`;
    }
    for (const entry of outcome.applied)
      if (after.applied[entry.index - 1]?.text !== textOfEntry(entry))
        return `applied-same: ${id} applies ${textOfEntry(entry)} at ${entry.index}`;
    if (node.state.index > 0 && after.applied[node.state.index - 1]?.all !== node.state.text)
      return `applied-same: ${id} has${node.state.text}, which others have not`;
    for (const read of outcome.reads)
      if (read.index < (before.asked[read.id] ?? 0))
        return `reads-of-now: a read of ${read.index}, when ${before.asked[read.id]} was known`;
    for (const [number, other] of after.nodes.entries()) {
      const place = number === at ? undefined : this.#differ(node, other.node);
      if (place !== undefined)
        return `logs-match: ${id} and ${other.node.id} have different entries of one term at ${place}`;
    }
    for (const sent of after.sent) {
      const broken = before.sent.includes(sent) ? undefined : this.#saidWell(after, sent);
      if (broken !== undefined) return broken;
    }
    return undefined;
  }

  /** Entries of one place and term are the same, and so is what is before them. */
  #differ({ core: { log: one } }: Member, { core: { log: other } }: Member): number | undefined {
    const from = Math.max(one.base.index, other.base.index) + 1;
    let isSame = false;
    for (let index = Math.min(one.last.index, other.last.index); index >= from; index -= 1) {
      isSame ||= one.termAt(index) === other.termAt(index);
      if (!isSame) continue;
      const [mine, theirs] = [one.slice(index, index + 1)[0], other.slice(index, index + 1)[0]];
      if (mine !== undefined && theirs !== undefined && textOfEntry(mine) !== textOfEntry(theirs)) return index;
    }
    return undefined;
  }

  /** A voter has one vote a term; a term begins when a majority would vote for who begins it. */
  #saidWell({ sent, nodes }: World, { from, to, message }: KnownSent): string | undefined {
    if (message.type === "voted" && message.granted && !message.pre) {
      const twice = sent.find((one) => one.from === from && one.to !== to && one.message.type === "voted" && !one.message.pre && one.message.granted && one.message.term === message.term); // prettier-ignore
      if (twice !== undefined) return `one-leader: ${from} votes for ${to} and ${twice.to} in term ${message.term}`;
    }
    if (message.type !== "vote" || message.pre || message.forced) return undefined;
    const { voters } = (nodes.find(({ node }) => node.id === from) as Known).node.core.members;
    const would = voters.filter((voter) => voter === from || sent.some((one) => one.from === voter && one.to === from && one.message.type === "voted" && one.message.pre && one.message.granted && one.message.term === message.term)); // prettier-ignore
    return would.length > voters.length / 2
      ? undefined
      : `leader-not-deposed: ${from} begins term ${message.term} unasked`;
  }

  // --- which states are the same -------------------------------------------------------------------------------------

  #isNew({ nodes, sent, left, applied, leaders, asked }: World): boolean {
    const { voters } = this.#scope;
    // Those who are alike in all but their names may change places. Where several are quite alike, any order will do.
    const order = nodes
      .filter(({ node }) => voters.includes(node.id))
      .toSorted((one, other) => (one.shape < other.shape ? -1 : one.shape > other.shape ? 1 : 0))
      .map(({ node }) => node.id);
    const names = order.join();
    let name = this.#names.get(names);
    if (name === undefined) {
      const renamed = new Map(order.map((id, place) => [id, voters[place] as string]));
      name = (id) => renamed.get(id) ?? id;
      this.#names.set(names, name);
    }
    const text = [left, applied.map((one) => `${one.byTerm}${renameAll(one.text, name)}`), leaders.map(([term, id]) => `${term}${name(id)}`), asked].join(";"); // prettier-ignore
    let [one, other] = hashOf(text);
    const add = (hashes: Map<string, Hash>, value: Member | Sent): void => {
      let hash = hashes.get(names);
      if (hash === undefined) {
        const told = "core" in value ? value : { from: value.from, to: value.to, message: value.message };
        hashes.set(names, (hash = hashOf(textOf(told, name, leftOut))));
      }
      one = (one + hash[0]) >>> 0;
      other = (other + hash[1]) >>> 0;
    };
    for (const { hashes, node } of nodes) add(hashes, node);
    for (const message of sent) add(message.hashes, message);
    return this.#seen.add(one, other);
  }
}

/** Entries that change members name them. */
const renameAll = (text: string, name: (id: string) => string): string =>
  text.includes("[") ? text.replaceAll(/[a-z]/g, (id) => name(id)) : text;
