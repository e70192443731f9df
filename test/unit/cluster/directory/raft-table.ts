/** Real cores around a table: every message is a line of a transcript. */
import { expect } from "chai";
import { Core, type CoreOptions, type Restored } from "../../../../node/cluster/directory/raft/core.ts";
import type { Members, RaftMessage, Write } from "../../../../node/cluster/directory/raft/messages.ts";

export type Message = RaftMessage<string, readonly string[]>;
type TableCore = Core<string, readonly string[]>;

/** One voter, by itself; without more said, a of three, whose disk has nothing. */
export function coreOf({
  node = "a",
  seed = 1,
  members = { voters: ["a", "b", "c"], learners: [] },
  snapshot = () => [],
  ...disk
}: Partial<Pick<CoreOptions<readonly string[]>, "node" | "seed" | "snapshot">> &
  Partial<Pick<Restored<string>, "promise" | "entries">> & { readonly members?: Members }): TableCore {
  const options = { node, electionTicks: 10, heartbeatTicks: 2, entriesPerMessageMax: 1, messagesOnWayMax: 2, seed, snapshot }; // prettier-ignore
  const base = { index: 0, term: 0, members };
  return new Core(options, { promise: { term: 0, vote: undefined }, base, entries: [], applied: 0, ...disk });
}

/** Voters whose messages arrive in order and at once, unless they are cut off; each step is a line of the
 *  transcript. */
export class Table {
  readonly cores = new Map<string, TableCore>();
  readonly applied = new Map<string, string[]>();
  readonly cut = new Set<string>();
  readonly lines: string[] = [];
  readonly reads: string[] = [];
  /** Nodes whose disks hold back what is written. */
  readonly slow = new Set<string>();
  /** Whether a message arrives. */
  passes: (from: string, to: string, message: Message) => boolean = (from, to) =>
    !this.cut.has(from) && !this.cut.has(to);
  readonly #held: (() => void)[] = [];

  constructor(names: readonly string[], voters: readonly string[] = names) {
    for (const [at, node] of names.entries()) {
      const applied: string[] = [];
      this.applied.set(node, applied);
      const members: Members = { voters: voters.includes(node) ? voters : [], learners: [] };
      const core = coreOf({ node, seed: at + 1, members, snapshot: () => [...applied] });
      this.cores.set(node, core);
    }
  }

  of(node: string): TableCore {
    return this.cores.get(node) as TableCore;
  }

  tick(node: string, ticks: number): void {
    for (let at = 0; at < ticks; at += 1) {
      this.of(node).tick();
      this.settle();
    }
  }

  /** Lets one node's time go on until it leads. */
  elect(node: string): void {
    for (let ticks = 0; ticks < 100 && this.of(node).role !== "leader"; ticks += 1) this.tick(node, 1);
  }

  /** Time goes on for all. */
  elapse(ticks: number): void {
    for (let at = 0; at < ticks; at += 1) for (const node of this.cores.keys()) this.tick(node, 1);
  }

  settle(): void {
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (const [node, core] of this.cores) {
        const ready = core.take();
        const { write, send, sendStored, restore, apply, reads, dropped } = ready;
        for (const { to, message } of send) this.#send(node, to, message);
        const stored = (): void => {
          for (const { to, message } of sendStored) this.#send(node, to, message);
          if (write !== undefined) core.stored(write satisfies Write<string, readonly string[]>);
        };
        if (this.slow.has(node)) this.#held.push(stored);
        else stored();
        const applied = this.applied.get(node) as string[];
        if (restore !== undefined) applied.splice(0, Infinity, ...restore.state);
        for (const { body } of apply) if (body.type === "data") applied.push(body.data);
        for (const { id, index } of reads) this.reads.push(`${id} at ${index}`);
        for (const id of dropped) this.reads.push(`${id} dropped`);
        isBusy ||= write !== undefined || send.length + sendStored.length + apply.length > 0;
      }
    }
  }

  release(): void {
    this.slow.clear();
    for (const stored of this.#held.splice(0)) stored();
    this.settle();
  }

  #send(from: string, to: string, message: Message): void {
    if (!this.passes(from, to, message)) return;
    if (message.type !== "append" || message.entries.length > 0) this.lines.push(`${from}>${to} ${said(message)}`);
    this.of(to).receive(from, message);
  }
}

function said(message: Message): string {
  switch (message.type) {
    case "vote":
      return `${message.pre ? "would you vote" : "vote"} ${message.term}`;
    case "voted":
      return `${message.granted ? "yes" : "no"} ${message.term}`;
    case "append":
      return `entries ${message.entries.map(({ index, term }) => `${index}@${term}`).join(" ")}`;
    case "appended":
      return `has ${message.match}`;
    case "refused":
      return `lacks ${message.previous}`;
    case "install":
      return `all up to ${message.snapshot.index}`;
    case "lead":
      return "lead";
  }
}

/** Three voters, of which a leads. */
export function led(): Table {
  const table = new Table(["a", "b", "c"]);
  table.tick("a", 20);
  expect(table.of("a").role).to.equal("leader");
  return table;
}

/** Three voters, of which a leads, and c lacks what a has thrown away of its log. */
export function outrun(): Table {
  const table = led();
  table.cut.add("c");
  for (const data of ["x", "y", "z"]) table.of("a").propose(data);
  table.settle();
  table.of("a").compact(4);
  table.cut.clear();
  return table;
}

/** Three voters, of which a has asked for votes, and nobody has heard it. */
export function unheard(): Table {
  const table = new Table(["a", "b", "c"]);
  table.passes = () => false;
  table.tick("a", 20);
  expect(table.of("a").role).to.equal("candidate");
  return table;
}

/** Voter a with what its disk has: entries of these terms. */
export function begun(terms: readonly number[], promise: { term: number; vote: string | undefined }) {
  const entries = terms.map((term, at) => ({ index: at + 1, term, body: { type: "begin" } as const }));
  const core = coreOf({ promise, entries });
  return (message: Message) => {
    core.receive("b", message);
    const { write, sendStored } = core.take();
    return { promise: write?.promise, said: sendStored.map((one) => one.message) };
  };
}
/** A question for a vote. */
export const vote = (term: number, last: { index: number; term: number }, pre = false): Message => ({ type: "vote", term, pre, forced: false, last }); // prettier-ignore
