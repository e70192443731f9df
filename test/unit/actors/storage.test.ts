import { expect } from "chai";
import fc from "fast-check";
import { examples } from "../../depth.ts";
import type { KeptFile, OwnFiles, RoomHistory, RoomMessage, StorageHeld } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { AgentState } from "../../../actors/agent/shape.ts";
import type { Room, RoomNotes } from "../../../actors/room/shape.ts";
import { user } from "../../../actors/user/index.ts";
import type { UserState } from "../../../actors/user/state.ts";
import { room as behavior } from "../../../actors/room/index.ts";
import { uploadsAt } from "../../../actors/room/uploads.ts";
import { evolveStorage, noStorage } from "../../../actors/user/storage-state.ts";
import { inLobby, lobby } from "./lobby.ts";
import type { Fixture } from "./fixture.ts";

const rooms = [lobby, "room/den"] as const;
type Place = (typeof rooms)[number];
const people = ["ada", "bob"] as const;
type Person = (typeof people)[number];
const key = "k".repeat(43);
const limit = 100;
const quota = "member.stored.always";

const idIn = (place: Place, of: number): string =>
  `${of.toString(16).padStart(20, "0")}.${place.slice("room/".length)}`;

/** Two rooms of ada and bob. */
function inRooms(): Fixture {
  const fixture = inLobby();
  fixture.ok("user/ada", "room/den", { type: "create", title: "Den" });
  fixture.ok("user/bob", "room/den", { type: "join" });
  return fixture;
}

const held = (fixture: Fixture, who: Person): StorageHeld =>
  fixture.ok<StorageHeld>("gateway", `user/${who}`, { type: "storage" });

/** What the rooms' records and uploads have of somebody: what the count has to be. */
function kept(fixture: Fixture, who: Person): number {
  return rooms.reduce((sum, place) => {
    const uploads = uploadsAt(fixture.stateOf<Room>(place), fixture.nowMs);
    const files = fixture.records(place, "kept/").map(({ value }) => value as KeptFile);
    const mine = [
      ...uploads.filter(({ by }) => by === `user/${who}`),
      ...files.filter(({ author, check }) => author === `user/${who}` && check !== "removed"),
    ];
    return mine.reduce((all, { bytes }) => all + bytes, sum);
  }, 0);
}

/** As a gateway does it: room is kept, then the upload begins. False: it was refused. */
function begin(fixture: Fixture, who: Person, place: Place, of: { readonly id: number; readonly bytes: number }) {
  const id = idIn(place, of.id);
  const reserve = { type: "reserveStorage", id, room: place.slice("room/".length), bytes: of.bytes, limit, quota };
  const reserved = fixture.do("gateway", `user/${who}`, reserve, `reserve ${id}`);
  if (!reserved.ok) return reserved;
  const upload = { type: "upload", id, name: "a", bytes: of.bytes, key, by: `user/${who}` };
  const begun = fixture.do("gateway", place, upload, `upload ${id}`);
  if (!begun.ok && begun.error.outcome !== "unknown") fixture.do("gateway", `user/${who}`, { type: "freeStorage", id });
  return begun;
}

function upload(fixture: Fixture, who: Person, place: Place, of: { readonly id: number; readonly bytes: number }) {
  const begun = begin(fixture, who, place, of);
  if (!begun.ok) return undefined;
  const [id, by] = [idIn(place, of.id), `user/${who}`];
  fixture.do("gateway", place, { type: "uploadTake", id, by, offset: 0 });
  const part = of.id.toString(16).padStart(64, "0");
  fixture.do("gateway", place, { type: "uploadPart", id, by, epoch: 1, index: 0, part, bytes: of.bytes });
  return id;
}

/** What a room has told once comes again, however old it is; `since`: the first of what was sent that may. */
function toldLate(fixture: Fixture, who: Person, which: number, since = 0): void {
  const all = fixture.sent
    .slice(since)
    .filter(({ to, message }) => to === `user/${who}` && message["type"] === "storedIn");
  const one = all[which % Math.max(1, all.length)];
  if (one !== undefined) fixture.do(one.from, one.to, one.message);
}

/** As a node of the version before leaves an account: it did not fold what rooms told. */
function loseStorage(fixture: Fixture, who: Person): void {
  const journal = fixture.journalOf(`user/${who}`) as unknown[];
  const rest = journal.filter((event) => !Object.hasOwn(event as object, "storage"));
  journal.splice(0, journal.length, ...rest);
  fixture.crash(`user/${who}`);
}

/** Longer than the pauses of a reminder that has rung in vain for days. */
const fresh = (fixture: Fixture): void => fixture.pass(30 * 24 * 3_600_000);

describe("what a person keeps in files", () => {
  it("is the sum over all rooms, of uploads and of files of messages, and goes with them", () => {
    const fixture = inRooms();
    const one = upload(fixture, "ada", lobby, { id: 1, bytes: 30 })!;
    expect(held(fixture, "ada")).to.deep.equal({ bytes: 30, rooms: [{ room: "lobby", bytes: 30 }] });
    const { seq } = fixture.ok<RoomMessage>("user/ada", lobby, { type: "post", text: "", files: [one] });
    upload(fixture, "ada", "room/den", { id: 2, bytes: 50 });
    upload(fixture, "bob", "room/den", { id: 3, bytes: 7 });
    expect(held(fixture, "ada")).to.deep.equal({
      bytes: 80,
      rooms: [
        { room: "den", bytes: 50 },
        { room: "lobby", bytes: 30 },
      ],
    });
    expect(held(fixture, "bob").bytes).to.equal(7);
    fixture.ok("user/ada", lobby, { type: "delete", seq });
    expect(held(fixture, "ada").bytes).to.equal(50);
    fixture.ok("user/bob", "room/den", { type: "leave" });
    expect(held(fixture, "bob").bytes).to.equal(0);
  });

  it("is never more than the quota allows, whichever rooms are asked at once, and says what is used", () => {
    const fixture = inRooms();
    const reserve = (of: number, bytes: number, place: Place = lobby) =>
      fixture.begin("gateway", "user/ada", {
        type: "reserveStorage",
        id: idIn(place, of),
        room: "lobby",
        bytes,
        limit,
        quota,
      });
    const answers = [reserve(1, 60), reserve(2, 60, "room/den"), reserve(3, 40), reserve(1, 60)];
    fixture.settle();
    const said = answers.map((answer) => {
      const result = answer()!;
      return result.ok ? "kept" : result.error.code;
    });
    expect(said).to.deep.equal(["kept", "STORAGE_FULL", "kept", "kept"]);
    const refused = fixture.do("gateway", "user/ada", {
      type: "reserveStorage",
      id: idIn(lobby, 9),
      room: "lobby",
      bytes: 1,
      limit,
      quota,
    });
    expect(!refused.ok && refused.error.details).to.deep.equal({ quota, limit, used: 100, bytes: 1 });
    // None of them began: the room is free again.
    fixture.pass(actorLimits.storageReservedMs);
    expect(held(fixture, "ada").bytes).to.equal(0);
  });

  it("goes once with a message that is deleted twice at once, and is told anew when it changes meanwhile", () => {
    const fixture = inRooms();
    const seqs = [1, 2, 3].map((id) => {
      const files = [upload(fixture, "ada", lobby, { id, bytes: 10 * id })!];
      return fixture.ok<RoomMessage>("user/ada", lobby, { type: "post", text: "", files }).seq;
    });
    const remove = (seq = 0) => fixture.begin("user/ada", lobby, { type: "delete", seq });
    remove(seqs[0]);
    remove(seqs[0]);
    fixture.settle();
    expect(held(fixture, "ada").bytes).to.equal(50);
    // The second goes while the account hears of the first.
    fixture.cutOff("user/ada", "ASK_TIMEOUT");
    remove(seqs[1]);
    const isAsked = () => fixture.sent.at(-1)?.message["type"] === "storedIn";
    while (!isAsked() && fixture.step());
    fixture.reach("user/ada");
    remove(seqs[2]);
    fixture.settle();
    fresh(fixture);
    expect(held(fixture, "ada").bytes).to.equal(0);
    expect(fixture.stateOf<Room>(lobby).stored?.untold).to.deep.equal({});
  });

  it("goes with many messages at once in steps that grow with their number, not with its square", () => {
    const stepsOf = (count: number): number => {
      const fixture = inRooms();
      const seqs = Array.from({ length: count }, (_, id) => {
        const files = [upload(fixture, "ada", lobby, { id: id + 1, bytes: 1 })!];
        return fixture.ok<RoomMessage>("user/ada", lobby, { type: "post", text: "", files }).seq;
      });
      fixture.settle();
      for (const seq of seqs) fixture.begin("user/ada", lobby, { type: "delete", seq });
      let steps = 0;
      while (fixture.step()) steps += 1;
      expect(held(fixture, "ada").bytes).to.equal(0);
      return steps;
    };
    expect(stepsOf(64)).to.be.at.most(2.2 * stepsOf(32));
  });

  it("is told again until the account has heard it, and an account that is gone is told no more", () => {
    const fixture = inRooms();
    upload(fixture, "ada", lobby, { id: 1, bytes: 30 });
    fixture.cutOff("user/ada");
    fixture.ok("gateway", lobby, { type: "uploadDrop", id: idIn(lobby, 1), by: "user/ada" });
    fixture.crash(lobby);
    fixture.settle();
    fixture.reach("user/ada");
    fresh(fixture);
    expect(held(fixture, "ada").bytes).to.equal(0);
    expect(fixture.stateOf<Room>(lobby).stored?.untold).to.deep.equal({});
    upload(fixture, "bob", lobby, { id: 2, bytes: 5 });
    fixture.ok("gateway", "user/bob", { type: "beginDeletion", waitMs: 0, byAdmin: true });
    fresh(fixture);
    expect(fixture.stateOf<Room>(lobby).stored?.untold).to.deep.equal({});
  });

  it("loses an upload that was abandoned, when that expires, and one that has expired can be dropped", () => {
    const fixture = inRooms();
    expect(begin(fixture, "ada", lobby, { id: 1, bytes: limit }).ok).to.equal(true);
    expect(begin(fixture, "ada", "room/den", { id: 2, bytes: 1 }).ok).to.equal(false);
    fixture.pass(actorLimits.uploadIdleMs);
    expect(held(fixture, "ada").bytes).to.equal(0);
    expect(begin(fixture, "ada", "room/den", { id: 3, bytes: limit }).ok).to.equal(true);
    fresh(fixture);
    expect(rooms.flatMap((place) => fixture.reminders(place))).not.to.include("uploads");
    begin(fixture, "ada", lobby, { id: 4, bytes: limit });
    // No reminder has rung yet.
    fixture.nowMs += actorLimits.uploadIdleMs;
    fixture.ok("gateway", lobby, { type: "uploadDrop", id: idIn(lobby, 4), by: "user/ada" });
    expect(held(fixture, "ada").bytes).to.equal(0);
  });

  it("of a room that one has left can be seen and deleted by them, and by nobody else", () => {
    const fixture = inRooms();
    const post = (who: Person, id: number): number => {
      const files = [upload(fixture, who, "room/den", { id, bytes: 10 * id })!];
      return fixture.ok<RoomMessage>(`user/${who}`, "room/den", { type: "post", text: "x", files }).seq;
    };
    const [mine, theirs] = [post("bob", 1), post("ada", 2)];
    const other = post("bob", 3);
    const { seq: said } = fixture.ok<RoomMessage>("user/bob", "room/den", { type: "post", text: "evidence" });
    fixture.ok("user/bob", "room/den", { type: "leave" });
    expect(held(fixture, "bob").bytes).to.equal(40);
    const own = () => fixture.ok<OwnFiles>("user/bob", "room/den", { type: "ownFiles" });
    expect(own().files.map(({ seq, bytes }) => `${seq} ${bytes}`)).to.deep.equal([`${other} 30`, `${mine} 10`]);
    const page = fixture.ok<OwnFiles>("user/bob", "room/den", { type: "ownFiles", limit: 1 });
    expect([page.files.map(({ seq }) => seq), page.next]).to.deep.equal([[other], other]);
    expect(fixture.code("user/bob", "room/den", { type: "deleteOwn", seq: theirs })).to.equal("NOT_FOUND");
    expect(fixture.code("user/bob", "room/den", { type: "delete", seq: mine })).to.equal("NOT_A_MEMBER");
    expect(fixture.ok("user/bob", "room/den", { type: "deleteOwn", seq: mine })).to.deep.equal({});
    expect(held(fixture, "bob").bytes).to.equal(30);
    const shown = (seq: number) =>
      fixture
        .ok<RoomHistory>("user/ada", "room/den", { type: "history" })
        .messages.find((message) => message.seq === seq);
    expect(shown(mine), "what was said stays").to.deep.include({ text: "x", author: "user/bob" });
    expect(shown(mine)).not.to.have.any.keys("files", "deletedAtMs");
    for (const seq of [mine, said])
      expect(fixture.code("user/bob", "room/den", { type: "deleteOwn", seq })).to.equal("NOT_FOUND");
    expect(shown(said)?.text).to.equal("evidence");
    expect(fixture.refold("room/den")).to.deep.equal(fixture.stateOf("room/den"));
    expect(own().files.map(({ seq }) => seq)).to.deep.equal([other]);
    fixture.ok("user/bob", "room/den", { type: "deleteOwn", seq: other });
    expect(held(fixture, "bob").bytes).to.equal(0);
    // Now bob is a stranger, as everybody is who keeps nothing there.
    for (const message of [{ type: "ownFiles" }, { type: "deleteOwn", seq: mine }])
      expect(fixture.code("user/bob", "room/den", message)).to.equal("NOT_A_MEMBER");
    expect(held(fixture, "ada").bytes).to.equal(20);
  });

  it("has the pictures and sounds of conversations with agents, each once, and the own picture", () => {
    const fixture = inRooms();
    const agent = "agent/ada.aide";
    fixture.ok("user/ada", agent, { type: "create" });
    const hashOf = (of: number): string => of.toString(16).padStart(64, "0");
    const attach = (of: number, size: number) => {
      const id = `${agent}/${hashOf(of)}`;
      fixture.do("gateway", "user/ada", { type: "reserveStorage", id, room: "ada.aide", bytes: size, limit, quota });
      fixture.ok("gateway", agent, { type: "attach", hash: hashOf(of), size, format: "png", width: 1, height: 1 });
    };
    const bytes = () => held(fixture, "ada").bytes;
    attach(1, 30);
    expect(held(fixture, "ada")).to.deep.equal({ bytes: 30, rooms: [{ room: agent, bytes: 30 }] });
    attach(1, 30);
    expect(bytes(), "the same once more").to.equal(30);
    fixture.ok("user/ada", agent, { type: "say", text: "what is it?", pictures: [{ hash: hashOf(1) }] });
    fixture.answer("a dog");
    expect(bytes()).to.equal(30);
    fixture.cutOff("user/ada");
    fixture.ok("gateway", agent, { type: "attach", hash: hashOf(2), size: 50, format: "png", width: 1, height: 1 });
    fixture.reach("user/ada");
    fresh(fixture);
    expect(bytes()).to.equal(80);
    loseStorage(fixture, "ada");
    expect(bytes()).to.equal(0);
    fixture.ok("node", agent, { type: "tellStored" });
    expect(bytes()).to.equal(80);
    const { stored } = fixture.stateOf<AgentState>(agent);
    expect(stored?.told).to.equal(stored?.version);
    expect(fixture.refold(agent)).to.deep.equal(fixture.stateOf(agent));
    // What an older answer says comes too late.
    const first = fixture.sent.find(({ message }) => message["type"] === "agentStored")!;
    fixture.ok(first.from, first.to, first.message);
    expect(bytes()).to.equal(80);
    expect(fixture.code("agent/bob.aide", "user/ada", first.message)).to.equal("FORBIDDEN");
    fixture.ok("gateway", "user/ada", { type: "setAvatar", hash: hashOf(9), size: 7, format: "png" });
    expect(held(fixture, "ada").rooms.map(({ room }) => room)).to.deep.equal([agent, "user/picture"]);
    fixture.ok("user/ada", agent, { type: "delete" });
    expect(bytes()).to.equal(7);
  });

  it("of an agent is counted anew where a node of a version before has changed it", () => {
    const fixture = inRooms();
    fixture.ok("user/ada", "agent/ada.aide", { type: "create" });
    const picture = { hash: "a".repeat(64), size: 30, format: "png", width: 1, height: 1 };
    fixture.ok("gateway", "agent/ada.aide", { type: "attach", ...picture });
    const journal = fixture.journalOf("agent/ada.aide") as unknown[];
    const before = fixture.refold("agent/ada.aide") as AgentState;
    expect(before.stored?.bytes).to.equal(30);
    // As if nobody had counted: the state of a version before, which has the picture and no count.
    loseStorage(fixture, "ada");
    const told = journal.filter((event) => Object.hasOwn(event as object, "stored"));
    expect(told.length).to.be.above(0);
    journal.splice(0, journal.length, ...journal.filter((event) => !told.includes(event)));
    fixture.crash("agent/ada.aide");
    fixture.settle();
    expect(held(fixture, "ada").bytes).to.equal(30);
  });

  it("of a reservation counts until it is over, for its own place, and as large as it is", () => {
    const fixture = inRooms();
    const reserve = (id: string, bytes: number, room = "den") => {
      const answer = fixture.do("gateway", "user/ada", { type: "reserveStorage", id, room, bytes, limit, quota });
      return answer.ok || answer.error.code;
    };
    const all = [reserve("a", 60), reserve("a", 60), reserve("a", 101), reserve("a", 60, "lobby"), reserve("b", 41)];
    expect(all, "the same again; larger; in another room; beside it").to.deep.equal([true, true, "STORAGE_FULL", true, "STORAGE_FULL"]); // prettier-ignore
    expect([reserve("a", 90), reserve("b", 11), reserve("b", 10)]).to.deep.equal([true, "STORAGE_FULL", true]);
    fixture.pass(actorLimits.storageReservedMs);
    expect([reserve("c", 100), reserve("a", 90)], "it was over").to.deep.equal([true, "STORAGE_FULL"]);
  });

  it("of the next own picture counts what it has more than the one that it replaces", () => {
    const fixture = inRooms();
    const reserve = (id: string, bytes: number) => {
      const message = { type: "reserveStorage", id, room: "picture", bytes, limit, quota };
      const answer = fixture.do("gateway", "user/ada", message);
      return answer.ok || answer.error.code;
    };
    const set = (size: number) =>
      fixture.ok("gateway", "user/ada", { type: "setAvatar", hash: size.toString(16).padStart(64, "0"), size, format: "png" }); // prettier-ignore
    set(60);
    expect([reserve("user/picture/a", 101), reserve("user/picture/b", 80)]).to.deep.equal(["STORAGE_FULL", true]);
    expect(held(fixture, "ada").bytes).to.equal(80);
    expect(reserve("0.den", 21)).to.equal("STORAGE_FULL");
    set(10);
    expect(held(fixture, "ada").bytes, "the other one may still come").to.equal(80);
    set(80);
    expect(held(fixture, "ada").bytes).to.equal(80);
    fixture.ok("gateway", "user/ada", { type: "freeStorage", id: "user/picture/b" });
    expect(held(fixture, "ada").bytes).to.equal(80);
  });

  it("has no reservation any more once its room has told, also of uploads that are files by then", () => {
    const fixture = inRooms();
    const agent = "agent/ada.aide";
    fixture.ok("user/ada", agent, { type: "create" });
    fixture.settle();
    // Reserved, and then what the room tells gets no answer, until the upload is a file.
    const message = { type: "reserveStorage", id: idIn(lobby, 1), room: "lobby", bytes: 30, limit, quota };
    fixture.ok("gateway", "user/ada", message);
    const hash = "a".repeat(64);
    const picture = { ...message, id: `${agent}/${hash}`, room: "ada.aide" };
    fixture.ok("gateway", "user/ada", picture);
    fixture.cutOff("user/ada");
    const upload = { type: "upload", id: message.id, name: "a", bytes: 30, key, by: "user/ada" };
    fixture.ok("gateway", lobby, upload);
    fixture.ok("gateway", lobby, { type: "uploadTake", id: message.id, by: "user/ada", offset: 0 });
    const part = { part: "1".repeat(64), bytes: 30 };
    fixture.ok("gateway", lobby, { type: "uploadPart", id: message.id, by: "user/ada", epoch: 1, index: 0, ...part });
    fixture.ok("user/ada", lobby, { type: "post", text: "", files: [message.id] });
    fixture.ok("gateway", agent, { type: "attach", hash, size: 30, format: "png", width: 1, height: 1 });
    fixture.ok("user/ada", agent, { type: "say", text: "what is it?", pictures: [{ hash }] });
    fixture.crash(lobby);
    fixture.reach("user/ada");
    fixture.pass(10 * 60_000);
    expect(fixture.stateOf<Room>(lobby).stored?.untold).to.deep.equal({});
    expect(held(fixture, "ada").bytes).to.equal(60);
    expect(fixture.stateOf<Room>(lobby).stored).not.to.have.property("ended");
    expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf(lobby));
  });

  it("of places that are known takes more where no new one is taken: rooms, conversations and the own picture", () => {
    const fixture = inRooms();
    fixture.ok("gateway", "user/ada", { type: "storage" });
    const state = fixture.stateOf<UserState>("user/ada");
    const places = Object.fromEntries(
      Array.from({ length: actorLimits.storagePlacesMax }, (_, at) => [
        at === 0 ? "agent/ada.aide" : `r${at}`,
        { bytes: 1, version: 1 },
      ]),
    );
    const full: UserState = { ...state, account: { ...state.account!, stored: { places, reserved: [] } } };
    const turn = { self: "user/ada", key: "ada", nowMs: 0, from: "gateway", notes: {} } as const;
    const isKept = (id: string, room: string): boolean => {
      const message = { type: "reserveStorage", id, room, bytes: 1, limit: 9_999, quota } as const;
      return user.decide(full, message, turn as never).some(({ type }) => type === "persist");
    };
    const hash = "a".repeat(64);
    const known = [isKept(`agent/ada.aide/${hash}`, "ada.aide"), isKept(`user/picture/${hash}`, "picture")];
    expect([...known, isKept("0.r1", "r1")]).to.deep.equal([true, true, true]);
    expect([isKept(`agent/ada.more/${hash}`, "ada.more"), isKept("0.new", "new")]).to.deep.equal([false, false]);
  });

  it("of more rooms than an account knows leaves out the one with least", () => {
    const all = Array.from({ length: actorLimits.storagePlacesMax + 3 }, (_, at) => at);
    const known = all.reduce(
      (before, at) =>
        evolveStorage(before, { is: "in", room: `r${at}`, bytes: at === 5 ? 0 : at + 1, version: 1, began: [] }),
      noStorage,
    );
    expect(Object.keys(known.places)).to.have.length(actorLimits.storagePlacesMax);
    expect(Object.keys(known.places)).to.include(`r${all.length - 1}`);
    expect(["r0", "r1", "r5"].filter((room) => known.places[room] !== undefined)).to.deep.equal([]);
  });

  it("keeps what is newest of a room, also where nothing is kept and nothing was known", () => {
    const fixture = inRooms();
    const tell = (version: number, bytes: number) =>
      fixture.ok("room/den", "user/bob", { type: "storedIn", room: "den", bytes, version, began: [] });
    tell(2, 0);
    tell(1, 100);
    expect(held(fixture, "bob").bytes).to.equal(0);
  });

  it("is told in turn: people out of reach keep nobody from being told", () => {
    const state = inRooms().stateOf<Room>(lobby);
    const people = Array.from({ length: 150 }, (_, at) => `user/p${String(at).padStart(3, "0")}`);
    const untold = Object.fromEntries(people.map((who) => [who, 1]));
    const full: Room = { ...state, stored: { counts: {}, head: state.head, version: 1, untold } };
    const told = new Set<string>();
    let notes: RoomNotes = { progress: {} };
    for (let times = 0; times < 3; times += 1) {
      const turn = { self: lobby, key: "lobby", nowMs: 0, from: "node", notes } as const;
      const effects = behavior.decide(full, { type: "reminded", id: "stored", dueMs: 0 }, turn);
      const asked = effects.flatMap((effect) => (effect.type === "ask" ? [effect.to] : []));
      expect(asked.length).to.be.at.most(actorLimits.storedToldAtOnce);
      for (const who of asked) told.add(who);
      for (const effect of effects) if (effect.type === "note") notes = { ...notes, ...effect.note };
    }
    expect([...told].toSorted()).to.deep.equal(people);
  });

  it("is told again to an account that does not know the message yet", () => {
    const fixture = inRooms();
    fixture.cutOff("user/ada", "BAD_REQUEST");
    fixture.ok("gateway", lobby, { type: "upload", id: idIn(lobby, 1), name: "a", bytes: 9, key, by: "user/ada" });
    expect(Object.keys(fixture.stateOf<Room>(lobby).stored?.untold ?? {})).to.deep.equal(["user/ada"]);
    fixture.reach("user/ada");
    fixture.pass(60_000);
    expect(held(fixture, "ada").bytes).to.equal(9);
  });

  it("is counted anew where a node of a version before has owned the room", () => {
    const fixture = inRooms();
    const id = upload(fixture, "ada", lobby, { id: 1, bytes: 30 })!;
    fixture.ok("user/ada", lobby, { type: "post", text: "", files: [id] });
    const state = fixture.stateOf<Room>(lobby);
    const { stored: _unknown, ...older } = state;
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "node", notes: { progress: {} } } as const;
    for (const one of [older as Room, { ...state, head: state.head + 1 }]) {
      const effects = behavior.recover?.(one, turn) ?? [];
      const read = effects.find(
        (effect) => effect.type === "read" && (effect.tag as { type: string }).type === "storedPage",
      );
      if (read?.type !== "read") throw new Error("it does not count");
      const records = fixture.records(lobby, "kept/");
      const [counted] = behavior.decide(one, { type: "records", tag: read.tag, records }, turn);
      if (counted?.type !== "persist") throw new Error("it did not count");
      const after = behavior.evolve(one, counted.event)!;
      expect(after.stored).to.deep.include({ counts: { "user/ada": 30 }, head: one.head });
      expect(Object.keys(after.stored!.untold)).to.deep.equal(["user/ada"]);
      // A file that came or went meanwhile has it begin again.
      const again = behavior.decide(
        one,
        { type: "records", tag: read.tag, records },
        { ...turn, notes: { progress: {}, filings: 1 } },
      );
      expect(again.map(({ type }) => type)).to.deep.equal(["read"]);
    }
    const again = behavior.recover?.(state, turn) ?? [];
    expect(again.filter(({ type }) => type === "read")).to.deep.equal([]);
  });

  it("is counted anew where a node of a version before has begun or dropped uploads", () => {
    const fixture = inRooms();
    upload(fixture, "ada", lobby, { id: 1, bytes: 30 });
    const state = fixture.stateOf<Room>(lobby);
    const [one] = state.uploads!;
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "node", notes: { progress: {} } } as const;
    const tellsAfter = (room: Room): readonly string[] => {
      const reads = (behavior.recover?.(room, turn) ?? []).filter(({ type }) => type === "read");
      const [read] = reads;
      if (read?.type !== "read") return [];
      const [counted] = behavior.decide(room, { type: "records", tag: read.tag, records: [] }, turn);
      if (counted?.type !== "persist") throw new Error("it did not count");
      const after = behavior.evolve(room, counted.event)!;
      expect((behavior.recover?.(after, turn) ?? []).filter(({ type }) => type === "read")).to.deep.equal([]);
      return Object.keys(after.stored!.untold);
    };
    expect(tellsAfter(state)).to.deep.equal([]);
    expect(tellsAfter({ ...state, uploads: [] })).to.deep.equal(["user/ada"]);
    const begun: Room = { ...state, uploads: [one!, { ...one!, id: idIn(lobby, 9), by: "user/bob" }] };
    expect(tellsAfter(begun)).to.have.members(["user/ada", "user/bob"]);
  });

  it("is what the rooms hold, over random histories with repetitions, crashes and silence", () => {
    const who = fc.constantFrom(...people);
    const place = fc.constantFrom<Place>(...rooms);
    const which = fc.nat(9);
    const is = <Type extends string>(type: Type) => fc.constant<Type>(type);
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ type: is("upload"), who, place, bytes: fc.nat(30) }) },
      { weight: 3, arbitrary: fc.record({ type: is("post"), who, place }) },
      { weight: 3, arbitrary: fc.record({ type: is("delete"), who, place, which }) },
      { weight: 2, arbitrary: fc.record({ type: is("deleteTwice"), who, place, which }) },
      { weight: 2, arbitrary: fc.record({ type: is("crashWithin"), who, place, which, after: fc.nat(12) }) },
      fc.record({ type: is("edit"), who, place, which }),
      fc.record({ type: is("drop"), who, place, which }),
      fc.record({ type: is("again"), who, place, which }),
      { weight: 2, arbitrary: fc.record({ type: is("toldLate"), who, which: fc.nat(40) }) },
      fc.record({ type: is("lost"), who }),
      fc.record({ type: fc.constantFrom("leave" as const, "join" as const), place }),
      fc.record({ type: fc.constantFrom("cut" as const, "reach" as const, "crashPerson" as const), who }),
      fc.record({ type: is("crash"), place }),
      fc.record({ type: fc.constantFrom("wait" as const, "day" as const) }),
    ); // prettier-ignore
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const fixture = inRooms();
        const begun = new Map<string, { readonly id: number; readonly bytes: number }[]>();
        const ready = new Map<string, string[]>();
        const posted: { readonly who: Person; readonly place: Place; readonly seq: number }[] = [];
        const cut = new Set<Person>();
        let next = 0;
        let lostAt = 0;
        const pick = (by: Person, at: Place, nth: number) => {
          const mine = posted.filter((one) => one.who === by && one.place === at);
          return mine[nth % Math.max(1, mine.length)];
        };
        for (const one of steps) {
          const at = "who" in one && "place" in one ? `${one.who} ${one.place}` : "";
          switch (one.type) {
            case "upload": {
              const of = { id: (next += 1), bytes: one.bytes };
              const before = cut.has(one.who) ? 0 : held(fixture, one.who).bytes;
              const id = upload(fixture, one.who, one.place, of);
              if (id === undefined) break;
              // An account that has lost what it heard knows less until it is told again.
              if (lostAt === 0) expect(before + of.bytes, "beyond the quota").to.be.at.most(limit);
              begun.set(at, [...(begun.get(at) ?? []), of]);
              ready.set(at, [...(ready.get(at) ?? []), id]);
              break;
            }
            case "post": {
              const files = (ready.get(at) ?? []).slice(0, 2);
              if (files.length === 0) break;
              const answer = fixture.do(`user/${one.who}`, one.place, { type: "post", text: "x", files });
              ready.set(at, (ready.get(at) ?? []).slice(files.length));
              if (answer.ok) posted.push({ ...one, seq: (answer.value as { seq: number }).seq });
              break;
            }
            case "delete":
            case "deleteTwice":
            case "crashWithin": {
              const message = pick(one.who, one.place, one.which);
              if (message === undefined) break;
              const remove = (seq: number) => fixture.begin(`user/${one.who}`, one.place, { type: "delete", seq });
              remove(message.seq);
              if (one.type === "deleteTwice") {
                remove(message.seq);
                remove(pick(one.who, one.place, one.which + 1)?.seq ?? message.seq);
              }
              if (one.type === "crashWithin") {
                for (let steps = 0; steps < one.after; steps += 1) fixture.step();
                fixture.crash(one.place);
              }
              fixture.settle();
              break;
            }
            case "edit": {
              const message = pick(one.who, one.place, one.which);
              if (message !== undefined)
                fixture.do(`user/${one.who}`, one.place, { type: "edit", seq: message.seq, text: "y" });
              break;
            }
            case "drop":
            case "again": {
              const mine = begun.get(at) ?? [];
              const of = mine[one.which % Math.max(1, mine.length)];
              if (of === undefined) break;
              const id = idIn(one.place, of.id);
              if (one.type === "again") begin(fixture, one.who, one.place, of);
              else fixture.do("gateway", one.place, { type: "uploadDrop", id, by: `user/${one.who}` });
              break;
            }
            case "toldLate":
              toldLate(fixture, one.who, one.which, lostAt);
              break;
            case "lost":
              loseStorage(fixture, one.who);
              // What was under way when an account was lost has ended long before it comes back.
              lostAt = fixture.sent.length;
              break;
            case "leave":
            case "join":
              fixture.do("user/bob", one.place, { type: one.type });
              break;
            case "cut":
              cut.add(one.who);
              fixture.cutOff(`user/${one.who}`);
              break;
            case "reach":
              cut.delete(one.who);
              fixture.reach(`user/${one.who}`);
              break;
            case "crashPerson":
              fixture.crash(`user/${one.who}`);
              break;
            case "crash":
              fixture.crash(one.place);
              break;
            default:
              fixture.pass(one.type === "day" ? actorLimits.uploadIdleMs : 5_000);
          }
        }
        for (const one of people) fixture.reach(`user/${one}`);
        for (const at of rooms) fixture.ok("node", at, { type: "tellStored" });
        fresh(fixture);
        for (const one of people) expect(held(fixture, one).bytes, one).to.equal(kept(fixture, one));
        for (const at of rooms) {
          expect(fixture.stateOf<Room>(at).stored?.untold, at).to.deep.equal({});
          expect(fixture.refold(at), at).to.deep.equal(fixture.stateOf(at));
        }
      }),
      { numRuns: examples(300), seed: 257 },
    );
  });
});
