/** People with several devices, whose actors are real: every device follows its rooms, a conversation and the person's
 *  own stream by the client library, over a connection that ends and comes back, and holds what the page holds of them.
 *
 *      commands ──► actors ──► events, signals ──► client library ──► the page's stores   ─┐
 *                     └─────────► the state, asked for by somebody who knows nothing yet  ─┴─► are the same */
import { expect } from "chai";
import type { Message } from "../../../actors/behavior.ts";
import {
  failure,
  type ActorId,
  type AgentState,
  type ClientFrame,
  type DraftList,
  type Resumed,
  type RoomEvent,
  type RoomHistory,
  type RoomMessage,
  type RoomState,
  type RoomSummary,
  type UserView,
} from "../../../protocols/index.ts";
import { emptyAgent, emptyRoom, foldAgent, foldRoom, listAfterRoom } from "../../../web/src/model/index.ts";
import type { AgentModel, RoomModel } from "../../../web/src/model/index.ts";
import { Device, type Fault, type Stores } from "../../fixtures/page-device.ts";
import { settled } from "../../world/index.ts";
import type { Fixture } from "../actors/fixture.ts";
import { ScriptedCluster, type ScriptedNode, type Session } from "../client/scripted-cluster.ts";

/** Where a topic's next event belongs, by session. */
type Following = Map<Session, Map<string, number>>;

/** The actors, and the devices of people. */
export class Team {
  readonly fixture: Fixture;
  readonly cluster = new ScriptedCluster();
  readonly devices: Device[] = [];
  readonly #nodes = new Map<Device, ScriptedNode>();
  readonly #following: Following = new Map();
  /** The actors that lost their memory. */
  readonly crashed = new Set<ActorId>();
  /** How many of the published events have been sent. */
  #sent = 0;
  /** Whether the events of a change come before its answer: nodes do both. */
  eventsFirst = false;

  readonly #fault: Fault | undefined;

  constructor(fixture: Fixture, fault?: Fault) {
    this.#fault = fault;
    this.fixture = fixture;
    this.#sent = fixture.published.length;
  }

  add(name: string, made: Stores): Device {
    const node = this.cluster.node(`of ${name}`);
    Object.assign(node.hello, { user: name });
    const after = (ms: number, run: () => void) => this.cluster.after(ms, run);
    const device = new Device(name, this.cluster.client({ urls: [node.place.url] }), made, after);
    node.onFrame = (frame, session) => this.#serve(device, frame, session);
    this.#nodes.set(device, node);
    this.devices.push(device);
    device.listen(this.#fault);
    return device;
  }

  /** Ends the connection of a device, which comes back. */
  drop(device: Device): void {
    this.#nodes.get(device)?.sessions.at(-1)?.drop();
  }

  /** Sends what was published to those who follow it. */
  flush(): void {
    const { published } = this.fixture;
    for (; this.#sent < published.length; this.#sent += 1) {
      const { topic, event, at } = published[this.#sent] as (typeof published)[number];
      for (const [session, topics] of this.#following) {
        const last = topics.get(topic);
        if (!session.open) this.#following.delete(session);
        else if (last !== undefined && at === undefined) session.say({ topic, event });
        else if (last !== undefined && at !== undefined && at > last) this.#event(session, topic, event, at);
      }
    }
  }

  #event(session: Session, topic: string, event: unknown, at: number): void {
    const topics = this.#following.get(session);
    topics?.set(topic, at);
    if (this.#fault !== "event lost" || at % 7 !== 0) session.say({ topic, at, event });
    const { type, member } = event as RoomEvent & { readonly member?: string };
    const isOwn = [...this.#nodes].some(([{ me }, { sessions }]) => me === member && sessions.includes(session));
    if (type !== "left" || !isOwn || !topic.startsWith("room/")) return;
    topics?.delete(topic);
    session.say({ topic, lost: failure("NOT_A_MEMBER") });
  }

  #serve(device: Device, frame: ClientFrame, session: Session): void {
    const topic = frame.to as ActorId;
    if (frame.do === "subscribe") return this.#subscribe(device, frame, session);
    if (frame.do === "unsubscribe") this.#following.get(session)?.delete(topic);
    const [kind, type = ""] = frame.do.split(".");
    if (type === "") return session.say({ re: frame.id, ok: {} });
    const message = { type, ...(frame.with as object) };
    const answer = this.fixture.do(device.me, `${kind}/${frame.to}` as ActorId, message, frame.operationId);
    if (this.eventsFirst) this.flush();
    session.say(answer.ok ? { re: frame.id, ok: answer.value } : { re: frame.id, error: answer.error });
    this.flush();
  }

  #subscribe({ me }: Device, frame: ClientFrame, session: Session): void {
    const topic = frame.to as ActorId;
    // What was published before goes to those who followed before.
    this.flush();
    let after = frame.cursor;
    for (let isAnswered = false; ;) {
      const asked: Message = { type: "resume", ...(after !== undefined && { after }) };
      const result = this.fixture.do(me, topic, asked);
      if (!result.ok) return session.say({ re: frame.id, error: result.error });
      const { head, state, more, signals = [], events: all = [] } = result.value as Resumed<unknown, unknown>;
      const events = this.#fault === "late cursor" ? all.slice(1) : all;
      if (!isAnswered) session.say({ re: frame.id, ok: { head, ...(state !== undefined && { state }) } });
      isAnswered = true;
      const topics = this.#following.get(session) ?? new Map<string, number>();
      this.#following.set(session, topics.set(topic, head));
      for (const { at, event } of events) this.#event(session, topic, event, at);
      for (const event of signals) session.say({ topic, event });
      after = events.at(-1)?.at;
      if (more !== true || after === undefined) return;
    }
  }

  /** Lets everything arrive, connections come back, and what was asked be answered. */
  async quiet(): Promise<void> {
    for (let round = 0; round < 12; round += 1) {
      this.flush();
      this.cluster.pass(4_000);
      await settled();
    }
  }

  close(): void {
    for (const device of this.devices) device.close();
  }
}

// --- the same as afresh ----------------------------------------------------------------------------------------------

const membersIn = ({ view }: RoomModel) =>
  view && Object.fromEntries(
    Object.entries(view.members).map(([who, { role, joinedAtMs }]) => [who, { role, joinedAtMs }]),
  ); // prettier-ignore

/** All that a room shows, of which each reader knows the same. */
const shown = (room: RoomModel, from: number, hasMemory: boolean) => {
  const { status, view, messages, unread, threads, votes, drafts } = room;
  const { members: _members, ...settings } = view ?? { members: {} };
  return {
    status,
    settings,
    members: membersIn(room),
    lines: messages.filter(({ seq }) => seq >= from),
    unread,
    threads,
    votes,
    // How far an answer is, a room asks its agents once it is in memory anew; those that are gone do not say.
    drafts: hasMemory ? drafts : Object.keys(drafts).toSorted(),
  };
};

function expectParts<Parts extends object>(known: Parts, told: Parts, where: string): void {
  for (const part of Object.keys(told) as (keyof Parts & string)[]) {
    const both = `knows ${JSON.stringify(known[part])}, is told ${JSON.stringify(told[part])}`;
    expect(known[part], `${part} of ${where}: ${both}`).to.deep.equal(told[part]);
  }
}

/** Compares a room of a device with the state that its node gives to somebody who knows nothing yet. */
export function expectRoomAfresh(team: Team, device: Device, room: string): void {
  const { fixture } = team;
  const own = device.rooms.get(room)?.store.latest;
  if (own === undefined) return;
  const topic = `room/${room}` as ActorId;
  const answer = fixture.do(device.me, topic, { type: "resume" });
  if (!answer.ok) return void expect(own.status, `${device.name} in ${room}`).to.equal("refused");
  if (own.status === "refused") return;
  const { state } = answer.value as { readonly state: RoomState };
  const afresh = foldRoom({ ...emptyRoom, me: device.me }, { type: "state", state });
  // A window that is elsewhere has no end to compare.
  const from = own.newer ? Infinity : Math.max(own.from, afresh.from);
  const hasMemory = !team.crashed.has(topic);
  const [known, told] = [shown(own, from, hasMemory), shown(afresh, from, hasMemory)];
  expectParts(known, told, `${device.name} in ${room}`);
  const summary = fixture.ok<RoomSummary>(device.me, topic, { type: "summary" });
  const stale: RoomSummary = { ...summary, messageSeq: -1, last: { author: "", text: "stale", atMs: 0 } };
  // Fewer lines than are told say less of the newest.
  if (!own.newer && own.from <= afresh.from)
    expectParts(listAfterRoom([stale], own), [summary], `the list of ${device.name}`);
  const waits = own.pending.filter((post) => post.status !== "failed");
  expect(waits, "what was taken is shown").to.deep.equal([]);
  const messages: RoomMessage[] = [];
  for (let isMore = true; isMore;) {
    const after = messages.at(-1)?.seq ?? 0;
    const page = fixture.ok<RoomHistory>(device.me, topic, { type: "history", after, limit: 200 });
    messages.push(...page.messages);
    isMore = page.more && page.messages.length > 0;
  }
  const bySeq = new Map(messages.map((message) => [message.seq, message]));
  const held: readonly RoomMessage[] = [...own.messages, ...own.tail, ...Object.values(own.changed)];
  for (const message of held) expect(message, `#${message.seq} of ${room}`).to.deep.equal(bySeq.get(message.seq));
  if (!own.newer && !own.older) {
    const lines = messages.filter(({ threadOnly }) => threadOnly !== true);
    expect(own.messages.map(({ seq }) => seq)).to.deep.equal(lines.map(({ seq }) => seq));
  }
}

/** The same of a conversation with an agent. */
export function expectAgentAfresh(team: Team, device: Device, agent: string): void {
  const own = device.agent?.store.latest;
  if (own === undefined) return;
  const answer = team.fixture.do(device.me, `agent/${agent}`, { type: "resume" });
  if (!answer.ok) return void expect(["refused", "deleted"]).to.include(own.status);
  const { state } = answer.value as { readonly state: AgentState };
  const afresh = foldAgent(emptyAgent, { type: "state", state });
  const from = Math.max(own.turns[0]?.turn ?? 0, afresh.turns[0]?.turn ?? 0);
  const of = ({ turns, view, branches, conversations, draft, owed, status, gap }: AgentModel) => ({
    status,
    gap,
    owed: owed.toSorted((one, other) => one - other),
    // How many turns there are, and whether it is at work for somebody else, is asked for.
    view: view && { ...view, turns: 0, busy: false },
    // Of an empty conversation nothing is to be known.
    branches: turns.length + branches.forks.length === 0 ? undefined : branches,
    conversations,
    turns: turns.filter(({ turn }) => turn >= from),
    // How often it was tried is not told to those who come later. What was written is memory: after a crash it comes
    // again, and until then is shown where it was heard.
    draft: draft && (team.crashed.has(`agent/${agent}`) ? draft.generation : { ...draft, attempt: 1 }),
  });
  const [known, told] = [of(own), of(afresh)];
  expectParts(known, told, `${device.name} with ${agent}`);
}

/** What the person has begun to write, on a device that has said and heard all there was: what the account has of it. */
export function expectDraftsAfresh({ fixture }: Team, { name, me, kept }: Device): void {
  const { drafts } = fixture.ok<DraftList>(me, me, { type: "drafts" });
  const told = new Map(drafts.map(({ place, text }) => [place, text]));
  const { rooms } = fixture.ok<UserView>(me, me, { type: "describe" });
  // Where the person is in no more, nothing is kept for other devices: what was typed since stays where it was typed.
  const isTaken = (place: string): boolean => place.startsWith("agent/") || rooms.includes(place.split("/")[1] ?? "");
  const fields = [...kept.places("room/"), ...kept.places("agent/")];
  const known = new Map(fields.map((field) => [field.replace(/\/text$/, ""), kept.read(field)]));
  for (const place of new Set([...told.keys(), ...known.keys()].filter(isTaken)))
    expect(known.get(place), `${name} has begun at ${place}`).to.equal(told.get(place));
}
