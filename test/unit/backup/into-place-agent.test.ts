import { expect } from "chai";
import fc from "fast-check";
import { settingsOf } from "../../../actors/index.ts";
import { openRepository, runBackup, type PlaceTarget } from "../../../node/backup/index.ts";
import { recallIntoPlace, withdrawRecall } from "../../../node/backup/recall/into-place.ts";
import { type PlaceRequest } from "../../../node/backup/recall/place.ts"; // prettier-ignore
import { failure, failureOf, ok, PlexusError, refused, type ActorId, type AgentEvent, type AgentPictures, type AgentState, type ConversationTurn } from "../../../protocols/index.ts"; // prettier-ignore
import { emptyAgent, foldAgent } from "../../../web/src/model/agent.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import { depth } from "../../depth.ts";
import { fixtureWith, type Fixture } from "../actors/fixture.ts";
import { Actors, backupsOf, smallLimits } from "./world.ts";

const helper = "agent/ada.helper" as ActorId;
const owner = "user/ada";
const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };
const options = { signal: idle.signal, progress: () => undefined, wait: async () => undefined };
const wishOf = (more: Partial<PlaceRequest> = {}): PlaceRequest => ({ recall: "recall0001", query: { person: owner }, existing: "skip", deleted: true, remake: false, dryRun: false, ...more }); // prettier-ignore

/** A conversation of ada with an agent, and backups of it. */
class World {
  readonly fixture: Fixture = fixtureWith("ada");
  readonly backups = backupsOf({ ...smallLimits, placeStretch: 5, placeBatch: 3 });
  /** Bytes of pictures; and the names of those that a recall has stored for the agent. */
  readonly files = new Map<string, Uint8Array>();
  readonly stored = new Set<string>();
  asksLeft = Infinity;

  constructor() {
    this.fixture.ok(owner, owner, { type: "createAgent", name: "helper", persona: "Be brief." });
  }

  say(text: string): void {
    this.fixture.pass(1_000);
    this.fixture.ok(owner, helper, { type: "say", text });
    this.fixture.answer(`to ${text}`);
  }

  /** With a picture, which is no other. */
  show(text: string): string {
    const bytes = Buffer.from(`the bytes of ${text}`.padEnd(700, "."));
    const hash = hashOf(bytes);
    this.files.set(hash, bytes);
    const facts = { hash, size: bytes.length, format: "png", width: 3, height: 5 };
    this.fixture.ok("gateway", helper, { type: "attach", ...facts });
    this.fixture.ok(owner, helper, { type: "say", text, pictures: [{ hash, text: "a cat" }] });
    this.fixture.answer(`to ${text}`);
    return hash;
  }

  kept = (): readonly string[] => this.fixture.ok<AgentPictures>("node", helper, { type: "pictures" }).hashes;

  turns(): readonly ConversationTurn[] {
    return this.fixture.records(helper, "turn/").map(({ value }) => value as ConversationTurn);
  }

  async backUp(more: Partial<ConversationTurn> = {}): Promise<readonly ConversationTurn[]> {
    const source = new Actors();
    const rows = this.fixture
      .records(helper, "turn/")
      .map(({ key, value }) => [key, { ...(value as object), ...more }] as const);
    source.change(helper, Object.fromEntries(rows));
    for (const [hash, bytes] of this.files) source.files.set(hash, bytes);
    source.refer(helper, ...this.kept());
    await runBackup(this.backups.ports, this.backups.repository, source, idle);
    return this.turns();
  }

  readonly target: PlaceTarget = {
    ask: async (to, message, operation) => {
      this.asksLeft -= 1;
      const answer = this.fixture.do("node", to, message, operation);
      if (this.asksLeft < 0) throw new PlexusError(failure("STOPPING"));
      return answer;
    },
    file: async (to, hash, bytes, message) => {
      this.asksLeft -= 1;
      if (hashOf(bytes) !== hash) return refused(failure("BACKUP_DAMAGED"));
      this.stored.add(hash);
      const answer = this.fixture.do("node", to, message);
      if (this.asksLeft < 0) throw new PlexusError(failure("STOPPING"));
      return answer;
    },
    remake: async () => {
      this.fixture.ok(owner, owner, { type: "createAgent", name: "helper", persona: "as it was" });
      return ok(null);
    },
  };

  place = (wish: PlaceRequest) =>
    recallIntoPlace(this.backups.ports, openRepository(this.backups.ports), wish, this.target, options);
  withdraw = (wish: PlaceRequest) =>
    withdrawRecall(this.backups.ports, openRepository(this.backups.ports), wish, this.target, options);

  /** What a page that has followed from the beginning shows. */
  followed(): readonly ConversationTurn[] {
    const events = this.fixture.stream(helper);
    expect(events.map(({ at }) => at)).to.deep.equal(events.map((_, index) => index + 1));
    const fresh = { ...this.fixture.ok<AgentState>(owner, helper, { type: "describe" }), conversation: [], turns: 0 };
    let agent = foldAgent(emptyAgent, { type: "state", state: fresh });
    for (const { event } of events) agent = foldAgent(agent, { type: "event", event: event as unknown as AgentEvent });
    return agent.turns;
  }
}

const said = ({ role, text, model }: ConversationTurn) => ({ role, text, model });

describe("a recall into a conversation with an agent", () => {
  it("brings turns without their files where a node of the version before has the agent", async () => {
    const world = new World();
    world.say("before");
    await world.backUp({ files: [{ id: "0123456789abcdef.own.ada", name: "a.txt", bytes: 1, type: "text/plain" }] });
    world.fixture.ok(owner, helper, { type: "clear" });
    const ask = world.target.ask.bind(world.target);
    const refusals: string[] = [];
    const older: PlaceTarget = {
      ...world.target,
      async ask(to, message, operation) {
        const { turns = [] } = message as { turns?: readonly ConversationTurn[] };
        if (!turns.some(({ files }) => files !== undefined)) return ask(to, message, operation);
        refusals.push(message.type);
        return refused(failure("BAD_REQUEST"));
      },
    };
    const { ports } = world.backups;
    const report = await recallIntoPlace(ports, openRepository(ports), wishOf(), older, options);
    expect([refusals, report.failed.total, report.restored]).to.deep.equal([["restore"], 0, 2]);
    expect(world.turns().map(({ text, files }) => [text, files])).to.deep.equal([
      ["before", undefined],
      ["to before", undefined],
    ]);
  });

  it("brings each turn once and in order, wherever it is broken off, and is taken back as one", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        fc.nat(3),
        fc.array(fc.record({ asks: fc.nat(6), crash: fc.boolean() }), { maxLength: 3 }),
        async (count, cleared, later, cuts) => {
          const world = new World();
          for (let n = 0; n < count; n += 1) world.say(`before ${n}`);
          const then = await world.backUp();
          if (cleared) world.fixture.ok(owner, helper, { type: "clear" });
          for (let n = 0; n < later; n += 1) world.say(`after ${n}`);
          const lived = world.turns();
          const wish = wishOf(cleared ? {} : { existing: "again" });
          expect((await world.place({ ...wish, dryRun: true })).restored).to.equal(then.length);
          expect((await world.place(wishOf({ deleted: false, dryRun: true }))).restored).to.equal(0);
          expect(world.turns()).to.deep.equal(lived);
          const answers = world.fixture.generations.length;
          for (const { asks, crash } of cuts) {
            world.asksLeft = asks;
            await world.place(wish).catch((error: unknown) => expect(failureOf(error).code).to.equal("STOPPING"));
            if (crash) world.fixture.crash(helper);
          }
          world.asksLeft = Infinity;
          const report = await world.place(wish);
          expect([report.failed.total, report.lost.total, report.threads]).to.deep.equal([0, 0, 1]);
          const back = world.turns().slice(lived.length);
          expect(back.map(said)).to.deep.equal(then.map(said));
          expect(back.map(({ restored }) => [restored?.seq, restored?.atMs])).to.deep.equal(
            then.map(({ turn, atMs }) => [turn, atMs]),
          );
          expect(world.turns().slice(0, lived.length)).to.deep.equal(lived);
          expect(world.followed()).to.deep.equal(world.turns());
          const again = await world.place(wish);
          expect([again.restored, again.found.done]).to.deep.equal([0, then.length]);
          // A question that was under way meanwhile, and comes late.
          const twice = { type: "restore", recall: wish.recall, snapshot: 1, backupAtMs: 1, turns: then.slice(-1) };
          expect(world.fixture.ok("node", helper, twice)).to.deep.equal({ restored: [] });
          // Nothing is answered anew, and whoever goes on speaks behind it.
          expect(world.fixture.generations).to.have.length(answers);
          world.say("now");
          expect(world.turns().at(-1)?.turn).to.be.above(back.at(-1)?.turn ?? 0);
          expect(world.fixture.refold(helper)).to.deep.equal(world.fixture.stateOf(helper));
          // Under another name it is there already.
          expect((await world.place({ ...wish, existing: "skip", recall: "recall0002" })).restored).to.equal(0);
          expect((await world.withdraw(wish)).removed).to.equal(then.length);
          expect((await world.withdraw(wish)).removed).to.equal(0);
          expect(world.turns().some(({ restored }) => restored !== undefined)).to.equal(false);
          expect(world.followed()).to.deep.equal(world.turns());
          const { events } = world.fixture.ok<{ events: { event: AgentEvent }[] }>(owner, helper, {
            type: "resume",
            after: world.fixture.stateOf<{ eventFloor: number }>(helper).eventFloor,
          });
          for (const { event } of events) if (event.type === "restored") expect(event.turns).to.deep.equal([]);
          const late = {
            type: "restore",
            recall: wish.recall,
            snapshot: 1,
            backupAtMs: 1,
            turns: [{ ...then[0], turn: 999 }],
          };
          expect(world.fixture.code("node", helper, late)).to.equal("BAD_REQUEST");
        },
      ),
      { numRuns: depth(15, 400) },
    );
  });

  it("finds the agent gone: it is made anew where that is asked for, and what it forgets then is gone for good", async () => {
    const world = new World();
    for (let n = 0; n < 4; n += 1) world.say(`before ${n}`);
    expect(settingsOf(world.fixture.stateOf(helper))?.persona).to.equal("Be brief.");
    await world.backUp();
    world.fixture.ok(owner, owner, { type: "deleteAgent", agent: "ada.helper" });
    expect(settingsOf(world.fixture.stateOf(helper))).to.equal(undefined);
    const refused = await world.place(wishOf());
    expect(refused.failed.named.map(({ thread, error }) => [thread, error.code])).to.deep.equal([
      [helper, "NOT_FOUND"],
    ]);
    expect(await world.place(wishOf({ remake: true, dryRun: true }))).to.include({ remade: 1, restored: 8 });
    expect(await world.place(wishOf({ remake: true }))).to.include({ remade: 1, restored: 8 });
    expect(world.turns()).to.have.length(8);
    world.fixture.ok(owner, helper, { type: "clear" });
    expect(world.turns()).to.deep.equal([]);
    expect(world.fixture.records(helper, "").some(({ value }) => JSON.stringify(value).includes("before"))).to.equal(
      false,
    );
    for (const from of [owner, "gateway", "room/lobby"] as const)
      expect(world.fixture.code(from, helper, { type: "entries", from: 1, limit: 1 })).to.equal("FORBIDDEN");
  });

  it("brings its pictures, the newest first, as many as the agent has room for, and takes them back", async () => {
    const { agentPicturesMax: max } = actorLimits;
    const world = new World();
    const shown = Array.from({ length: 5 }, (_, n) => world.show(`before ${n}`));
    await world.backUp();
    world.fixture.ok(owner, helper, { type: "clear" });
    expect(world.kept()).to.deep.equal([]);
    const wish = wishOf();
    expect(await world.place({ ...wish, dryRun: true })).to.include({ restored: 10, files: 0 });
    // It ends behind the turns, before all of their pictures are there; whoever goes on brings the others.
    world.asksLeft = 9;
    await world.place(wish).catch((error: unknown) => expect(failureOf(error).code).to.equal("STOPPING"));
    expect(world.kept().length).to.be.within(1, 4);
    world.asksLeft = Infinity;
    expect((await world.place(wish)).failed.total).to.equal(0);
    expect(world.kept().toSorted()).to.deep.equal(shown.toSorted());
    for (const hash of shown)
      expect(world.fixture.ok(owner, helper, { type: "picture", hash }))
        .to.include({ hash, size: 700 })
        .and.not.have.property("recall");
    expect((await world.place(wish)).files).to.equal(0);
    expect(world.fixture.refold(helper)).to.deep.equal(world.fixture.stateOf(helper));
    // One is shown anew: it is no longer the recall's.
    const [first = ""] = shown;
    world.fixture.ok(owner, helper, { type: "say", text: "again", pictures: [{ hash: first }] });
    world.fixture.answer("yes");
    expect(world.turns().at(-2)?.pictures).to.deep.equal([
      { hash: first, size: 700, format: "png", width: 3, height: 5, text: "" },
    ]);
    await world.withdraw(wish);
    expect(world.kept()).to.deep.equal([first]);
    const late = { type: "attach", hash: shown[1], size: 700, format: "png", width: 3, height: 5, recall: wish.recall };
    expect(world.fixture.code("node", helper, late)).to.equal("BAD_REQUEST");

    // What is shown now stays; what comes back has the places that are left.
    const lived = Array.from({ length: max - 3 }, (_, n) => world.show(`after ${n}`));
    const next = await world.place(wishOf({ recall: "recall0002" }));
    expect([next.restored, next.files, next.failed.total]).to.deep.equal([10, 2, 0]);
    expect(world.kept().toSorted()).to.deep.equal([first, ...lived, ...shown.slice(-2)].toSorted());
    expect(world.fixture.code("node", helper, { ...late, recall: "recall0002" })).to.equal("LIMIT_REACHED");
    world.show("the newest");
    expect(world.kept()).to.include.members(lived).and.not.include(shown[3]);
  });

  it("names a picture that cannot be read, and brings the others", async () => {
    const world = new World();
    const one = world.show("one");
    const other = world.show("other");
    world.files.set(one, Buffer.from("other bytes"));
    await world.backUp();
    world.fixture.ok(owner, helper, { type: "clear" });
    const report = await world.place(wishOf());
    expect([report.restored, report.files, report.failed.total]).to.deep.equal([4, 1, 0]);
    expect(report.lost.named.map(({ type, error }) => [type, error.code])).to.deep.equal([[".blob", "BACKUP_DAMAGED"]]);
    expect(world.kept()).to.deep.equal([other]);
  });

  it("brings turns with the branches that they had", async () => {
    const world = new World();
    world.say("one");
    world.say("two");
    world.fixture.ok(owner, helper, { type: "say", text: "two, better", parent: 2 });
    world.fixture.answer("to better");
    world.fixture.ok(owner, helper, { type: "regenerate" });
    world.fixture.answer("to best");
    await world.backUp();
    world.fixture.ok(owner, helper, { type: "clear" });
    world.say("now");
    await world.place(wishOf());
    const path = (of: number) =>
      world.fixture
        .ok<{ turns: ConversationTurn[] }>(owner, helper, { type: "history", of })
        .turns.map(({ text }) => text);
    const numbered = new Map(world.turns().map(({ text, turn }) => [text, turn]));
    const at = (text: string): readonly string[] => path(numbered.get(text) ?? 0);
    const before = ["now", "to now", "one", "to one"];
    expect(at("to two")).to.deep.equal([...before, "two", "to two"]);
    expect(at("to better")).to.deep.equal([...before, "two, better", "to better"]);
    expect(at("to best")).to.deep.equal([...before, "two, better", "to best"]);
  });
});
