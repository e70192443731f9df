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
import { Stage, stageWith } from "./fixture.ts";

const ada = "user/ada";

const open = (id: string, more: object = {}) => ({
  type: "openSession",
  id,
  kind: "session",
  label: "laptop",
  tokenHash: `hash-${id}`,
  ...more,
});

const describeAda = (stage: Stage): UserView => stage.ok(ada, ada, { type: "describe" });
const sessionsOf = (stage: Stage): readonly string[] =>
  stage.ok<{ sessions: Session[] }>(ada, ada, { type: "sessions" }).sessions.map(({ id }) => id);

describe("a user's account", () => {
  it("is created by the gateway once, and people find it", () => {
    const stage = new Stage();
    const create = { type: "create", passwordHash: "argon", displayName: "Ada L" };
    expect(stage.code(ada, ada, create)).to.equal("FORBIDDEN");
    expect(stage.ok("gateway", ada, create)).to.deep.equal({
      user: "ada",
      displayName: "Ada L",
      admin: false,
      roles: ["member"],
      theme: "system",
      agents: [],
      rooms: [],
      createdAtMs: stage.nowMs,
    });
    expect(stage.code("gateway", ada, create)).to.equal("NAME_TAKEN");
    const { rows } = stage.ok<{ rows: object[] }>(ada, "catalog/users", { type: "find", text: "ada l" });
    expect(rows).to.have.length(1);
  });

  it("is required before anything else", () => {
    const stage = new Stage();
    for (const type of ["credentials", "openSession", "setPassword"])
      expect(stage.code("gateway", ada, { type }), type).to.equal("NOT_FOUND");
    expect(stage.code("gateway", ada, { type: "authenticate", tokenHash: "x" })).to.equal("UNAUTHENTICATED");
    for (const type of ["describe", "sessions", "rooms", "createAgent", "resume"])
      expect(stage.code(ada, ada, { type }), type).to.equal("NOT_FOUND");
    expect(stage.code("room/lobby", ada, { type: "roomJoined", room: "lobby" })).to.equal("NOT_FOUND");
  });

  it("is nobody else's", () => {
    const stage = stageWith("ada", "bob");
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
        expect(stage.code(from, ada, { type }), `${type} from ${from}`).to.equal("FORBIDDEN");
    for (const type of ["credentials", "openSession", "authenticate", "setPassword", "setAdmin"])
      expect(stage.code(ada, ada, { type }), type).to.equal("FORBIDDEN");
    expect(stage.code("room/other", ada, { type: "roomJoined", room: "lobby" })).to.equal("FORBIDDEN");
    expect(stage.code(ada, ada, { type: "dance" })).to.equal("BAD_REQUEST");
  });

  it("changes its profile, and the catalog follows the name", () => {
    const stage = stageWith("ada");
    expect(stage.ok(ada, ada, { type: "setProfile", displayName: "Countess", theme: "dark" })).to.deep.include({
      displayName: "Countess",
      theme: "dark",
    });
    expect(stage.ok<{ rows: object[] }>(ada, "catalog/users", { type: "find", text: "count" }).rows).to.have.length(1);
    const head = stage.stream(ada).length;
    stage.ok(ada, ada, { type: "setProfile", displayName: "Countess" });
    expect(stage.stream(ada)).to.have.length(head);
    stage.ok(ada, ada, { type: "setProfile", theme: "light" });
    expect(describeAda(stage)).to.deep.include({ displayName: "Countess", theme: "light" });
  });

  it("never shows its secrets in its stream", () => {
    const stage = stageWith("ada");
    stage.ok("gateway", ada, open("s1"));
    stage.ok("gateway", ada, { type: "setPassword", passwordHash: "new argon" });
    const shown = JSON.stringify([stage.stream(ada), stage.records(ada, ""), describeAda(stage)]);
    for (const secret of ["hash of ada", "hash-s1", "argon"]) expect(shown).to.not.include(secret);
    expect(stage.ok("gateway", ada, { type: "credentials" })).to.deep.equal({
      user: "ada",
      passwordHash: "new argon",
      admin: false,
      known: false,
      factors: { password: true, passkeys: 0, totp: false, recovery: 0, identities: [] },
    });
  });

  it("gives its state, or what came after a cursor", () => {
    const stage = stageWith("ada");
    stage.ok("gateway", ada, open("s1"));
    stage.ok(ada, ada, { type: "revokeSession", id: "s1" });
    expect(stage.ok(ada, ada, { type: "resume" })).to.deep.equal({ head: 3, state: describeAda(stage) });
    const { events } = stage.ok<{ events: unknown[] }>(ada, ada, { type: "resume", after: 1 });
    expect(events).to.deep.equal(
      stage
        .stream(ada)
        .slice(1)
        .map(({ at, event }) => ({ at, event })),
    );
  });
});

describe("a user's sessions", () => {
  it("answer who holds a token, until they expire or are revoked", () => {
    const stage = stageWith("ada");
    const session = stage.ok("gateway", ada, open("s1", { expiresAtMs: stage.nowMs + 100 }));
    expect(session).to.deep.equal({
      id: "s1",
      kind: "session",
      label: "laptop",
      createdAtMs: stage.nowMs,
      expiresAtMs: stage.nowMs + 100,
      proofs: [{ type: "password", atMs: stage.nowMs }],
    });
    stage.ok("gateway", ada, open("k1", { kind: "key" }));
    const who = (tokenHash: string): Authenticated => stage.ok("gateway", ada, { type: "authenticate", tokenHash });
    expect(who("hash-s1")).to.deep.equal({
      user: "ada",
      admin: false,
      roles: ["member"],
      session: "s1",
      kind: "session",
      expiresAtMs: stage.nowMs + 100,
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
    expect(stage.code("gateway", ada, { type: "authenticate", tokenHash: "hash-x" })).to.equal("UNAUTHENTICATED");
    stage.nowMs += 100;
    expect(stage.code("gateway", ada, { type: "authenticate", tokenHash: "hash-s1" })).to.equal("UNAUTHENTICATED");
    expect(sessionsOf(stage)).to.deep.equal(["k1"]);
    stage.ok(ada, ada, { type: "revokeSession", id: "k1" });
    expect(stage.code("gateway", ada, { type: "authenticate", tokenHash: "hash-k1" })).to.equal("UNAUTHENTICATED");
    expect(stage.code(ada, ada, { type: "revokeSession", id: "k1" })).to.equal("NOT_FOUND");
  });

  it("of programs are narrowed to scopes, and their use is written down once an hour", () => {
    const stage = stageWith("ada");
    stage.ok("gateway", ada, open("k1", { kind: "key", scopes: ["chat"], expiresAtMs: stage.nowMs + 9_000_000 }));
    const who = () => stage.ok<Authenticated>("gateway", ada, { type: "authenticate", tokenHash: "hash-k1" });
    const held = () => stage.ok<UserSessions>(ada, ada, { type: "sessions" }).sessions[0];
    stage.nowMs += actorLimits.keyUseNotedMs;
    expect(who()).to.deep.include({ scopes: ["chat"], useDue: true });
    expect(stage.code(ada, ada, { type: "keyUsed", id: "k1" })).to.equal("FORBIDDEN");
    stage.ok("gateway", ada, { type: "keyUsed", id: "k1" });
    const usedAtMs = stage.nowMs;
    expect(who().useDue).to.equal(undefined);
    stage.nowMs += actorLimits.keyUseNotedMs - 1;
    stage.ok("gateway", ada, { type: "keyUsed", id: "k1" });
    expect(held()).to.deep.include({ usedAtMs, scopes: ["chat"] });
    stage.nowMs += 1;
    expect(who().useDue).to.equal(true);
    stage.crash(ada);
    expect(held()).to.deep.include({ usedAtMs });
  });

  it("end by an admin's word, one or all", () => {
    const stage = stageWith("ada");
    for (const id of ["s1", "s2", "s3"]) stage.ok("gateway", ada, open(id));
    const end = (more: object = {}) => ({ type: "endSession", ...more });
    expect(stage.code("user/bob", ada, end())).to.equal("FORBIDDEN");
    expect(stage.code("gateway", ada, end({ id: "s9" }))).to.equal("NOT_FOUND");
    stage.ok("gateway", ada, end({ id: "s2" }));
    expect(sessionsOf(stage)).to.deep.equal(["s1", "s3"]);
    stage.ok("gateway", ada, end());
    expect(sessionsOf(stage)).to.deep.equal([]);
  });

  it("say how long ago they proved their password, which a key never does", () => {
    const stage = stageWith("ada");
    stage.ok("gateway", ada, open("s1"));
    stage.ok("gateway", ada, open("s2"));
    stage.ok("gateway", ada, open("k1", { kind: "key" }));
    const ago = (tokenHash: string): number | undefined =>
      stage.ok<Authenticated>("gateway", ada, { type: "authenticate", tokenHash }).provedAgoMs;
    stage.nowMs += 5_000;
    expect([ago("hash-s1"), ago("hash-k1")]).to.deep.equal([5_000, undefined]);
    stage.ok("gateway", ada, { type: "confirmSession", id: "s1" });
    stage.nowMs += 10;
    expect([ago("hash-s1"), ago("hash-s2")]).to.deep.equal([10, 5_010]);
    expect(stage.code("gateway", ada, { type: "confirmSession", id: "k1" })).to.equal("NOT_FOUND");
    expect(stage.code("gateway", ada, { type: "confirmSession", id: "s3" })).to.equal("NOT_FOUND");
    expect(stage.code(ada, ada, { type: "confirmSession", id: "s1" })).to.equal("FORBIDDEN");
    expect(JSON.stringify(stage.ok(ada, ada, { type: "sessions" }))).to.not.contain("provedAtMs");
  });

  it("are opened and confirmed only by proofs that are enough for the account, whatever a gateway says", () => {
    const stage = new Stage();
    const identity = { provider: "company", issuer: "https://id.example", subject: "7" };
    stage.ok("gateway", ada, { type: "create", identity });
    expect(stage.code("gateway", ada, open("s1")), "the account has no password").to.equal("SIGN_IN_UNFINISHED");
    const proofs = (subject: string) => ({ proofs: [{ type: "identity", ...identity, subject, atMs: 1 }] });
    expect(stage.code("gateway", ada, open("s1", proofs("8"))), "of somebody else").to.equal("SIGN_IN_UNFINISHED");
    expect(stage.ok<Session>("gateway", ada, open("s1", proofs("7"))).proofs).to.have.length(1);
    expect(stage.code("gateway", ada, { type: "confirmSession", id: "s1" })).to.equal("SIGN_IN_UNFINISHED");
    stage.ok("gateway", ada, { type: "confirmSession", id: "s1", ...proofs("7") });

    const { issuer, subject } = identity;
    const unlink = { type: "unlinkIdentity", issuer, subject };
    expect(stage.code("gateway", ada, unlink), "nothing else would let her in").to.equal("FORBIDDEN");
    stage.ok("gateway", ada, { type: "setPassword", passwordHash: "argon", keepSession: "s1" });
    stage.ok("gateway", ada, unlink);
    expect(stage.code("gateway", ada, unlink)).to.equal("NOT_FOUND");
    expect(stage.code("gateway", ada, open("s2", proofs("7")))).to.equal("SIGN_IN_UNFINISHED");
    stage.ok("gateway", ada, open("s2"));
  });

  it("note their use once an hour, with the address", () => {
    const stage = stageWith("ada");
    stage.ok("gateway", ada, open("s1", { address: "10.0.0.1" }));
    const [before] = stage.ok<{ sessions: Session[] }>(ada, ada, { type: "sessions" }).sessions;
    expect(before).to.deep.include({ address: "10.0.0.1" }).and.to.not.have.property("usedAtMs");
    const used = { type: "sessionUsed", id: "s1", address: "10.0.0.2" };
    stage.ok("gateway", ada, used);
    stage.nowMs += wireLimits.sessionUsedMs;
    const usedAtMs = stage.nowMs;
    stage.ok("gateway", ada, used);
    stage.nowMs += wireLimits.sessionUsedMs - 1;
    stage.ok("gateway", ada, { ...used, address: "10.0.0.3" });
    const [after] = stage.ok<{ sessions: Session[] }>(ada, ada, { type: "sessions" }).sessions;
    expect(after).to.deep.include({ usedAtMs, usedFrom: "10.0.0.2" });
  });

  it("opened again with the same token are the same; an id is not used twice", () => {
    const stage = stageWith("ada");
    stage.ok("gateway", ada, open("s1"));
    expect(stage.ok("gateway", ada, open("s1"))).to.deep.include({ id: "s1" });
    expect(stage.code("gateway", ada, open("s1", { tokenHash: "other" }))).to.equal("NAME_TAKEN");
    expect(sessionsOf(stage)).to.deep.equal(["s1"]);
  });

  it("are bounded: the expired and then the oldest make place, but no key does", () => {
    const stage = stageWith("ada");
    stage.ok("gateway", ada, open("k0", { kind: "key" }));
    stage.ok("gateway", ada, open("old", { expiresAtMs: stage.nowMs + 1 }));
    stage.nowMs += 1;
    for (let index = 0; index <= wireLimits.sessionsPerUserMax; index += 1) stage.ok("gateway", ada, open(`s${index}`));
    const left = sessionsOf(stage);
    expect(left).to.include("k0").and.not.include("s0").and.not.include("old");
    expect(left).to.have.length(wireLimits.sessionsPerUserMax + 1);
    const revoked = stage.stream(ada).filter(({ event }) => event.type === "sessionRevoked");
    expect(revoked.map(({ event }) => event["id"])).to.deep.equal(["old", "s0"]);
    for (let index = 1; index < wireLimits.apiKeysPerUserMax; index += 1)
      stage.ok("gateway", ada, open(`k${index}`, { kind: "key" }));
    expect(stage.code("gateway", ada, open("k-late", { kind: "key" }))).to.equal("LIMIT_REACHED");
  });

  it("end with the password, but for the one that set it", () => {
    const stage = stageWith("ada");
    for (const id of ["s1", "s2", "s3"]) stage.ok("gateway", ada, open(id));
    stage.ok("gateway", ada, { type: "setPassword", passwordHash: "new", keepSession: "s2" });
    expect(sessionsOf(stage)).to.deep.equal(["s2"]);
  });

  it("make the device known on which they were opened, the newest of them, until the password changes", () => {
    const stage = stageWith("ada");
    const knows = (deviceHash: string) =>
      stage.ok<{ known: boolean }>("gateway", ada, { type: "credentials", deviceHash }).known;
    expect(knows("phone")).to.equal(false);
    stage.ok("gateway", ada, open("s1", { deviceHash: "phone" }));
    expect([knows("phone"), knows("laptop")]).to.deep.equal([true, false]);
    for (let index = 0; index < wireLimits.devicesPerUserMax - 1; index += 1)
      stage.ok("gateway", ada, open(`d${index}`, { deviceHash: `device-${index}` }));
    stage.ok("gateway", ada, open("s2", { deviceHash: "phone" }));
    stage.ok("gateway", ada, open("s3", { deviceHash: "laptop" }));
    expect([knows("phone"), knows("laptop"), knows("device-0"), knows("device-1")]).to.deep.equal([
      true,
      true,
      false,
      true,
    ]);
    expect(JSON.stringify([stage.stream(ada), describeAda(stage)])).not.to.contain("device-1");
    stage.ok("gateway", ada, { type: "setPassword", passwordHash: "new", keepSession: "s3", deviceHash: "laptop" });
    expect([knows("phone"), knows("laptop")]).to.deep.equal([false, true]);
  });

  it("that failed are told on the person's stream, added up until there were none for a month", () => {
    const stage = stageWith("ada");
    const tell = (count: number) => stage.ok("gateway", ada, { type: "signInsFailed", count });
    expect(stage.code("user/bob", ada, { type: "signInsFailed", count: 1 })).to.equal("FORBIDDEN");
    expect(stage.code("gateway", "user/nobody", { type: "signInsFailed", count: 1 })).to.equal("NOT_FOUND");
    const firstAtMs = stage.nowMs;
    tell(10);
    stage.nowMs += 3_600_000;
    tell(30);
    expect(describeAda(stage)).to.deep.include({ signInsFailed: { count: 40, firstAtMs, lastAtMs: stage.nowMs } });
    expect(stage.stream(ada).at(-1)?.event).to.deep.include({ type: "profileSet", view: describeAda(stage) });
    stage.ok(ada, ada, { type: "setProfile", displayName: "Countess" });
    expect(describeAda(stage)).to.have.nested.property("signInsFailed.count", 40);
    stage.nowMs += actorLimits.signInsFailedKeptMs;
    tell(10);
    expect(describeAda(stage)).to.have.nested.property("signInsFailed.count", 10);
  });
});

describe("a user's rooms", () => {
  const list = (stage: Stage) => stage.ok<{ rooms: RoomSummary[]; unreachable: string[] }>(ada, ada, { type: "rooms" });

  it("are listed with what is unread, newest activity first", () => {
    const stage = stageWith("ada", "bob");
    for (const room of ["one", "two", "six"]) stage.ok(ada, `room/${room}`, { type: "create" });
    stage.ok("user/bob", "room/two", { type: "join" });
    stage.nowMs += 5;
    stage.ok("user/bob", "room/two", { type: "post", text: "hi" });
    const { rooms, unreachable } = list(stage);
    expect(rooms.map(({ room, unread }) => [room, unread])).to.deep.equal([
      ["two", 1],
      ["one", 0],
      ["six", 0],
    ]);
    expect(unreachable).to.deep.equal([]);
    expect(list(stageWith("ada"))).to.deep.equal({ rooms: [], unreachable: [] });
  });

  it("that do not answer are named; those that refuse are left out", () => {
    const stage = stageWith("ada");
    for (const room of ["one", "two"]) stage.ok(ada, `room/${room}`, { type: "create" });
    stage.ok("room/gone", ada, { type: "roomJoined", room: "gone" });
    stage.cutOff("room/two");
    const { rooms, unreachable } = list(stage);
    expect([rooms.map(({ room }) => room), unreachable]).to.deep.equal([["one"], ["two"]]);
  });

  it("are asked a bounded number at a time, and all of them", () => {
    const stage = stageWith("ada");
    const count = actorLimits.summaryAsksMax * 2 + 3;
    for (let index = 0; index < count; index += 1) stage.ok(ada, `room/r${index}`, { type: "create" });
    const answer = stage.begin(ada, ada, { type: "rooms" });
    let outstanding = 0;
    while (stage.step()) {
      const round = stage.notesOf<{ round: { asked: string[] } | null }>(ada).round;
      outstanding = Math.max(outstanding, round?.asked.length ?? 0);
    }
    expect(outstanding).to.equal(actorLimits.summaryAsksMax);
    expect(answer()).to.have.nested.property("value.rooms.length", count);
  });

  it("asked for while a list is under way are asked anew, so no answer is older than its question", () => {
    const stage = stageWith("ada");
    stage.ok(ada, "room/one", { type: "create" });
    const answers = [1, 2, 3].map(() => stage.begin(ada, ada, { type: "rooms" }));
    stage.settle();
    for (const answer of answers) expect(answer()).to.have.nested.property("value.rooms.length", 1);
    expect(stage.sent.filter(({ message }) => message.type === "summary")).to.have.length(2);
  });

  it("are refused to the list when too many wait", () => {
    const stage = stageWith("ada");
    stage.ok(ada, "room/one", { type: "create" });
    const answers = Array.from({ length: actorLimits.roomListsWaitingMax + 2 }, () =>
      stage.begin(ada, ada, { type: "rooms" }),
    );
    stage.settle();
    expect(answers.at(-1)?.()).to.have.nested.property("error.code", "OVERLOADED");
    expect(answers.at(-2)?.()).to.have.nested.property("ok", true);
  });

  it("join and leave the list once, however often the room says so", () => {
    const stage = stageWith("ada");
    for (const type of ["roomJoined", "roomJoined", "roomLeft", "roomLeft"])
      stage.ok("room/lobby", ada, { type, room: "lobby" });
    expect(
      stage
        .stream(ada)
        .slice(1)
        .map(({ event }) => event.type),
    ).to.deep.equal(["roomJoined", "roomLeft"]);
  });

  it("that others bring the user into fill no more than half of the list", () => {
    const stage = stageWith("ada", "bob");
    const joined = (room: string, by: string) =>
      stage.code(`room/${room}`, ada, { type: "roomJoined", room, by: `user/${by}` });
    for (let index = 0; index < actorLimits.roomsByInvitationMax; index += 1)
      expect(joined(`r${index}`, "bob")).to.equal("accepted");
    expect(actorLimits.roomsByInvitationMax).to.equal(wireLimits.roomsPerUserMax / 2);
    expect(joined("more", "bob")).to.equal("LIMIT_REACHED");
    expect(joined("own", "ada")).to.equal("accepted");
    expect(stage.stream(ada).at(-1)?.event).to.deep.equal({ type: "roomJoined", room: "own" });
    stage.ok("room/r0", ada, { type: "roomLeft", room: "r0" });
    expect(joined("more", "bob")).to.equal("accepted");
    expect(stage.stream(ada).at(-1)?.event).to.deep.equal({ type: "roomJoined", room: "more", by: "user/bob" });
  });

  it("read on one device are news for the others, which needs no disk", () => {
    const stage = stageWith("ada");
    const written = stage.journalOf(ada).length;
    const read = { type: "roomRead", room: "lobby", seq: 3 };
    stage.ok("room/lobby", ada, read);
    expect(stage.signals(ada)).to.deep.equal([read]);
    expect(stage.journalOf(ada)).to.have.length(written);
    expect(stage.code("room/other", ada, read)).to.equal("FORBIDDEN");
    expect(stage.code(ada, ada, read)).to.equal("FORBIDDEN");
  });
});

describe("a user's agents", () => {
  const create = { type: "createAgent", name: "helper", persona: "kind", model: "m" };

  it("are created and deleted with the agent itself, and answered when it has answered", () => {
    const stage = stageWith("ada");
    expect(stage.ok(ada, ada, create)).to.deep.include({
      agent: "ada.helper",
      owner: "ada",
      persona: "kind",
      model: "m",
    });
    expect(describeAda(stage).agents).to.deep.equal(["ada.helper"]);
    expect(stage.code(ada, ada, create)).to.equal("NAME_TAKEN");
    expect(stage.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" })).to.deep.equal({});
    expect(describeAda(stage).agents).to.deep.equal([]);
    expect(stage.code(ada, "agent/ada.helper", { type: "describe" })).to.equal("NOT_FOUND");
    expect(stage.code(ada, ada, { type: "deleteAgent", agent: "ada.helper" })).to.equal("NOT_FOUND");
    expect(stage.stream(ada).map(({ event }) => event.type)).to.deep.equal([
      "profileSet",
      "agentCreated",
      "agentDeleted",
    ]);
  });

  it("give a repeated command its right answer, although who waited was forgotten", () => {
    const stage = stageWith("ada");
    stage.cutOff("agent/ada.helper");
    const first = stage.begin(ada, ada, create, "op1");
    stage.settle();
    const second = stage.begin(ada, ada, create, "op1");
    stage.settle();
    stage.crash(ada);
    stage.reach("agent/ada.helper");
    stage.pass(60_000);
    expect([first(), second()]).to.deep.equal([undefined, undefined]);
    expect(describeAda(stage).agents).to.deep.equal(["ada.helper"]);
    expect(stage.ok(ada, ada, create, "op1")).to.deep.include({ agent: "ada.helper" });
    expect(stage.code(ada, ada, create)).to.equal("NAME_TAKEN");
  });

  it("answer all who wait for the same creation", () => {
    const stage = stageWith("ada");
    stage.cutOff("agent/ada.helper");
    const answers = [1, 2].map(() => stage.begin(ada, ada, create, "op1"));
    stage.settle();
    stage.reach("agent/ada.helper");
    stage.pass(60_000);
    for (const answer of answers) expect(answer()).to.have.nested.property("value.agent", "ada.helper");
  });

  it("that are deleted give a repeated command its answer, too", () => {
    const stage = stageWith("ada");
    stage.ok(ada, ada, create);
    stage.cutOff("agent/ada.helper");
    const remove = { type: "deleteAgent", agent: "ada.helper" };
    const first = stage.begin(ada, ada, remove, "op2");
    const second = stage.begin(ada, ada, remove, "op2");
    stage.settle();
    expect(stage.code(ada, ada, create)).to.equal("NAME_TAKEN");
    stage.crash(ada);
    stage.reach("agent/ada.helper");
    stage.pass(60_000);
    expect([first(), second()]).to.deep.equal([undefined, undefined]);
    expect(stage.ok(ada, ada, remove, "op2")).to.deep.equal({});
  });

  it("that refuse to be created are not there, and the reason is passed on", () => {
    const stage = stageWith("ada");
    stage.cutOff("agent/ada.helper", "FORBIDDEN");
    expect(stage.code(ada, ada, create)).to.equal("FORBIDDEN");
    stage.reach("agent/ada.helper");
    expect(stage.ok(ada, ada, create)).to.deep.include({ agent: "ada.helper" });
  });

  it("that are created already but cannot be asked now pass the reason on", () => {
    const stage = stageWith("ada");
    const turn = { self: ada, key: "ada", nowMs: 0, from: ada, notes: user.notes?.initial() } as never;
    stage.ok(ada, ada, create, "op1");
    const state = stage.stateOf<UserState>(ada);
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
    const stage = stageWith("ada");
    for (let index = 0; index < wireLimits.agentsPerUserMax; index += 1)
      stage.ok(ada, ada, { type: "createAgent", name: `a${index}` });
    expect(stage.code(ada, ada, create)).to.equal("LIMIT_REACHED");
  });

  it("are refused while too much is undelivered, or too many wait", () => {
    const stage = stageWith("ada");
    const state = stage.stateOf<UserState>(ada);
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
    const stage = new Stage();
    const set = (admin: boolean) => stage.ok("role-manager/cluster", ada, { type: "setAdmin", admin });
    expect(stage.code("role-manager/cluster", ada, { type: "setAdmin", admin: true })).to.equal("NOT_FOUND");
    stage.ok("gateway", ada, { type: "create", passwordHash: "x" });
    expect(describeAda(stage).admin).to.equal(false);
    set(true);
    expect(describeAda(stage).admin).to.equal(true);
    const head = stage.stream(ada).length;
    set(true);
    expect(stage.stream(ada)).to.have.length(head);
    set(false);
    expect(describeAda(stage).admin).to.equal(false);
    expect(stage.stream(ada).at(-1)?.event).to.have.nested.property("view.admin", false);
  });
});

describe("a user's signals", () => {
  it("that mean nothing are ignored", () => {
    const stage = stageWith("ada");
    const state = stage.stateOf<UserState>(ada);
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
