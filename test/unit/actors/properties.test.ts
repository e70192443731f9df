import { expect } from "chai";
import fc from "fast-check";
import {
  decode,
  encode,
  failure,
  type KeptFile,
  type RoomEvent,
  type RoomMessage,
  type RoomState as RoomSnapshot,
  type RoomSummary,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { messageKey, threadKey } from "../../../actors/room/state.ts";
import type { Room } from "../../../actors/room/shape.ts";
import { entryOf } from "../../../actors/room/members.ts";
import type { AgentChange, AgentState } from "../../../actors/agent/shape.ts";
import type { UserState } from "../../../actors/user/state.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { eventKey, heard } from "../../../actors/stream.ts";
import { faultInWords, judgeMentions } from "../../simulation/mentions.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";
import { ended, failed, text } from "../../fixtures/engine-answers.ts";

const people = ["ada", "bob", "cleo"] as const;
const rooms = ["room/one", "room/two", "room/dm.ada.bob"] as const;
const agents = ["agent/ada.helper", "agent/bob.poet"] as const;
const everybody = [...people.map((name) => `user/${name}` as const), ...rooms, ...agents] as const;

type Step =
  | { readonly do: Message; readonly from: `user/${string}`; readonly to: `${string}/${string}` }
  | { readonly file: readonly Message[]; readonly from: `user/${string}`; readonly to: `${string}/${string}` }
  | { readonly crash: (typeof everybody)[number] }
  | { readonly cutOff: (typeof everybody)[number] }
  | { readonly reach: (typeof everybody)[number] }
  | { readonly steps: number }
  | { readonly pass: number }
  | { readonly model: Says };

type Says = "text" | "calls" | "done" | "fault" | "refusal";

const person = fc.constantFrom(...people).map((name) => `user/${name}` as const);
const room = fc.constantFrom(...rooms);
const seq = fc.integer({ min: 1, max: 12 });
const anybody = fc.constantFrom(...people.map((name) => `user/${name}`), ...agents);
const words = fc.constantFrom(
  "hi",
  "@ada",
  "@bob and @cleo",
  "@helper?",
  "@poet @helper go",
  "@helper",
  "@helper @poet",
  "`@ada`",
);

const roomCommand: fc.Arbitrary<Message> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant("post"), text: words }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("post"), text: words, replyTo: seq, alsoInRoom: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("edit"), seq, text: words }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("delete"), seq }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("react"),
      seq,
      emoji: fc.constantFrom("❤", "❤️", "👍", "a"),
      on: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("pin"), seq, on: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("markRead"), seq }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("markRead"), seq, thread: seq }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("markUnread"), seq }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom("join", "leave") }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("invite"), member: anybody }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("remove"), member: anybody }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("setRole"),
      member: anybody,
      role: fc.constantFrom("owner", "moderator", "member"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("setTitle"), title: words }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("poll"),
      question: words,
      options: fc.constant(["one", "two", "three"]),
      multiple: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("vote"),
      seq,
      choices: fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("closePoll"), seq }) },
);

type FileStep = "upload" | "uploadTake" | "uploadPart" | "uploadDrop" | "post" | "delete";
const sealKey = "k".repeat(43);

/** What becomes of a file: mostly all of it comes and is posted, else some of that, in any order, by somebody else. */
const fileStep: fc.Arbitrary<Step> = fc
  .record({
    to: fc.constantFrom(...rooms, "room/one" as const, "room/one" as const),
    by: fc.constantFrom("user/ada" as const, "user/ada" as const, "user/ada" as const, "user/bob" as const),
    file: fc.integer({ min: 0, max: 9 }),
    bytes: fc.constantFrom(5, 10, 10),
    what: fc.oneof<fc.Arbitrary<readonly FileStep[]>[]>(
      fc.constant(["upload", "uploadTake", "uploadPart", "post", "delete"] as const),
      fc.array(fc.constantFrom<FileStep[]>("upload", "uploadTake", "uploadPart", "uploadDrop", "post"), {
        maxLength: 4,
      }),
    ),
    message: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ to, by, file, bytes, what, message }) => {
    const id = `${String(file).padStart(20, "0")}.${to.slice(5)}`;
    const part = `${file}${bytes}${rooms.indexOf(to)}`.padStart(64, "0");
    const said = {
      upload: { name: "a.png", bytes: 10, key: sealKey },
      uploadTake: {},
      uploadPart: { epoch: 1, index: 0, part, bytes, found: { type: "image/png" } },
      uploadDrop: {},
    };
    const own = { post: { type: "post", text: "", files: [id] }, delete: { type: "delete", seq: message } };
    return {
      to,
      from: by,
      file: what.map((type) => (type === "post" || type === "delete" ? own[type] : { type, by, id, ...said[type] })),
    };
  });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fileStep },
  { weight: 20, arbitrary: fc.record({ do: roomCommand, from: person, to: room }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(...agents).chain((to) =>
      fc.record({
        to: fc.constant(to),
        from: fc.constant(`user/${to.slice(6, 9)}` as const),
        do: fc.constantFrom<Message[]>(
          { type: "say", text: "hello" },
          { type: "say", text: "hello" },
          { type: "stop" },
          { type: "regenerate" },
          { type: "clear" },
          { type: "update", persona: "kind" },
        ),
      }),
    ),
  },
  { weight: 2, arbitrary: fc.record({ from: person, to: person, do: fc.constant({ type: "rooms" }) }) },
  { weight: 6, arbitrary: fc.record({ steps: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 4, arbitrary: fc.record({ crash: fc.constantFrom(...everybody) }) },
  { weight: 1, arbitrary: fc.record({ cutOff: fc.constantFrom(...everybody) }) },
  { weight: 2, arbitrary: fc.record({ reach: fc.constantFrom(...everybody) }) },
  { weight: 2, arbitrary: fc.record({ pass: fc.integer({ min: 1, max: 20_000 }) }) },
  { weight: 5, arbitrary: fc.record({ model: fc.constantFrom<Says>("text", "calls", "done", "fault", "refusal") }) },
);

/** The files that were begun: no id is drawn twice. */
const begun = new WeakMap<Fixture, Set<unknown>>();

function takeFile(fixture: Fixture, { file, from, to }: Extract<Step, { file: object }>): void {
  const known = begun.get(fixture) ?? new Set();
  begun.set(fixture, known);
  for (const message of file) {
    const { type, id } = message;
    if (type === "upload" && known.has(id)) continue;
    if (type === "upload") known.add(id);
    fixture.begin(type.startsWith("upload") ? "gateway" : from, to, message);
  }
}

function take(fixture: Fixture, one: Step): void {
  if ("do" in one) fixture.begin(one.from, one.to, one.do);
  else if ("file" in one) takeFile(fixture, one);
  else if ("crash" in one) fixture.crash(one.crash);
  else if ("cutOff" in one) fixture.cutOff(one.cutOff);
  else if ("reach" in one) fixture.reach(one.reach);
  else if ("pass" in one) fixture.pass(one.pass);
  else if ("steps" in one) for (let left = one.steps; left > 0 && fixture.step(); left -= 1);
  else model(fixture, one.model);
}

function model(fixture: Fixture, part: Says): void {
  const [first] = fixture.running;
  if (first === undefined) return;
  const { id } = first;
  if (part === "text") fixture.part(id, text("word "));
  else if (part === "calls") {
    const call = { id: "same", name: "calculator", arguments: '{"expression":"2 + 3"}' };
    fixture.part(id, { type: "part", part: { text: "", tokens: 1, calls: [call] } });
    fixture.part(id, ended("calls"));
  } else if (part === "done") fixture.part(id, ended("complete"));
  else fixture.part(id, failed(failure(part === "fault" ? "RUNTIME_FAULT" : "MODEL_NOT_FOUND")));
}

function opening(): Fixture {
  const fixture = fixtureWith(...people);
  fixture.ok("user/ada", "room/one", { type: "create" });
  fixture.ok("user/bob", "room/two", { type: "create", visibility: "private" });
  fixture.ok("user/ada", "room/dm.ada.bob", { type: "create", visibility: "direct", with: "user/bob" });
  fixture.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
  fixture.ok("user/bob", "user/bob", { type: "createAgent", name: "poet" });
  fixture.ok("user/ada", "room/one", { type: "invite", member: "agent/ada.helper" });
  return fixture;
}

/** Everything reachable, every answer written, until nothing is owed any more. */
function calm(fixture: Fixture): void {
  for (const actor of everybody) fixture.reach(actor);
  for (let round = 0; round < 60; round += 1) {
    fixture.pass(120_000);
    while (fixture.running.length > 0) model(fixture, "done");
    if (!fixture.actors.some((actor) => fixture.isPending(actor))) return;
  }
  throw new Error(`still owed: ${fixture.actors.filter((actor) => fixture.isPending(actor)).join()}`);
}

const anyRun = fc.array(step, { minLength: 1, maxLength: 120, size: "max" });

function check(property: (fixture: Fixture) => void): void {
  fc.assert(
    fc.property(anyRun, (steps) => {
      const fixture = opening();
      for (const one of steps) take(fixture, one);
      calm(fixture);
      property(fixture);
    }),
    { numRuns: 60 },
  );
}

const eventsOf = (fixture: Fixture, actor: (typeof rooms)[number]): readonly RoomEvent[] =>
  fixture.records(actor, "event/").map(({ value }) => value as RoomEvent);

/** What a reader who followed every event holds. */
function messagesFolded(events: readonly RoomEvent[]): ReadonlyMap<number, RoomMessage> {
  const messages = new Map<number, RoomMessage>();
  for (const event of events) {
    if ("message" in event) messages.set(event.message.seq, event.message);
    if (event.type === "posted" && event.root) messages.set(event.root.seq, event.root);
  }
  return messages;
}

/** Whom an event tells that they are mentioned: a post all of them, an edit those who are new. */
const toldBy = (event: Extract<RoomEvent, { type: "posted" | "edited" }>): readonly string[] =>
  (event.type === "posted" ? event.message.mentions : event.told) ?? [];

describe("whatever people do, and wherever actors crash,", function () {
  it("the journal folds to the same state, and the state survives the codec", () => {
    check((fixture) => {
      for (const actor of fixture.actors) {
        expect(fixture.refold(actor), actor).to.deep.equal(fixture.stateOf(actor));
        expect(decode(encode(fixture.stateOf(actor))), actor).to.deep.equal(fixture.stateOf(actor));
      }
    });
  });

  it("streams have no gap, and what was published is what is kept", () => {
    check((fixture) => {
      for (const actor of everybody) {
        const state = fixture.stateOf<{ head: number; eventFloor?: number }>(actor);
        const kept = fixture.records(actor, "event/");
        const first = (state.eventFloor ?? 0) + 1;
        expect(
          kept.map(({ key }) => key),
          actor,
        ).to.deep.equal(Array.from({ length: state.head - first + 1 }, (_, index) => eventKey(first + index)));
        const byKey = new Map(kept.map(({ key, value }) => [key, value]));
        let last = 0;
        for (const { at = 0, event } of fixture.stream(actor)) {
          expect(at, actor).to.be.above(last);
          last = at;
          if (at >= first) expect(event).to.deep.equal(heard(byKey.get(eventKey(at)) as object));
        }
      }
    });
  });

  it("message and thread records are what the events fold to", () => {
    check((fixture) => {
      for (const actor of rooms) {
        const messages = [...messagesFolded(eventsOf(fixture, actor)).values()].toSorted((a, b) => a.seq - b.seq);
        expect(fixture.records(actor, "message/")).to.deep.equal(
          messages.map((message) => ({ key: messageKey(message.seq), value: message })),
        );
        const threads = messages.flatMap((message) => [
          ...(message.replyTo === undefined ? [] : [{ key: threadKey(message.replyTo, message.seq), value: message }]),
          ...(message.replies === undefined ? [] : [{ key: threadKey(message.seq, message.seq), value: message }]),
        ]);
        expect(fixture.records(actor, "thread/")).to.deep.equal(threads.toSorted((a, b) => (a.key < b.key ? -1 : 1)));
        expect(messages.map((message) => message.seq)).to.deep.equal(messages.map((_, index) => index + 1));
        for (const { seq: root, replies } of messages)
          expect(replies?.count ?? 0).to.equal(messages.filter(({ replyTo }) => replyTo === root).length);
        expect(fixture.stateOf<Room>(actor).pins.toSorted((a, b) => a - b)).to.deep.equal(
          messages.filter(({ pinned }) => pinned).map((message) => message.seq),
        );
      }
    });
  });

  it("what is kept of files is what messages have, each once, and no reader has seen a key", () => {
    check((fixture) => {
      for (const actor of rooms) {
        const messages = [...messagesFolded(eventsOf(fixture, actor)).values()].toSorted((a, b) => a.seq - b.seq);
        const kept = fixture.records(actor, "kept/").map(({ value }) => value as KeptFile);
        const shown = kept.map(({ id, name, bytes, type, seq: at }) => ({ id, name, bytes, type, seq: at }));
        expect(shown, actor).to.deep.equal(
          messages.flatMap(({ seq: at, files = [] }) => files.map((file) => ({ ...file, seq: at }))),
        );
        for (const message of messages)
          if (message.deletedAtMs !== undefined) expect(message.files).to.equal(undefined);
        const keysOf = (prefix: string) => fixture.records(actor, prefix).map(({ key }) => key.slice(prefix.length));
        expect(keysOf("file/")).to.deep.equal(kept.map(({ id }) => id).toSorted());
        expect(keysOf("part/")).to.deep.equal(kept.flatMap(({ parts }) => parts).toSorted());
        const coming = (fixture.stateOf<Room>(actor).uploads ?? []).map(({ id }) => id);
        expect(new Set([...coming, ...keysOf("file/")]).size).to.equal(coming.length + kept.length);
        expect(JSON.stringify([eventsOf(fixture, actor), fixture.stream(actor)])).not.to.include(sealKey);
      }
    });
  });

  it("the counts of each poll are those of the votes that its readers saw", () => {
    check((fixture) => {
      for (const actor of rooms) {
        const events = eventsOf(fixture, actor);
        for (const { seq: at, poll } of messagesFolded(events).values()) {
          if (poll === undefined) continue;
          const votes = new Map<string, readonly number[]>();
          for (const event of events)
            if (event.type === "voted" && event.message.seq === at) votes.set(event.by, event.choices);
          const cast = [...votes.values()].filter((choices) => choices.length > 0);
          expect(poll.voters, `${actor}#${at}`).to.equal(cast.length);
          for (const [choice, option] of poll.options.entries())
            expect(option.votes, `${actor}#${at}`).to.equal(cast.filter((one) => one.includes(choice)).length);
          const isOpen = fixture.stateOf<Room>(actor).polls?.some((open) => open.seq === at) === true;
          expect(isOpen, `${actor}#${at}`).to.equal(poll.closedAtMs === undefined);
        }
      }
    });
  });

  it("unread counts are what others wrote after the marker, of the room and of each thread", () => {
    check((fixture) => {
      for (const actor of rooms)
        for (const name of people) {
          const me = `user/${name}` as const;
          const { members, threads = [] } = fixture.stateOf<Room>(actor);
          const member = entryOf(members, me);
          if (member === undefined) continue;
          const summary = fixture.ok<RoomSummary>(me, actor, { type: "summary" });
          const messages = [...messagesFolded(eventsOf(fixture, actor)).values()].filter(({ author }) => author !== me);
          const tellsMe = (some: readonly RoomMessage[]): boolean =>
            some.some(({ mentions }) => mentions?.includes(me) === true);
          const unread = messages.filter(({ seq: at, threadOnly }) => at > member.readSeq && threadOnly !== true);
          const ofThreads = threads.flatMap(({ root, readers }) => {
            const reader = readers[me];
            if (reader === undefined) return [];
            const some = messages.filter(
              ({ seq: at, replyTo, threadOnly }) => at > reader.readSeq && replyTo === root && threadOnly === true,
            );
            return [{ root, unread: some }];
          });
          expect(summary, `${actor} ${me}`).to.deep.include({
            unread: unread.length,
            mentioned:
              member.calledSeq !== undefined || tellsMe(unread) || ofThreads.some((thread) => tellsMe(thread.unread)),
          });
          const { state } = fixture.ok<{ state: RoomSnapshot }>(me, actor, { type: "resume" });
          const own = (state.threads ?? []).flatMap(({ root, own: mine }) => (mine ? [[root, mine.unread]] : []));
          expect(own, `${actor} ${me}`).to.deep.equal(ofThreads.map((thread) => [thread.root, thread.unread.length]));
          expect(summary.threads ?? 0).to.equal(ofThreads.filter((thread) => thread.unread.length > 0).length);
        }
    });
  });

  it("everything owed is delivered once: lists of rooms agree, each mention is answered or refused once", () => {
    check((fixture) => {
      for (const name of people) {
        const held = fixture.stateOf<UserState>(`user/${name}`).account?.rooms ?? [];
        const member = rooms.filter((actor) => entryOf(fixture.stateOf<Room>(actor).members, `user/${name}`));
        expect(held.toSorted()).to.deep.equal(member.map((actor) => actor.slice(5)).toSorted());
      }
      for (const agent of agents) {
        const owed = (fixture.journalOf(agent) as AgentChange[]).flatMap((change) =>
          change.type === "owed" && change.job.source.type === "room" ? [change.job.source] : [],
        );
        const mentions = rooms.flatMap((actor) =>
          eventsOf(fixture, actor).flatMap((event) =>
            (event.type === "posted" || event.type === "edited") &&
            event.message.author.startsWith("user/") &&
            toldBy(event).includes(agent)
              ? [`${actor.slice(5)} ${event.message.seq}`]
              : [],
          ),
        );
        const taken = owed.map(({ room: name, seq: number }) => `${name} ${number}`);
        expect(new Set(taken).size).to.equal(taken.length);
        expect(mentions).to.include.members(taken);
        const { jobs = [], recent = [] } = fixture.stateOf<AgentState>(agent).life ?? {};
        expect(jobs).to.deep.equal([]);
        for (const { rounds = [] } of recent) {
          expect(rounds.length).to.be.at.most(actorLimits.toolRoundsMax);
          for (const { calls } of rounds) expect(calls.map(({ result }) => result)).to.deep.equal(["5"]);
        }
      }
      for (const actor of rooms) {
        // What was deleted, or edited away, needs no answer any more; whom an edit mentions for the first time answers
        // that.
        const now = messagesFolded(eventsOf(fixture, actor));
        const said = eventsOf(fixture, actor).flatMap((event) =>
          event.type === "posted" || event.type === "edited" ? [{ message: event.message, told: toldBy(event) }] : [],
        );
        const standing = said.map(({ message, told }) => ({
          ...message,
          mentions: told.filter((member) => now.get(message.seq)?.mentions?.includes(member)),
        }));
        expect(judgeMentions(standing, faultInWords), actor).to.deep.equal({ open: [], wrong: undefined });
        const generations = [...messagesFolded(eventsOf(fixture, actor)).values()].flatMap(
          ({ generation }) => generation ?? [],
        );
        expect(new Set(generations).size).to.equal(generations.length);
      }
    });
  });
});
