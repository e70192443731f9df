import { expect } from "chai";
import {
  wireLimits,
  type Authenticated,
  type RoomSummary,
  type Session,
  type UserView,
  type UserSessions,
} from "../../../protocols/index.ts";
import { user } from "../../../actors/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { UserState } from "../../../actors/user/state.ts";
import { Fixture, fixtureWith } from "./fixture.ts";

const ada = "user/ada";

const open = (id: string, more: object = {}) => ({
  type: "openSession",
  id,
  kind: "session",
  label: "laptop",
  tokenHash: `hash-${id}`,
  ...more,
});

const describeAda = (fixture: Fixture): UserView => fixture.ok(ada, ada, { type: "describe" });
const sessionsOf = (fixture: Fixture): readonly string[] =>
  fixture.ok<{ sessions: Session[] }>(ada, ada, { type: "sessions" }).sessions.map(({ id }) => id);

describe("a user's account", () => {
  it("is created by the gateway once, and people find it", () => {
    const fixture = new Fixture();
    const create = { type: "create", passwordHash: "argon", displayName: "Ada L" };
    expect(fixture.code(ada, ada, create)).to.equal("FORBIDDEN");
    expect(fixture.ok("gateway", ada, create)).to.deep.equal({
      user: "ada",
      displayName: "Ada L",
      admin: false,
      roles: ["member"],
      theme: "system",
      agents: [],
      rooms: [],
      createdAtMs: fixture.nowMs,
    });
    expect(fixture.code("gateway", ada, create)).to.equal("NAME_TAKEN");
    const { rows } = fixture.ok<{ rows: object[] }>(ada, "catalog/users", { type: "find", text: "ada l" });
    expect(rows).to.have.length(1);
  });

  it("is required before anything else", () => {
    const fixture = new Fixture();
    for (const type of ["credentials", "openSession", "setPassword"])
      expect(fixture.code("gateway", ada, { type }), type).to.equal("NOT_FOUND");
    expect(fixture.code("gateway", ada, { type: "authenticate", tokenHash: "x" })).to.equal("UNAUTHENTICATED");
    for (const type of ["describe", "sessions", "rooms", "createAgent", "resume"])
      expect(fixture.code(ada, ada, { type }), type).to.equal("NOT_FOUND");
    expect(fixture.code("room/lobby", ada, { type: "roomJoined", room: "lobby" })).to.equal("NOT_FOUND");
  });

  it("is nobody else's", () => {
    const fixture = fixtureWith("ada", "bob");
    for (const type of [
      "describe",
      "sessions",
      "rooms",
      "resume",
      "setProfile",
      "revokeSession",
      "createAgent",
      "deleteAgent",
    ])
      for (const from of ["user/bob", "gateway", "node", "agent/ada.helper"] as const)
        expect(fixture.code(from, ada, { type }), `${type} from ${from}`).to.equal("FORBIDDEN");
    for (const type of ["credentials", "openSession", "authenticate", "setPassword", "setAdmin"])
      expect(fixture.code(ada, ada, { type }), type).to.equal("FORBIDDEN");
    expect(fixture.code("room/other", ada, { type: "roomJoined", room: "lobby" })).to.equal("FORBIDDEN");
    expect(fixture.code(ada, ada, { type: "dance" })).to.equal("BAD_REQUEST");
  });

  it("changes its profile, and the catalog follows the name", () => {
    const fixture = fixtureWith("ada");
    expect(fixture.ok(ada, ada, { type: "setProfile", displayName: "Countess", theme: "dark" })).to.deep.include({
      displayName: "Countess",
      theme: "dark",
    });
    expect(fixture.ok<{ rows: object[] }>(ada, "catalog/users", { type: "find", text: "count" }).rows).to.have.length(
      1,
    );
    const head = fixture.stream(ada).length;
    fixture.ok(ada, ada, { type: "setProfile", displayName: "Countess" });
    expect(fixture.stream(ada)).to.have.length(head);
    fixture.ok(ada, ada, { type: "setProfile", theme: "light" });
    expect(describeAda(fixture)).to.deep.include({ displayName: "Countess", theme: "light" });
  });

  it("never shows its secrets in its stream", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("gateway", ada, open("s1"));
    fixture.ok("gateway", ada, { type: "setPassword", passwordHash: "new argon", keepSession: "s1" });
    const shown = JSON.stringify([fixture.stream(ada), fixture.records(ada, ""), describeAda(fixture)]);
    for (const secret of ["hash of ada", "hash-s1", "argon"]) expect(shown).to.not.include(secret);
    expect(fixture.ok("gateway", ada, { type: "credentials" })).to.deep.equal({
      user: "ada",
      passwordHash: "new argon",
      admin: false,
      known: false,
      factors: { password: true, passkeys: 0, totp: false, recovery: 0, identities: [] },
    });
  });

  it("gives its state, or what came after a cursor", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("gateway", ada, open("s1"));
    fixture.ok(ada, ada, { type: "revokeSession", id: "s1" });
    expect(fixture.ok(ada, ada, { type: "resume" })).to.deep.equal({ head: 3, state: describeAda(fixture) });
    const { events } = fixture.ok<{ events: unknown[] }>(ada, ada, { type: "resume", after: 1 });
    expect(events).to.deep.equal(
      fixture
        .stream(ada)
        .slice(1)
        .map(({ at, event }) => ({ at, event })),
    );
  });
});

describe("a user's sessions", () => {
  it("answer who holds a token, until they expire or are revoked", () => {
    const fixture = fixtureWith("ada");
    const session = fixture.ok("gateway", ada, open("s1", { expiresAtMs: fixture.nowMs + 100 }));
    expect(session).to.deep.equal({
      id: "s1",
      kind: "session",
      label: "laptop",
      createdAtMs: fixture.nowMs,
      expiresAtMs: fixture.nowMs + 100,
      proofs: [{ type: "password", atMs: fixture.nowMs }],
    });
    fixture.ok("gateway", ada, open("k1", { kind: "key" }));
    const who = (tokenHash: string): Authenticated => fixture.ok("gateway", ada, { type: "authenticate", tokenHash });
    expect(who("hash-s1")).to.deep.equal({
      user: "ada",
      admin: false,
      roles: ["member"],
      session: "s1",
      kind: "session",
      expiresAtMs: fixture.nowMs + 100,
      provedAgoMs: 0,
      usedAgoMs: 0,
    });
    expect(who("hash-k1")).to.deep.equal({
      user: "ada",
      admin: false,
      roles: ["member"],
      session: "k1",
      kind: "key",
      useDue: true,
      usedAgoMs: 0,
    });
    expect(fixture.code("gateway", ada, { type: "authenticate", tokenHash: "hash-x" })).to.equal("UNAUTHENTICATED");
    fixture.nowMs += 100;
    expect(fixture.code("gateway", ada, { type: "authenticate", tokenHash: "hash-s1" })).to.equal("UNAUTHENTICATED");
    expect(sessionsOf(fixture)).to.deep.equal(["k1"]);
    fixture.ok(ada, ada, { type: "revokeSession", id: "k1" });
    expect(fixture.code("gateway", ada, { type: "authenticate", tokenHash: "hash-k1" })).to.equal("UNAUTHENTICATED");
    expect(fixture.code(ada, ada, { type: "revokeSession", id: "k1" })).to.equal("NOT_FOUND");
  });

  it("of programs are narrowed to scopes, and their use is written down once an hour", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("gateway", ada, open("s1"));
    fixture.ok("gateway", ada, open("k1", { kind: "key", scopes: ["chat"], expiresAtMs: fixture.nowMs + 9_000_000 }));
    const who = () => fixture.ok<Authenticated>("gateway", ada, { type: "authenticate", tokenHash: "hash-k1" });
    const held = () => fixture.ok<UserSessions>(ada, ada, { type: "sessions" }).sessions[1];
    fixture.nowMs += actorLimits.keyUseNotedMs;
    expect(who()).to.deep.include({ scopes: ["chat"], useDue: true });
    expect(fixture.code(ada, ada, { type: "keyUsed", id: "k1" })).to.equal("FORBIDDEN");
    fixture.ok("gateway", ada, { type: "keyUsed", id: "k1" });
    const usedAtMs = fixture.nowMs;
    expect(who().useDue).to.equal(undefined);
    fixture.nowMs += actorLimits.keyUseNotedMs - 1;
    fixture.ok("gateway", ada, { type: "keyUsed", id: "k1" });
    expect(held()).to.deep.include({ usedAtMs, scopes: ["chat"] });
    fixture.nowMs += 1;
    expect(who().useDue).to.equal(true);
    fixture.crash(ada);
    expect(held()).to.deep.include({ usedAtMs });
  });

  it("end by an admin's word, one or all", () => {
    const fixture = fixtureWith("ada");
    for (const id of ["s1", "s2", "s3"]) fixture.ok("gateway", ada, open(id));
    const end = (more: object = {}) => ({ type: "endSession", ...more });
    expect(fixture.code("user/bob", ada, end())).to.equal("FORBIDDEN");
    expect(fixture.code("gateway", ada, end({ id: "s9" }))).to.equal("NOT_FOUND");
    fixture.ok("gateway", ada, end({ id: "s2" }));
    expect(sessionsOf(fixture)).to.deep.equal(["s1", "s3"]);
    fixture.ok("gateway", ada, end());
    expect(sessionsOf(fixture)).to.deep.equal([]);
  });

  it("say how long ago they proved their password, which a key never does", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("gateway", ada, open("s1"));
    fixture.ok("gateway", ada, open("s2"));
    fixture.ok("gateway", ada, open("k1", { kind: "key" }));
    const ago = (tokenHash: string): number | undefined =>
      fixture.ok<Authenticated>("gateway", ada, { type: "authenticate", tokenHash }).provedAgoMs;
    fixture.nowMs += 5_000;
    expect([ago("hash-s1"), ago("hash-k1")]).to.deep.equal([5_000, undefined]);
    fixture.ok("gateway", ada, { type: "confirmSession", id: "s1" });
    fixture.nowMs += 10;
    expect([ago("hash-s1"), ago("hash-s2")]).to.deep.equal([10, 5_010]);
    expect(fixture.code("gateway", ada, { type: "confirmSession", id: "k1" })).to.equal("NOT_FOUND");
    expect(fixture.code("gateway", ada, { type: "confirmSession", id: "s3" })).to.equal("NOT_FOUND");
    expect(fixture.code(ada, ada, { type: "confirmSession", id: "s1" })).to.equal("FORBIDDEN");
    expect(JSON.stringify(fixture.ok(ada, ada, { type: "sessions" }))).to.not.contain("provedAtMs");
  });

  it("are opened and confirmed only by proofs that are enough for the account, whatever a gateway says", () => {
    const fixture = new Fixture();
    const identity = { provider: "company", issuer: "https://id.example", subject: "7" };
    fixture.ok("gateway", ada, { type: "create", identity });
    expect(fixture.code("gateway", ada, open("s1")), "the account has no password").to.equal("SIGN_IN_UNFINISHED");
    const proofs = (subject: string) => ({ proofs: [{ type: "identity", ...identity, subject, atMs: 1 }] });
    expect(fixture.code("gateway", ada, open("s1", proofs("8"))), "of somebody else").to.equal("SIGN_IN_UNFINISHED");
    expect(fixture.ok<Session>("gateway", ada, open("s1", proofs("7"))).proofs).to.have.length(1);
    expect(fixture.code("gateway", ada, { type: "confirmSession", id: "s1" })).to.equal("SIGN_IN_UNFINISHED");
    fixture.ok("gateway", ada, { type: "confirmSession", id: "s1", ...proofs("7") });

    const { issuer, subject } = identity;
    const unlink = { type: "unlinkIdentity", issuer, subject };
    expect(fixture.code("gateway", ada, unlink), "nothing else would let her in").to.equal("FORBIDDEN");
    fixture.ok("gateway", ada, { type: "setPassword", passwordHash: "argon", keepSession: "s1" });
    expect(fixture.code("gateway", ada, unlink), "the password was not given in this session").to.equal(
      "SIGN_IN_AGAIN",
    );
    fixture.ok("gateway", ada, { type: "confirmSession", id: "s1" });
    fixture.ok("gateway", ada, unlink);
    expect(fixture.code("gateway", ada, unlink)).to.equal("NOT_FOUND");
    expect(fixture.code("gateway", ada, open("s2", proofs("7")))).to.equal("SIGN_IN_UNFINISHED");
    fixture.ok("gateway", ada, open("s2"));
  });

  it("count by the word of a server as it was linked, or as somebody has set it since who may", () => {
    const fixture = fixtureWith();
    const identity = { provider: "company", issuer: "https://id.example", subject: "7" };
    fixture.ok("gateway", ada, { type: "create", identity });
    const { issuer, subject } = identity;
    const vouch = (vouched: string, by: string) => ({ type: "vouchIdentity", issuer, subject, vouched, by });
    const isNoted = () =>
      fixture.ok<{ linkUsedAgoMs?: number }>("gateway", ada, { type: "credentials" }).linkUsedAgoMs !== undefined;
    expect(fixture.code("gateway", ada, vouch("one", "nobody"))).to.equal("FORBIDDEN");
    fixture.ok("gateway", ada, vouch("one", "unknown"));
    fixture.ok("gateway", ada, vouch("one", "nobody"));
    expect(fixture.code("gateway", ada, vouch("two", "unknown")), "it is known by now").to.equal("FORBIDDEN");
    fixture.ok("gateway", ada, open("s1", { proofs: [{ type: "identity", ...identity, atMs: 1 }] }));
    fixture.ok("gateway", ada, { type: "linkIdentity", ...identity, vouched: "two" });
    fixture.ok("gateway", ada, vouch("two", "nobody"));
    fixture.ok("gateway", ada, vouch("three", "own"));
    expect(isNoted()).to.equal(false);
    fixture.ok("gateway", ada, vouch("four", "others"));
    fixture.crash(ada);
    expect(isNoted()).to.equal(true);
    fixture.ok("gateway", ada, vouch("four", "nobody"));
    expect(fixture.code("user/bob", ada, vouch("four", "own"))).to.equal("FORBIDDEN");
    expect(fixture.code("gateway", ada, { ...vouch("four", "own"), subject: "8" })).to.equal("NOT_FOUND");
  });

  it("show of an identity what they are, and not how its person was signed in when it was linked", () => {
    const fixture = fixtureWith();
    const identity = { provider: "company", issuer: "https://id.example", subject: "7", label: "ada@id.example" };
    // A node of before has kept the whole command.
    const more = { shown: { as: "session", session: "s1" } };
    fixture.ok("gateway", ada, { type: "create", identity: { ...identity, ...more } });
    const { identities } = fixture.ok<{ identities: object[] }>(ada, ada, { type: "factors" });
    expect(identities).to.deep.equal([{ ...identity, linkedAtMs: fixture.nowMs }]);
  });

  it("note their use once an hour, with the address", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("gateway", ada, open("s1", { address: "10.0.0.1" }));
    const [before] = fixture.ok<{ sessions: Session[] }>(ada, ada, { type: "sessions" }).sessions;
    expect(before).to.deep.include({ address: "10.0.0.1" }).and.to.not.have.property("usedAtMs");
    const used = { type: "sessionUsed", id: "s1", address: "10.0.0.2" };
    fixture.ok("gateway", ada, used);
    fixture.nowMs += wireLimits.sessionUsedMs;
    const usedAtMs = fixture.nowMs;
    fixture.ok("gateway", ada, used);
    fixture.nowMs += wireLimits.sessionUsedMs - 1;
    fixture.ok("gateway", ada, { ...used, address: "10.0.0.3" });
    const [after] = fixture.ok<{ sessions: Session[] }>(ada, ada, { type: "sessions" }).sessions;
    expect(after).to.deep.include({ usedAtMs, usedFrom: "10.0.0.2" });
  });

  it("opened again with the same token are the same; an id is not used twice", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("gateway", ada, open("s1"));
    expect(fixture.ok("gateway", ada, open("s1"))).to.deep.include({ id: "s1" });
    expect(fixture.code("gateway", ada, open("s1", { tokenHash: "other" }))).to.equal("NAME_TAKEN");
    expect(sessionsOf(fixture)).to.deep.equal(["s1"]);
  });

  it("are bounded: the expired and then the oldest make place, but no key does", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("gateway", ada, open("first"));
    fixture.ok("gateway", ada, open("k0", { kind: "key" }));
    fixture.ok("gateway", ada, { type: "endSession", id: "first" });
    fixture.ok("gateway", ada, open("old", { expiresAtMs: fixture.nowMs + 1 }));
    fixture.nowMs += 1;
    for (let index = 0; index <= wireLimits.sessionsPerUserMax; index += 1)
      fixture.ok("gateway", ada, open(`s${index}`));
    const left = sessionsOf(fixture);
    expect(left).to.include("k0").and.not.include("s0").and.not.include("old");
    expect(left).to.have.length(wireLimits.sessionsPerUserMax + 1);
    const revoked = fixture.stream(ada).filter(({ event }) => event.type === "sessionRevoked");
    expect(revoked.map(({ event }) => event["id"])).to.deep.equal(["first", "old", "s0"]);
    for (let index = 1; index < wireLimits.apiKeysPerUserMax; index += 1)
      fixture.ok("gateway", ada, open(`k${index}`, { kind: "key" }));
    expect(fixture.code("gateway", ada, open("k-late", { kind: "key" }))).to.equal("LIMIT_REACHED");
  });

  it("end with the password, but for the one that set it", () => {
    const fixture = fixtureWith("ada");
    for (const id of ["s1", "s2", "s3"]) fixture.ok("gateway", ada, open(id));
    fixture.ok("gateway", ada, { type: "setPassword", passwordHash: "new", keepSession: "s2" });
    expect(sessionsOf(fixture)).to.deep.equal(["s2"]);
  });

  it("make the device known on which they were opened, the newest of them, until the password changes", () => {
    const fixture = fixtureWith("ada");
    const knows = (deviceHash: string) =>
      fixture.ok<{ known: boolean }>("gateway", ada, { type: "credentials", deviceHash }).known;
    expect(knows("phone")).to.equal(false);
    fixture.ok("gateway", ada, open("s1", { deviceHash: "phone" }));
    expect([knows("phone"), knows("laptop")]).to.deep.equal([true, false]);
    for (let index = 0; index < wireLimits.devicesPerUserMax - 1; index += 1)
      fixture.ok("gateway", ada, open(`d${index}`, { deviceHash: `device-${index}` }));
    fixture.ok("gateway", ada, open("s2", { deviceHash: "phone" }));
    fixture.ok("gateway", ada, open("s3", { deviceHash: "laptop" }));
    expect([knows("phone"), knows("laptop"), knows("device-0"), knows("device-1")]).to.deep.equal([
      true,
      true,
      false,
      true,
    ]);
    expect(JSON.stringify([fixture.stream(ada), describeAda(fixture)])).not.to.contain("device-1");
    fixture.ok("gateway", ada, { type: "setPassword", passwordHash: "new", keepSession: "s3", deviceHash: "laptop" });
    expect([knows("phone"), knows("laptop")]).to.deep.equal([false, true]);
  });

  it("that failed are told on the person's stream, added up until there were none for a month", () => {
    const fixture = fixtureWith("ada");
    const tell = (count: number) => fixture.ok("gateway", ada, { type: "signInsFailed", count });
    expect(fixture.code("user/bob", ada, { type: "signInsFailed", count: 1 })).to.equal("FORBIDDEN");
    expect(fixture.code("gateway", "user/nobody", { type: "signInsFailed", count: 1 })).to.equal("NOT_FOUND");
    const firstAtMs = fixture.nowMs;
    tell(10);
    fixture.nowMs += 3_600_000;
    tell(30);
    expect(describeAda(fixture)).to.deep.include({ signInsFailed: { count: 40, firstAtMs, lastAtMs: fixture.nowMs } });
    expect(fixture.stream(ada).at(-1)?.event).to.deep.include({ type: "profileSet", view: describeAda(fixture) });
    fixture.ok(ada, ada, { type: "setProfile", displayName: "Countess" });
    expect(describeAda(fixture)).to.have.nested.property("signInsFailed.count", 40);
    fixture.nowMs += actorLimits.signInsFailedKeptMs;
    tell(10);
    expect(describeAda(fixture)).to.have.nested.property("signInsFailed.count", 10);
  });
});

describe("a user's rooms", () => {
  const list = (fixture: Fixture) =>
    fixture.ok<{ rooms: RoomSummary[]; unreachable: string[] }>(ada, ada, { type: "rooms" });

  it("are listed with what is unread, newest activity first", () => {
    const fixture = fixtureWith("ada", "bob");
    for (const room of ["one", "two", "six"]) fixture.ok(ada, `room/${room}`, { type: "create" });
    fixture.ok("user/bob", "room/two", { type: "join" });
    fixture.nowMs += 5;
    fixture.ok("user/bob", "room/two", { type: "post", text: "hi" });
    const { rooms, unreachable } = list(fixture);
    expect(rooms.map(({ room, unread }) => [room, unread])).to.deep.equal([
      ["two", 1],
      ["one", 0],
      ["six", 0],
    ]);
    expect(unreachable).to.deep.equal([]);
    expect(list(fixtureWith("ada"))).to.deep.equal({ rooms: [], unreachable: [] });
  });

  it("that do not answer are named; those that refuse are left out", () => {
    const fixture = fixtureWith("ada");
    for (const room of ["one", "two"]) fixture.ok(ada, `room/${room}`, { type: "create" });
    fixture.ok("room/gone", ada, { type: "roomJoined", room: "gone" });
    fixture.cutOff("room/two");
    const { rooms, unreachable } = list(fixture);
    expect([rooms.map(({ room }) => room), unreachable]).to.deep.equal([["one"], ["two"]]);
  });

  it("are asked a bounded number at a time, and all of them", () => {
    const fixture = fixtureWith("ada");
    const count = actorLimits.summaryAsksMax * 2 + 3;
    for (let index = 0; index < count; index += 1) fixture.ok(ada, `room/r${index}`, { type: "create" });
    const answer = fixture.begin(ada, ada, { type: "rooms" });
    let outstanding = 0;
    while (fixture.step()) {
      const round = fixture.notesOf<{ round: { asked: string[] } | null }>(ada).round;
      outstanding = Math.max(outstanding, round?.asked.length ?? 0);
    }
    expect(outstanding).to.equal(actorLimits.summaryAsksMax);
    expect(answer()).to.have.nested.property("value.rooms.length", count);
  });

  it("asked for while a list is under way are asked anew, so no answer is older than its question", () => {
    const fixture = fixtureWith("ada");
    fixture.ok(ada, "room/one", { type: "create" });
    const answers = [1, 2, 3].map(() => fixture.begin(ada, ada, { type: "rooms" }));
    fixture.settle();
    for (const answer of answers) expect(answer()).to.have.nested.property("value.rooms.length", 1);
    expect(fixture.sent.filter(({ message }) => message.type === "summary")).to.have.length(2);
  });

  it("are refused to the list when too many wait", () => {
    const fixture = fixtureWith("ada");
    fixture.ok(ada, "room/one", { type: "create" });
    const answers = Array.from({ length: actorLimits.roomListsWaitingMax + 2 }, () =>
      fixture.begin(ada, ada, { type: "rooms" }),
    );
    fixture.settle();
    expect(answers.at(-1)?.()).to.have.nested.property("error.code", "OVERLOADED");
    expect(answers.at(-2)?.()).to.have.nested.property("ok", true);
  });

  it("join and leave the list once, however often the room says so", () => {
    const fixture = fixtureWith("ada");
    for (const type of ["roomJoined", "roomJoined", "roomLeft", "roomLeft"])
      fixture.ok("room/lobby", ada, { type, room: "lobby" });
    expect(
      fixture
        .stream(ada)
        .slice(1)
        .map(({ event }) => event.type),
    ).to.deep.equal(["roomJoined", "roomLeft"]);
  });

  it("that others bring the user into fill no more than half of the list", () => {
    const fixture = fixtureWith("ada", "bob");
    const joined = (room: string, by: string) =>
      fixture.code(`room/${room}`, ada, { type: "roomJoined", room, by: `user/${by}` });
    for (let index = 0; index < actorLimits.roomsByInvitationMax; index += 1)
      expect(joined(`r${index}`, "bob")).to.equal("accepted");
    expect(actorLimits.roomsByInvitationMax).to.equal(wireLimits.roomsPerUserMax / 2);
    expect(joined("more", "bob")).to.equal("LIMIT_REACHED");
    expect(joined("own", "ada")).to.equal("accepted");
    expect(fixture.stream(ada).at(-1)?.event).to.deep.equal({ type: "roomJoined", room: "own" });
    fixture.ok("room/r0", ada, { type: "roomLeft", room: "r0" });
    expect(joined("more", "bob")).to.equal("accepted");
    expect(fixture.stream(ada).at(-1)?.event).to.deep.equal({ type: "roomJoined", room: "more", by: "user/bob" });
  });

  it("are as many with the room for files of agents, which a full list takes", () => {
    const fixture = fixtureWith("ada");
    const joined = (room: string) => fixture.code(`room/${room}`, ada, { type: "roomJoined", room, by: ada });
    for (let index = 1; index < wireLimits.roomsPerUserMax; index += 1) joined(`r${index}`);
    expect(joined("dm.ada.ada")).to.equal("accepted");
    expect(joined("last")).to.equal("accepted");
    expect(joined("more")).to.equal("LIMIT_REACHED");
  });

  it("read on one device are news for the others, which needs no disk", () => {
    const fixture = fixtureWith("ada");
    const written = fixture.journalOf(ada).length;
    const read = { type: "roomRead", room: "lobby", seq: 3 };
    fixture.ok("room/lobby", ada, read);
    expect(fixture.signals(ada)).to.deep.equal([read]);
    expect(fixture.journalOf(ada)).to.have.length(written);
    expect(fixture.code("room/other", ada, read)).to.equal("FORBIDDEN");
    expect(fixture.code(ada, ada, read)).to.equal("FORBIDDEN");
  });
});

describe("a user's agents", () => {
  const create = { type: "createAgent", name: "helper", persona: "kind", model: "m" };

  it("are created and deleted with the agent itself, and answered when it has answered", () => {
    const fixture = fixtureWith("ada");
    expect(fixture.ok(ada, ada, create)).to.deep.include({
      agent: "ada.helper",
      owner: "ada",
      persona: "kind",
      model: "m",
    });
    expect(describeAda(fixture).agents).to.deep.equal(["ada.helper"]);
    expect(fixture.code(ada, ada, create)).to.equal("NAME_TAKEN");
    expect(fixture.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" })).to.deep.equal({});
    expect(describeAda(fixture).agents).to.deep.equal([]);
    expect(fixture.code(ada, "agent/ada.helper", { type: "describe" })).to.equal("NOT_FOUND");
    expect(fixture.code(ada, ada, { type: "deleteAgent", agent: "ada.helper" })).to.equal("NOT_FOUND");
    expect(fixture.stream(ada).map(({ event }) => event.type)).to.deep.equal([
      "profileSet",
      "agentCreated",
      "agentDeleted",
    ]);
  });

  it("give a repeated command its right answer, although who waited was forgotten", () => {
    const fixture = fixtureWith("ada");
    fixture.cutOff("agent/ada.helper");
    const first = fixture.begin(ada, ada, create, "op1");
    fixture.settle();
    const second = fixture.begin(ada, ada, create, "op1");
    fixture.settle();
    fixture.crash(ada);
    fixture.reach("agent/ada.helper");
    fixture.pass(60_000);
    expect([first(), second()]).to.deep.equal([undefined, undefined]);
    expect(describeAda(fixture).agents).to.deep.equal(["ada.helper"]);
    expect(fixture.ok(ada, ada, create, "op1")).to.deep.include({ agent: "ada.helper" });
    expect(fixture.code(ada, ada, create)).to.equal("NAME_TAKEN");
  });

  it("answer all who wait for the same creation", () => {
    const fixture = fixtureWith("ada");
    fixture.cutOff("agent/ada.helper");
    const answers = [1, 2].map(() => fixture.begin(ada, ada, create, "op1"));
    fixture.settle();
    fixture.reach("agent/ada.helper");
    fixture.pass(60_000);
    for (const answer of answers) expect(answer()).to.have.nested.property("value.agent", "ada.helper");
  });

  it("that are deleted give a repeated command its answer, too", () => {
    const fixture = fixtureWith("ada");
    fixture.ok(ada, ada, create);
    fixture.cutOff("agent/ada.helper");
    const remove = { type: "deleteAgent", agent: "ada.helper" };
    const first = fixture.begin(ada, ada, remove, "op2");
    const second = fixture.begin(ada, ada, remove, "op2");
    fixture.settle();
    expect(fixture.code(ada, ada, create)).to.equal("NAME_TAKEN");
    fixture.crash(ada);
    fixture.reach("agent/ada.helper");
    fixture.pass(60_000);
    expect([first(), second()]).to.deep.equal([undefined, undefined]);
    expect(fixture.ok(ada, ada, remove, "op2")).to.deep.equal({});
  });

  it("that refuse to be created are not there, and the reason is passed on", () => {
    const fixture = fixtureWith("ada");
    fixture.cutOff("agent/ada.helper", "FORBIDDEN");
    expect(fixture.code(ada, ada, create)).to.equal("FORBIDDEN");
    fixture.reach("agent/ada.helper");
    expect(fixture.ok(ada, ada, create)).to.deep.include({ agent: "ada.helper" });
  });

  it("that are created already but cannot be asked now pass the reason on", () => {
    const fixture = fixtureWith("ada");
    const turn = { self: ada, key: "ada", nowMs: 0, from: ada, notes: user.notes?.initial() } as never;
    fixture.ok(ada, ada, create, "op1");
    const state = fixture.stateOf<UserState>(ada);
    const to = { node: "n", correlation: 1, operation: state.account?.agents[0]?.operation ?? "" };
    const asked = user.decide(state, create as never, { ...(turn as object), replyTo: to } as never);
    expect(asked).to.have.nested.property("[0].message.type", "describe");
    expect(user.decide(state, create as never, turn)).to.have.nested.property("[0].code", "NAME_TAKEN");
    const failed = { ok: false, error: { code: "MAILBOX_FULL", outcome: "not_started", message: "" } } as const;
    const tag = { type: "describeAgent", to };
    const effects = user.decide(state, { type: "answered", tag, result: failed }, turn);
    expect(effects).to.deep.equal([{ type: "refuse", code: "MAILBOX_FULL", to }]);
  });

  it("are bounded in number", () => {
    const fixture = fixtureWith("ada");
    for (let index = 0; index < wireLimits.agentsPerUserMax; index += 1)
      fixture.ok(ada, ada, { type: "createAgent", name: `a${index}` });
    expect(fixture.code(ada, ada, create)).to.equal("LIMIT_REACHED");
  });

  it("are refused while too much is undelivered, or too many wait", () => {
    const fixture = fixtureWith("ada");
    const state = fixture.stateOf<UserState>(ada);
    const entries = Array.from({ length: actorLimits.outboxEntriesMax }, (_, id) => ({
      id,
      to: "user/x" as const,
      message: { type: "x" },
    }));
    const notes = user.notes?.initial();
    const replyTo = { node: "n", correlation: 1, operation: "op" };
    const turn = { self: ada, key: "ada", nowMs: 0, from: ada, notes, replyTo } as never;
    const full = { ...state, outbox: { next: 1, entries } };
    expect(user.decide(full, create as never, turn)).to.have.nested.property("[0].code", "OVERLOADED");
    const waiting = Array.from({ length: actorLimits.roomListsWaitingMax }, () => replyTo);
    const asked = user.evolve(state, {
      type: "agentAsked",
      agent: "ada.helper",
      status: "creating",
      operation: "op",
      mail: [],
    });
    const crowded = { ...(turn as object), notes: { ...notes, forAgent: { "ada.helper": waiting } } } as never;
    expect(user.decide(asked, create as never, crowded)).to.have.nested.property("[0].code", "OVERLOADED");
  });
});

describe("a user's admin rank", () => {
  it("comes from the role-manager, once the account is there", () => {
    const fixture = new Fixture();
    const set = (admin: boolean) => fixture.ok("role-manager/cluster", ada, { type: "setAdmin", admin });
    expect(fixture.code("role-manager/cluster", ada, { type: "setAdmin", admin: true })).to.equal("NOT_FOUND");
    fixture.ok("gateway", ada, { type: "create", passwordHash: "x" });
    expect(describeAda(fixture).admin).to.equal(false);
    set(true);
    expect(describeAda(fixture).admin).to.equal(true);
    const head = fixture.stream(ada).length;
    set(true);
    expect(fixture.stream(ada)).to.have.length(head);
    set(false);
    expect(describeAda(fixture).admin).to.equal(false);
    expect(fixture.stream(ada).at(-1)?.event).to.have.nested.property("view.admin", false);
  });
});

describe("a user's signals", () => {
  it("that mean nothing are ignored", () => {
    const fixture = fixtureWith("ada");
    const state = fixture.stateOf<UserState>(ada);
    const turn = { self: ada, key: "ada", nowMs: 0, from: "node", notes: user.notes?.initial() } as never;
    const result = { ok: true, value: 1 } as const;
    for (const tag of [undefined, { type: "outbox", id: 99 }, { type: "summary", round: 7, room: "x" }])
      expect(user.decide(state, { type: "answered", tag, result }, turn)).to.deep.equal([]);
    expect(
      user.decide(state, { type: "part", engine: "generate", tag: "x", part: { text: "", tokens: 0 } }, turn),
    ).to.deep.equal([]);
    expect(user.decide(state, { type: "reminded", id: "x", dueMs: 0 }, turn)).to.deep.equal([
      { type: "forget", id: "x" },
    ]);
    const nobody = user.initial("ada");
    expect(user.evolve(nobody, { type: "passwordSet", passwordHash: "x" })).to.equal(nobody);
    expect(user.evolve(nobody, { type: "agentRefused", agent: "x" }).account).to.equal(null);
    expect(
      user.evolve(nobody, { type: "agentAsked", agent: "x", status: "creating", operation: null, mail: [] }).account,
    ).to.equal(null);
    expect(user.evolve(nobody, { type: "happened", at: 1, event: { type: "roomJoined", room: "x" } }).account).to.equal(
      null,
    );
  });
});
