import { expect } from "chai";
import type { ActorId, UserCard } from "../../../protocols/index.ts";
import { user } from "../../../actors/user/index.ts";
import type { UserChange, UserState } from "../../../actors/user/state.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post } from "./lobby.ts";

const [ada, bob] = ["user/ada", "user/bob"] as const;

/** What the version before knows: it throws at all else. */
const before = {
  changes: ["happened", "readMarked", "delivered", "created", "sessionOpened", "factorSet"],
  events: ["topicSet", "posted", "profileSet", "roomJoined", "roomLeft"],
};

interface Change {
  readonly type: string;
  readonly at?: number;
  readonly event?: { readonly type: string };
}

/** The types of what an actor wrote since `from` that the version before does not know. */
const unknown = (fixture: Fixture, actor: ActorId, from: number): readonly string[] =>
  (fixture.journalOf(actor) as readonly Change[])
    .slice(from)
    .flatMap(({ type, event }) => [
      ...(before.changes.includes(type) ? [] : [type]),
      ...(event === undefined || before.events.includes(event.type) ? [] : [event.type]),
    ]);

/** What a follower who was away hears of an actor's newest events. */
const resumed = (fixture: Fixture, who: ActorId, actor: ActorId, after: number): readonly unknown[] =>
  fixture.ok<{ events: { event: unknown }[] }>(who, actor, { type: "resume", after }).events.map(({ event }) => event);

describe("what a node of the version before may have to fold", () => {
  it("is of a room only what it knows, and clients hear what it means", () => {
    const fixture = inLobby();
    post(fixture, "ada", "one");
    post(fixture, "bob", "two", { replyTo: 1 });
    const { length } = fixture.journalOf(lobby);
    const head = fixture.stream(lobby).at(-1)?.at ?? 0;
    fixture.ok("user/cleo", lobby, { type: "followThread", seq: 1, follow: true });
    fixture.ok(bob, lobby, { type: "followThread", seq: 1, follow: false });
    fixture.ok(ada, lobby, { type: "setRules", posting: "threads", slowMs: 5_000 });
    fixture.ok(ada, lobby, { type: "setArchived", archived: true });
    expect(unknown(fixture, lobby, length)).to.deep.equal([]);
    const events = [
      { type: "rulesSet", posting: "threads", slowMs: 5_000, by: ada },
      { type: "archiveSet", archived: true, by: ada },
    ];
    expect(fixture.stream(lobby).slice(-2)).to.deep.equal(
      events.map((event, index) => ({ topic: lobby, event, at: head + 1 + index })),
    );
    expect(resumed(fixture, bob, lobby, head)).to.deep.equal(events);
    fixture.crash(lobby);
    expect(fixture.ok(bob, lobby, { type: "describe" })).to.include({ archived: true, posting: "threads" });
  });

  it("is of a person only what it knows, and it keeps what it does not", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "ada", "one");
    const { length } = fixture.journalOf(bob);
    const head = fixture.stream(bob).at(-1)?.at ?? 0;
    const later = { room: "lobby", atMs: fixture.nowMs + 1_000 };
    fixture.ok(bob, bob, { type: "setSidebar", muted: ["lobby"] });
    fixture.ok(bob, bob, { type: "setNotifications", level: "all" });
    fixture.ok(bob, bob, { type: "schedule", text: "hi", ...later });
    fixture.ok(bob, bob, { type: "remindMe", seq, ...later });
    fixture.ok(bob, bob, { type: "setStatus", hidden: true });
    fixture.pass(1_000);
    fixture.ok(bob, bob, { type: "cancelLater", id: 2 });
    expect(unknown(fixture, bob, length)).to.deep.equal([]);
    const heard = fixture.stream(bob).filter(({ at = 0 }) => at > head);
    expect(heard.map(({ event }) => event.type)).to.include.members([
      "sidebarSet",
      "notificationsSet",
      "laterSet",
      "profileSet",
    ]);
    expect(resumed(fixture, bob, bob, head)).to.deep.equal(heard.map(({ event }) => event));
    const kept = Object.assign(
      {},
      ...(fixture.journalOf(bob).slice(length) as { readonly set?: object }[]).map(({ set }) => set),
    );
    expect(kept).to.have.keys("sidebar", "notifications", "later", "laterIds", "status");
  });

  it("is of a conversation only what it knows: to it all branches are one after the other", () => {
    const fixture = inLobby();
    const agent = "agent/ada.helper";
    fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
    fixture.ok(ada, agent, { type: "say", text: "one" });
    fixture.answer("re one");
    const head = fixture.stream(agent).at(-1)?.at ?? 0;
    const { length } = fixture.journalOf(agent);
    fixture.ok(ada, agent, { type: "say", text: "better", parent: 0 });
    fixture.answer("re better");
    fixture.ok(ada, agent, { type: "regenerate" });
    fixture.answer("re best");
    fixture.ok(ada, agent, { type: "branch", turn: 1 });
    const known = ["updated", "said", "generationStarted", "answered"];
    const types = (fixture.journalOf(agent) as readonly Change[])
      .slice(length)
      .flatMap(({ event }) => event?.type ?? []);
    expect(types.filter((type) => !known.includes(type))).to.deep.equal([]);
    const heard = fixture.stream(agent).filter(({ at = 0 }) => at > head);
    expect(heard.flatMap(({ event }) => (event.type === "withdrawn" ? [event["turns"]] : []))).to.deep.equal([
      [1, 2],
      [4],
      [3, 5],
    ]);
    expect(resumed(fixture, ada, agent, head)).to.deep.equal(heard.map(({ event }) => event));
  });

  it("leaves a person's status as it was where it says nothing of it", () => {
    const fixture = inLobby();
    const card = () => fixture.ok<UserCard>(ada, bob, { type: "card" }).status;
    fixture.ok(bob, bob, { type: "setStatus", text: "at work" });
    const { status: _, ...view } = fixture.ok<{ status?: object }>(bob, bob, { type: "describe" });
    const old = { type: "happened", at: 99, event: { type: "profileSet", view } };
    expect(user.evolve(fixture.stateOf<UserState>(bob), old as UserChange)).to.have.nested.property(
      "account.status.text",
      "at work",
    );
    fixture.ok(bob, bob, { type: "setStatus" });
    expect(card()).to.equal(undefined);
  });
});
