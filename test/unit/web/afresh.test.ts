/** The incremental rule: for every event, what a client has plus the event is what it would be told afresh. */
import { expect } from "chai";
import fc from "fast-check";
import type { ActorId } from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { entryOf } from "../../../actors/room/members.ts";
import type { Room } from "../../../actors/room/shape.ts";
import { failure } from "../../../protocols/index.ts";
import { depth, examples } from "../../depth.ts";
import { ended, failed, text } from "../../fixtures/engine-answers.ts";
import { stores, type Device, type Fault } from "../../fixtures/page-device.ts";
import { settled } from "../../world/index.ts";
import { fixtureWith, type Fixture } from "../actors/fixture.ts";
import { expectAgentAfresh, expectDraftsAfresh, expectRoomAfresh, Team } from "./afresh.ts";

const people = ["ada", "bob", "cleo"] as const;
const rooms = ["one", "dm.ada.bob"] as const;
const helper = "ada.helper";

const index = fc.nat(20);
const room = fc.constantFrom(...rooms, "one" as const);
const by = fc.constantFrom(...people);
const words = fc.constantFrom("hi", "@ada", "@bob and @cleo", "@helper?", "@helper @cleo", "`@ada`", "w".repeat(700));
const topics = fc.constantFrom("release", "Release", "lunch", "x");
const of = <Name extends string, Fields extends object>(
  type: Name,
  fields: { [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> },
) => fc.record({ type: fc.constant(type), ...fields }) as fc.Arbitrary<Message>;

/** What members do. A message is drawn by how far it is from the newest one. */
const roomCommand: fc.Arbitrary<Message> = fc.oneof(
  { weight: 10, arbitrary: of("post", { text: words }) },
  { weight: 8, arbitrary: of("post", { text: words, replyTo: index, alsoInRoom: fc.boolean() }) },
  { weight: 8, arbitrary: of("post", { text: words, topic: topics }) },
  { weight: 3, arbitrary: of("moveTopic", { seq: index, into: topics, later: fc.boolean() }) },
  { weight: 1, arbitrary: of("moveTopic", { seq: index }) },
  { weight: 3, arbitrary: of("moveTopic", { topic: topics, into: topics }) },
  { weight: 2, arbitrary: of("resolveTopic", { topic: topics, resolved: fc.boolean() }) },
  { weight: 4, arbitrary: of("followTopic", { topic: topics, interest: fc.constantFrom("follow", "mute", "none") }) },
  { weight: 4, arbitrary: of("markRead", { seq: index, topic: topics }) },
  { weight: 5, arbitrary: of("edit", { seq: index, text: words }) },
  { weight: 4, arbitrary: of("delete", { seq: index }) },
  { weight: 4, arbitrary: of("react", { seq: index, emoji: fc.constantFrom("❤️", "👍"), on: fc.boolean() }) },
  { weight: 2, arbitrary: of("pin", { seq: index, on: fc.boolean() }) },
  { weight: 6, arbitrary: of("markRead", { seq: index }) },
  { weight: 4, arbitrary: of("markRead", { seq: index, thread: index }) },
  { weight: 4, arbitrary: of("markUnread", { seq: index }) },
  { weight: 2, arbitrary: of("markUnread", { seq: index, thread: index }) },
  { weight: 3, arbitrary: of("followThread", { seq: index, follow: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: of("poll", { question: words.map((said) => said.slice(0, 20)), options: fc.constant(["a", "b", "c"]), multiple: fc.boolean() }),
  },
  { weight: 5, arbitrary: of("vote", { seq: index, choices: fc.uniqueArray(fc.nat(2), { maxLength: 2 }) }) },
  { weight: 2, arbitrary: of("closePoll", { seq: index }) },
  { weight: 2, arbitrary: fc.constantFrom<Message[]>({ type: "join" }, { type: "leave" }) },
  { weight: 2, arbitrary: of("invite", { member: fc.constantFrom("user/cleo", "user/bob", `agent/${helper}`) }) },
  {
    weight: 2,
    arbitrary: of("remove", { member: fc.constantFrom("user/cleo", "user/bob", `agent/${helper}`), ban: fc.boolean() }),
  },
  { weight: 1, arbitrary: of("unban", { member: fc.constantFrom("user/cleo", "user/bob") }) },
  {
    weight: 1,
    arbitrary: of("setRole", { member: fc.constantFrom("user/cleo", "user/bob"), role: fc.constantFrom("owner", "moderator", "member") }),
  },
  { weight: 1, arbitrary: of("setTitle", { title: fc.constantFrom("A", "B") }) },
  { weight: 1, arbitrary: of("setTopic", { topic: fc.constantFrom("", "x") }) },
  { weight: 1, arbitrary: of("setArchived", { archived: fc.boolean() }) },
  { weight: 1, arbitrary: of("setVisibility", { visibility: fc.constantFrom("public", "private") }) },
  {
    weight: 1,
    arbitrary: of("setRules", { posting: fc.constantFrom("members", "threads", "moderators"), slowMs: fc.constantFrom(0, 1_000), keepsVersions: fc.boolean() }),
  },
  { weight: 1, arbitrary: of("setAgents", { turns: fc.nat(3), modes: fc.constantFrom({}, { [`agent/${helper}`]: "always" }) }) },
  { weight: 1, arbitrary: fc.constant<Message>({ type: "stopAgents" }) },
); // prettier-ignore

const agentCommand = fc.oneof(
  { weight: 6, arbitrary: of("say", { text: words }) },
  { weight: 2, arbitrary: of("say", { text: words, parent: index }) },
  { weight: 3, arbitrary: of("regenerate", { turn: index }) },
  { weight: 2, arbitrary: of("branch", { turn: index }) },
  { weight: 2, arbitrary: of("rate", { turn: index, thumb: fc.constantFrom("up", "down") }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Message[]>({ type: "stop" }, { type: "clear" }, { type: "update", persona: "kind" }),
  },
);

const decision = fc.oneof(
  of("mute", { by: fc.constant("user/ada"), member: fc.constantFrom("user/bob", "user/cleo"), muteForMs: fc.constant(60_000) }),
  of("unmute", { by: fc.constant("user/ada"), member: fc.constantFrom("user/bob", "user/cleo") }),
  of("deleteMessages", { by: fc.constantFrom("user/ada", "user/bob"), seqs: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }) }),
); // prettier-ignore

/** Where one writes. */
const fields = fc.constantFrom("room/one/text", "room/one/thread/1", "room/dm.ada.bob/text", `agent/${helper}/text`);

type Step =
  | { readonly do: Message; readonly by: string; readonly room: string; readonly on: number }
  | { readonly say: Message; readonly on: number }
  | { readonly model: "text" | "calls" | "done" | "fault" }
  | { readonly file: string; readonly room: string }
  | { readonly recall: readonly number[] }
  /** What a moderator decides through the gateway. */
  | { readonly decides: Message; readonly room: string }
  | { readonly drop: number }
  /** Somebody goes on writing on a device, or sends or empties what is there. */
  | { readonly types: number; readonly at: string; readonly word: string | undefined }
  | { readonly crash: ActorId }
  | { readonly place: number; readonly seq: number }
  /** A device lets lines go at an end, as a long window does. */
  | { readonly trim: number; readonly end: "older" | "newer"; readonly count: number }
  /** So many lines at once. */
  | { readonly burst: number; readonly room: string }
  | { readonly pass: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 40, arbitrary: fc.record({ do: roomCommand, by, room, on: index }) },
  { weight: 8, arbitrary: fc.record({ say: agentCommand, on: index }) },
  { weight: 8, arbitrary: fc.record({ model: fc.constantFrom("text", "text", "calls", "done", "fault") }) },
  { weight: 3, arbitrary: fc.record({ file: by, room }) },
  { weight: 1, arbitrary: fc.record({ recall: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }).map((all) => all.toSorted((one, other) => one - other)) }) },
  { weight: 3, arbitrary: fc.record({ decides: decision, room }) },
  { weight: 10, arbitrary: fc.record({ drop: index }) },
  { weight: 10, arbitrary: fc.record({ types: index, at: fields, word: fc.constantFrom("a ", "b ", "c ", "d ", undefined) }) },
  { weight: 2, arbitrary: fc.record({ crash: fc.constantFrom<ActorId[]>("room/one", "room/dm.ada.bob", `agent/${helper}`) }) },
  { weight: 3, arbitrary: fc.record({ place: index, seq: index }) },
  { weight: 6, arbitrary: fc.record({ trim: index, end: fc.constantFrom("older", "newer"), count: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ burst: fc.constantFrom(5, 30, 205), room }) },
  { weight: 4, arbitrary: fc.record({ pass: fc.nat(30) }) },
) as fc.Arbitrary<Step>; // prettier-ignore

/** Some steps, after which everything arrives and is compared. */
const history = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 30, size: "max" });
const packets = fc.array(fc.nat(40), { minLength: 1, maxLength: 7 });

class Life {
  readonly fixture: Fixture = fixtureWith(...people);
  readonly team: Team;
  #files = 0;
  #recalls = 0;

  constructor(travels: readonly number[], fault?: Fault) {
    const { fixture } = this;
    fixture.ok("user/ada", "room/one", { type: "create" });
    fixture.ok("user/bob", "room/one", { type: "join" });
    fixture.ok("user/ada", "room/dm.ada.bob", { type: "create", visibility: "direct", with: "user/bob" });
    fixture.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
    fixture.ok("user/ada", "room/one", { type: "invite", member: `agent/${helper}` });
    this.team = new Team(fixture, fault);
    let packet = 0;
    this.team.cluster.travel = () => travels[packet++ % travels.length] ?? 1;
    this.team.eventsFirst = travels.length % 2 === 0;
  }

  async begin(): Promise<void> {
    const made = await stores();
    for (const name of ["ada", "ada", "bob", "cleo"]) this.team.add(name, made);
    this.#follow();
    await this.team.quiet();
  }

  #follow(): void {
    for (const device of this.team.devices)
      device.follow(
        rooms.filter((one) => one === "one" || device.name !== "cleo"),
        device.name === "ada" ? helper : undefined,
      );
  }

  #device(at: number): Device {
    return this.team.devices[at % this.team.devices.length] as Device;
  }

  /** Positions are drawn from the newest on. */
  #placed(message: Message, newest: number): Message {
    const at = (value: unknown): number => Math.max(1, newest - Number(value));
    const fields = ["seq", "replyTo", "thread"].filter((name) => name in message);
    return { ...message, ...Object.fromEntries(fields.map((name) => [name, at(message[name])])) };
  }

  take(one: Step): void {
    const { fixture, team } = this;
    if ("do" in one) this.#do(one);
    else if ("say" in one) this.#say(one);
    else if ("model" in one) this.#model(one.model);
    else if ("file" in one) this.#file(one.file, one.room);
    else if ("recall" in one) this.#recall(one.recall);
    else if ("decides" in one) this.fixture.do("gateway", `room/${one.room}`, one.decides);
    else if ("drop" in one) team.drop(this.#device(one.drop));
    else if ("types" in one) this.#types(this.#device(one.types), one.at, one.word);
    else if ("crash" in one) this.#crash(one.crash);
    else if ("place" in one) this.#place(this.#device(one.place), one.seq);
    else if ("trim" in one) this.#trim(this.#device(one.trim), one.end, one.count);
    else if ("burst" in one) this.#burst(one.burst, one.room);
    else team.cluster.pass(one.pass);
    fixture.settle();
    team.flush();
  }

  #types({ name, kept }: Device, at: string, word: string | undefined): void {
    // The agent is ada's.
    if (at.startsWith("agent/") && name !== "ada") return;
    // The field of a room stands before its members alone.
    const [kind, room = ""] = at.split("/");
    const members = kind === "room" ? this.fixture.stateOf<Room | null>(`room/${room}`)?.members : undefined;
    if (members !== undefined && entryOf(members, `user/${name}`) === undefined) return;
    kept.write(at, word === undefined ? undefined : `${(kept.read(at) as string | undefined) ?? ""}${word}`);
  }

  #newest(room: string): number {
    return this.fixture.stateOf<{ messageSeq: number } | null>(`room/${room}`)?.messageSeq ?? 0;
  }

  #do({ do: command, by: name, room, on }: Extract<Step, { do: Message }>): void {
    const message = this.#placed(command, this.#newest(room));
    const device = this.team.devices.filter((one) => one.name === name)[on % 2];
    const store = device?.rooms.get(room);
    const [seq, thread] = [Number(message["seq"]), message["thread"] as number | undefined];
    // Some of it the page does itself, and shows before it is answered.
    if (store === undefined || on < 8) this.fixture.do(`user/${name}`, `room/${room}`, message);
    else if (store.store.latest.status !== "ready") return;
    else if (message.type === "post")
      store.post(String(message["text"]), message["replyTo"] as number | undefined, message["alsoInRoom"] === true);
    else if (message.type === "markUnread" && thread === undefined) void store.markUnread(seq);
    else if (message.type === "markRead" && thread !== undefined) store.markThread(thread, seq);
    else if (message.type === "followThread") void store.followThread(seq, message["follow"] === true);
    else if (message.type === "vote") void store.vote(seq, message["choices"] as number[]);
    else this.fixture.do(`user/${name}`, `room/${room}`, message);
  }

  #say({ say, on }: Extract<Step, { say: Message }>): void {
    const turns = this.fixture.stateOf<{ life?: { lastTurn?: number; recent?: { turn: number }[] } | null }>(`agent/${helper}`).life?.recent ?? [];
    const at = (value: unknown): number => turns[turns.length - 1 - Number(value)]?.turn ?? 0;
    const fields = ["turn", "parent"].filter((name) => name in say);
    const message = { ...say, ...Object.fromEntries(fields.map((name) => [name, at(say[name])])) };
    void on;
    this.fixture.do("user/ada", `agent/${helper}`, message);
  } // prettier-ignore

  #model(part: "text" | "calls" | "done" | "fault"): void {
    const { fixture } = this;
    const [first] = fixture.running;
    if (first === undefined) return;
    const { id } = first;
    if (part === "text") return fixture.part(id, text("word "));
    if (part === "done") return fixture.part(id, ended("complete"));
    if (part === "fault") return fixture.part(id, failed(failure("RUNTIME_FAULT")));
    const call = { id: "same", name: "calculator", arguments: '{"expression":"2 + 3"}' };
    fixture.part(id, { type: "part", part: { text: "", tokens: 1, calls: [call] } });
    fixture.part(id, ended("calls"));
  }

  #file(name: string, room: string): void {
    this.#files += 1;
    const id = `${String(this.#files).padStart(20, "0")}.${room}`;
    const own = { by: `user/${name}`, id };
    const to = `room/${room}` as const;
    const { fixture } = this;
    fixture.do("gateway", to, { type: "upload", ...own, name: "a.png", bytes: 10, key: "k".repeat(43) });
    fixture.do("gateway", to, { type: "uploadTake", ...own });
    const part = `${this.#files}${rooms.indexOf(room as "one")}`.padStart(64, "0");
    fixture.do("gateway", to, { type: "uploadPart", ...own, epoch: 1, index: 0, part, bytes: 10, found: { type: "image/png" } });
    fixture.do(`user/${name}`, to, { type: "post", text: "", files: [id] });
  } // prettier-ignore

  #recall(seqs: readonly number[]): void {
    this.#recalls += 1;
    const recall = `recall${String(this.#recalls).padStart(4, "0")}`;
    const messages = seqs.map((seq) => ({
      seq,
      author: "user/bob",
      text: `old ${seq}`,
      atMs: seq * 1_000,
      topic: "release",
    }));
    this.fixture.do("node", "room/one", { type: "restore", recall, snapshot: 7, backupAtMs: 9_000, from: 1, messages });
    if (seqs.length === 2) this.fixture.do("node", "room/one", { type: "withdraw", recall });
  }

  #crash(actor: ActorId): void {
    this.team.crashed.add(actor);
    this.fixture.crash(actor);
  }

  #place(device: Device, seq: number): void {
    const room = device.rooms.get("one");
    if (room === undefined) return;
    if (seq < 6) void room.toLatest();
    else void room.reach(Math.max(1, this.#newest("one") - 3 * seq));
  }

  #trim(device: Device, end: "older" | "newer", count: number): void {
    const { store } = device.rooms.get("one") ?? {};
    if (store?.latest.status !== "ready") return;
    store.apply({ type: "trimmed", end, count: Math.min(count, store.latest.messages.length - 1) });
  }

  #burst(count: number, room: string): void {
    const said = { type: "post", text: "hi", ...(count === 30 && { topic: "lunch" }) };
    for (let one = 0; one < count; one += 1) this.fixture.do("user/bob", `room/${room}`, said);
  }

  async compare(): Promise<void> {
    const { team } = this;
    await team.quiet();
    this.#follow();
    await team.quiet();
    for (const device of team.devices) {
      for (const name of device.rooms.keys()) expectRoomAfresh(team, device, name);
      expectAgentAfresh(team, device, helper);
      expectDraftsAfresh(team, device);
    }
  }
}

/** Plays a history on a team, and compares after each part. */
async function play(parts: readonly (readonly Step[])[], travels: readonly number[], fault?: Fault): Promise<void> {
  const life = new Life(travels, fault);
  try {
    await life.begin();
    for (const steps of parts) {
      for (const one of steps) {
        life.take(one);
        await settled();
      }
      await life.compare();
    }
  } finally {
    life.team.close();
  }
}

describe("what a device knows, whatever people do and however often its connection ends,", function () {
  const page = globalThis as { document?: unknown };
  before(() => (page.document = { hidden: true }));
  after(() => delete page.document);

  it("is after every event what it would be told afresh", async () => {
    const property = fc.asyncProperty(history, packets, (parts, travels) => play(parts, travels));
    await fc.assert(property, { numRuns: depth(examples(240), 3_000) });
  });

  for (const fault of ["event lost", "late cursor", "deaf", "drafts deaf", "not caught up"] as const)
    it(`is found to be another: ${fault}`, async () => {
      const property = fc.asyncProperty(history, packets, (parts, travels) => play(parts, travels, fault));
      const { failed, numRuns } = await fc.check(property, { numRuns: 90, endOnFailure: true });
      expect(failed, `${numRuns} histories`).to.equal(true);
    });
});
