/** One node of an exploration: a machine, its disk, and what is not written yet. What a step makes of a node depends on
 *  the node alone, so it is worked out once, and kept: the search over all nodes and messages (`explore.ts`) then only
 *  looks it up. */
import type { Core as Machine } from "../../../node/cluster/directory/raft/core.ts";
import type { Addressed, Entry, Mark, Members, Promise as Vow, RaftMessage, Write } from "../../../node/cluster/directory/raft/messages.ts"; // prettier-ignore
import { Core, copyOf, get, set } from "./opened.ts";

export interface State {
  readonly index: number;
  /** All that was applied. */
  readonly text: string;
}
export type Message = RaftMessage<string, State>;

/** A message on its way. */
export interface Sent {
  readonly from: string;
  readonly to: string;
  readonly message: Message;
}

interface Disk {
  readonly promise: Vow;
  readonly base: Mark & { readonly members: Members };
  readonly entries: readonly Entry<string>[];
  readonly state: State;
}

interface Unsynced {
  readonly write: Write<string, State> | undefined;
  readonly promises: readonly Addressed<string, State>[];
}

/** Never changed: a step gives another. */
export interface Member {
  readonly id: string;
  readonly core: Machine<string, State>;
  readonly state: State;
  readonly disk: Disk;
  readonly unsynced: readonly Unsynced[];
}

/** What may happen to a node. */
export type Step =
  | { readonly type: "deliver"; readonly sent: Sent; readonly silent: boolean }
  /** The oldest write is on the disk. */
  | { readonly type: "sync" }
  /** It has heard of no leader for so long that it asks. */
  | { readonly type: "election" }
  | { readonly type: "beat" }
  /** A leader looks whether it hears a majority. */
  | { readonly type: "check" }
  | { readonly type: "write"; readonly data: string }
  | { readonly type: "read"; readonly id: number }
  | { readonly type: "members"; readonly members: Members }
  | { readonly type: "handOver"; readonly heir: string }
  /** All that is in memory is gone, and so many writes were written. */
  | { readonly type: "crash"; readonly written: number }
  | { readonly type: "compact" };

/** What a step comes to, at the node and for the others. */
export interface Outcome {
  readonly node: Member;
  readonly sent: readonly Sent[];
  readonly applied: readonly Entry<string>[];
  readonly restored: State | undefined;
  readonly reads: readonly { readonly id: number; readonly index: number }[];
  /** What must not be at one node. */
  readonly broken: string | undefined;
}

const electionTicks = 2;
const nothing = { applied: [], restored: undefined, reads: [], sent: [] };

export function newMember(id: string, voters: readonly string[]): Member {
  const members = { voters: voters.includes(id) ? voters : [], learners: [] };
  const state = { index: 0, text: "" };
  const disk = { promise: { term: 0, vote: undefined }, base: { index: 0, term: 0, members }, entries: [], state };
  return begun(id, disk).node;
}

function begun(id: string, disk: Disk): Outcome {
  const { promise, base, entries, state } = disk;
  const options = { node: id, electionTicks, heartbeatTicks: 1, entriesPerMessageMax: 2, messagesOnWayMax: 1, seed: 1, snapshot: () => state }; // prettier-ignore
  const core = new Core<string, State>(options, { promise, base, entries, applied: state.index });
  return carried({ id, core, state, disk, unsynced: [] });
}

export const textOfEntry = ({ term, body }: Entry<string>): string =>
  body.type === "data"
    ? `${term}${body.data}`
    : body.type === "members"
      ? `${term}[${body.members.voters.toSorted().join("")}/${body.members.learners.toSorted().join("")}]`
      : `${term}`;

/** What a node makes of a step. */
export function stepped(before: Member, step: Step): Outcome {
  if (step.type === "crash") {
    const disk = before.unsynced.slice(0, step.written).reduce((one, { write }) => written(one, write), before.disk);
    return begun(before.id, disk);
  }
  const core = copyOf(before.core);
  const node = { ...before, core };
  set(core, { _options: { ...(get(core, "_options") as object), snapshot: () => node.state } });
  let sent: readonly Sent[] = [];
  let broken: string | undefined;
  switch (step.type) {
    case "deliver":
      if (step.silent) set(core, { _elapsed: electionTicks });
      core.receive(step.sent.from, step.sent.message);
      break;
    case "sync": {
      const [first, ...rest] = before.unsynced as readonly [Unsynced, ...Unsynced[]];
      node.disk = written(before.disk, first.write);
      node.unsynced = rest;
      sent = first.promises.map(({ to, message }) => ({ from: node.id, to, message }));
      if (first.write !== undefined) core.stored(first.write);
      break;
    }
    case "election":
      set(core, { _elapsed: (get(core, "_patience") as number) - 1 });
      core.tick();
      break;
    case "beat":
      core.tick();
      break;
    case "check":
      set(core, { _elapsed: electionTicks - 1 });
      core.tick();
      break;
    case "write":
      core.propose(step.data);
      break;
    case "read":
      core.read(step.id);
      break;
    case "members":
      core.changeMembers(step.members);
      break;
    case "handOver":
      core.handOver(step.heir);
      break;
    case "compact": {
      core.compact(node.state.index);
      const { base } = core.log;
      const entries = node.disk.entries.filter(({ index }) => index > base.index);
      node.disk = { ...node.disk, base: { ...base, members: core.log.membersAt(base.index) }, entries, state: node.state };
    }
  } // prettier-ignore
  broken ??= changedWell(before.core, core);
  const outcome = carried(node, sent);
  return { ...outcome, broken: broken ?? outcome.broken };
}

/** The same where every write is on the disk at once. */
export function steppedAtOnce(before: Member, step: Step): Outcome {
  let all = stepped(before, step);
  while (all.node.unsynced.length > 0) {
    const then = stepped(all.node, { type: "sync" });
    all = {
      node: then.node,
      sent: [...all.sent, ...then.sent],
      applied: [...all.applied, ...then.applied],
      restored: then.restored ?? all.restored,
      reads: [...all.reads, ...then.reads],
      broken: all.broken ?? then.broken,
    };
  }
  return all;
}

/** Does what the machine wants done, until it wants nothing. */
function carried(from: Member, before: readonly Sent[] = []): Outcome {
  const node = { ...from };
  const { core, id } = node;
  const sent = [...before];
  const applied: Entry<string>[] = [];
  const reads: { id: number; index: number }[] = [];
  let restored: State | undefined;
  for (;;) {
    const ready = core.take();
    const { write, sendStored } = ready;
    for (const { to, message } of ready.send) sent.push({ from: id, to, message });
    if (ready.restore !== undefined) restored = node.state = ready.restore.state;
    for (const entry of ready.apply) {
      applied.push(entry);
      node.state = { index: entry.index, text: `${node.state.text} ${textOfEntry(entry)}` };
    }
    reads.push(...ready.reads);
    if (write === undefined && sendStored.length === 0) break;
    if (write !== undefined) node.unsynced = [...node.unsynced, { write, promises: sendStored }];
    else if (node.unsynced.length === 0) for (const { to, message } of sendStored) sent.push({ from: id, to, message });
    else node.unsynced = withPromises(node.unsynced, sendStored);
  }
  set(core, { _elapsed: 0, _patience: 2 * electionTicks, _chance: 1 });
  const broken = sent.map((one) => kept(node.disk, one)).find((one) => one !== undefined);
  return { ...nothing, node, sent, applied, restored, reads, broken };
}

/** What waits for no write of its own leaves with the last one; once, however often it was said. */
function withPromises(unsynced: readonly Unsynced[], more: Unsynced["promises"]): readonly Unsynced[] {
  const { write, promises } = unsynced.at(-1) as Unsynced;
  const all = new Map([...promises, ...more].map((one) => [JSON.stringify(one), one]));
  return [...unsynced.slice(0, -1), { write, promises: [...all.values()] }];
}

function written(disk: Disk, write: Write<string, State> | undefined): Disk {
  if (write === undefined) return disk;
  let { promise, base, entries, state } = disk;
  if (write.promise !== undefined) ({ promise } = write);
  if (write.snapshot !== undefined) {
    const { index, term, members } = write.snapshot;
    base = { index, term, members };
    entries = [];
    ({ state } = write.snapshot);
  }
  const [first] = write.entries;
  if (first !== undefined) entries = [...entries.filter(({ index }) => index < first.index), ...write.entries];
  return { promise, base, entries, state };
}

/** (a): what a message promises is on the disk when it leaves. */
function kept({ promise, base, entries }: Disk, { to, message }: Sent): string | undefined {
  const last = entries.at(-1)?.index ?? base.index;
  if (message.type === "appended" && message.match > last)
    return `says that it has ${message.match}, and ${last} is on its disk`;
  if (message.type === "vote" && !message.pre && promise.term < message.term)
    return `stands in term ${message.term}, which it may forget`;
  if (message.type !== "voted" || message.pre || !message.granted || promise.term > message.term) return undefined;
  return promise.term === message.term && promise.vote === to
    ? undefined
    : `votes in term ${message.term}, which it may forget`;
}

/** A leader only adds to its log; and (d): members change by one voter, when the last change and an entry of its term
 *  are committed. */
function changedWell(before: Machine<string, State>, after: Machine<string, State>): string | undefined {
  if (before.role !== "leader" || after.role !== "leader" || before.term !== after.term) return undefined;
  const { log } = after;
  for (let { index } = before.log.base; index <= before.log.last.index; index += 1)
    if (index >= log.base.index && log.termAt(index) !== before.log.termAt(index))
      return `leads and changes its log at ${index}`;
  const added = log.slice(Math.max(before.log.last.index, log.base.index) + 1, log.last.index + 1);
  for (const { body } of added) {
    if (body.type !== "members") continue;
    if (!before.settled) return "changes members before the last change is committed";
    if (before.log.termAt(before.commit) !== before.term) return "changes members before it knows what is committed";
    const [was, is] = [before.members.voters, body.members.voters];
    const differ = [...was, ...is].filter((one) => was.includes(one) !== is.includes(one));
    if (differ.length > 1) return `changes ${differ.join()} at once`;
  }
  return undefined;
}
