import { expect } from "chai";
import fc from "fast-check";
import { openRepository, recall, runBackup, type PlaceTarget, type RecallQuery } from "../../../node/backup/index.ts";
import { comesBack, verdictOf } from "../../../node/backup/recall/conflicts.ts";
import { recallIntoPlace, withdrawRecall, type PlaceReport } from "../../../node/backup/recall/into-place.ts";
import { type PlaceMark, type PlaceRequest } from "../../../node/backup/recall/place.ts"; // prettier-ignore
import { failure, failureOf, PlexusError, refused, type ActorId, type RoomEvent, type RoomMessage, type RoomState, type RoomSummary } from "../../../protocols/index.ts"; // prettier-ignore
import { decodeRows } from "../../../runtimes/backup/index.ts";
import { emptyRoom, foldRoom } from "../../../web/src/model/room.ts";
import { depth } from "../../depth.ts";
import { type Fixture, fixtureWith } from "../actors/fixture.ts";
import { Actors, backupsOf, smallLimits } from "./world.ts";

const lobby = "room/lobby" as ActorId;
const people = ["ada", "bob", "cleo"];
const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };
const limits = { ...smallLimits, placeStretch: 5, placeBatch: 3, placeBatchChars: 60, placeRootsKept: 2 };
const wishOf = (more: Partial<PlaceRequest> = {}): PlaceRequest => ({
  recall: "recall0001",
  query: { thread: lobby },
  existing: "skip",
  deleted: false,
  remake: false,
  dryRun: false,
  ...more,
});

/** A room with people in it, and backups of it. */
class World {
  readonly fixture: Fixture;
  readonly backups = backupsOf(limits);
  waitedMs = 0;
  /** What the room may be asked until the process that asks is gone; then also how: before the room hears of it, or
   *  behind its answer. */
  asksLeft = Infinity;
  heardLast = false;

  constructor() {
    this.fixture = fixtureWith(...people);
    this.fixture.ok("user/ada", lobby, { type: "create" });
    for (const name of people.slice(1)) this.fixture.ok(`user/${name}`, lobby, { type: "join" });
  }

  post(from: string, text: string, replyTo?: number): number {
    const message = { type: "post", text, ...(replyTo !== undefined && { replyTo }) };
    return this.fixture.ok<{ seq: number }>(`user/${from}`, lobby, message).seq;
  }

  /** Every message, as the records have it. */
  messages(): readonly RoomMessage[] {
    return this.fixture.records(lobby, "message/").map(({ value }) => value as RoomMessage);
  }

  /** Those that are shown in the room, and not in a thread alone. */
  inRoom(): readonly RoomMessage[] {
    return this.messages().filter(({ threadOnly }) => threadOnly !== true);
  }

  restored(): readonly RoomMessage[] {
    return this.messages().filter(({ restored }) => restored !== undefined);
  }

  async backUp(): Promise<readonly RoomMessage[]> {
    const source = new Actors();
    const messages = this.messages();
    const key = ({ seq }: RoomMessage): string => `message/${String(seq).padStart(16, "0")}`;
    source.change(lobby, Object.fromEntries(messages.map((message) => [key(message), message])));
    await runBackup(this.backups.ports, this.backups.repository, source, idle);
    return messages;
  }

  readonly target: PlaceTarget = {
    ask: async (to, message, operation) => {
      this.asksLeft -= 1;
      const dies = this.asksLeft < 0;
      if (dies && !this.heardLast) throw new PlexusError(failure("STOPPING"));
      const answer = this.fixture.do("node", to, message, operation);
      if (dies) throw new PlexusError(failure("STOPPING"));
      return answer;
    },
    file: async () => refused(failure("NOT_FOUND")),
    remake: async () => this.fixture.do("node", lobby, { type: "remake", title: "Lobby", topic: "", visibility: "public", createdAtMs: 1, members: { "user/ada": "owner", "user/bob": "member" } }), // prettier-ignore
  };

  readonly options = {
    signal: idle.signal,
    progress: () => undefined,
    wait: async (ms: number) => void (this.waitedMs += ms),
  };

  /** What a recall of a query gives. */
  async recalled(query: RecallQuery): Promise<readonly unknown[]> {
    const rows: unknown[] = [];
    const { ports } = this.backups;
    const write = async (_: unknown, content: Uint8Array) =>
      void rows.push(...decodeRows(content).map(([, value]) => value));
    await recall(ports, openRepository(ports), query, { write }, idle);
    return rows;
  }

  place(wish: PlaceRequest): Promise<PlaceReport> {
    const { ports } = this.backups;
    return recallIntoPlace(ports, openRepository(ports), wish, this.target, this.options);
  }

  withdraw(wish: PlaceRequest) {
    const { ports } = this.backups;
    return withdrawRecall(ports, openRepository(ports), wish, this.target, this.options);
  }

  /** What somebody who has followed from the beginning sees. */
  followed(): readonly RoomMessage[] {
    const events = this.fixture.stream(lobby);
    expect(events.map(({ at }) => at)).to.deep.equal(events.map((_, index) => index + 1));
    const [first] = events.map(({ event }) => event as unknown as RoomEvent);
    if (first?.type !== "created") throw new Error("a room begins by being created");
    const state: RoomState = { ...first.view, messages: [] };
    let room = foldRoom(emptyRoom, { type: "state", state });
    for (const { event } of events) room = foldRoom(room, { type: "event", event: event as unknown as RoomEvent });
    return room.messages;
  }

  unread(name: string): number {
    return this.fixture.ok<RoomSummary>(`user/${name}`, lobby, { type: "summary" }).unread;
  }
}

/** Without what answers it: that counts on. */
const still = ({ replies: _replies, ...message }: RoomMessage) => message;

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("post" as const), by: fc.nat(2), text: fc.string({ minLength: 1, maxLength: 30 }), to: fc.option(fc.nat(30)) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("edit" as const, "delete" as const), at: fc.nat(30) }) },
); // prettier-ignore

function play(world: World, steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[]): void {
  for (const one of steps) {
    const messages = world.messages();
    world.fixture.pass(1_000);
    if (one.do === "post") {
      const root = one.to === null ? undefined : messages[one.to];
      world.post(people[one.by] as string, `t ${one.text}`, root?.seq);
    } else {
      const target = messages[one.at];
      if (target === undefined || target.deletedAtMs !== undefined) continue;
      world.fixture.do(target.author as ActorId, lobby, {
        type: one.do,
        seq: target.seq,
        ...(one.do === "edit" && { text: `${target.text}!` }),
      });
    }
  }
}

describe("a recall of a thread of replies", () => {
  it("brings what the room shows of it, whatever was written, edited and deleted, and comes back into its thread once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const world = new World();
        play(world, steps);
        await world.backUp();
        const shown = (root: number) =>
          world.fixture.ok<{ messages: readonly RoomMessage[] }>("user/ada", lobby, { type: "history", thread: root, limit: 100 }).messages;
        for (const { seq: root } of world.messages()) {
          const rows = (await world.recalled({ thread: lobby, replies: root })) as readonly RoomMessage[];
          expect(rows.map(({ seq }) => seq)).to.deep.equal(
            world.messages().filter(({ seq, replyTo }) => seq === root || replyTo === root).map(({ seq }) => seq),
          );
          if (rows.length > 1) expect(rows.map(({ seq }) => seq)).to.deep.equal(shown(root).map(({ seq }) => seq));
        }
      }),
      { numRuns: depth(40, 400) },
    );
  }); // prettier-ignore

  it("comes back with its beginning where that is gone, and nothing else does", async () => {
    const world = new World();
    const root = world.post("ada", "Where do we meet?");
    world.post("bob", "Something else");
    const other = world.post("bob", "Another question");
    const answers = [world.post("bob", "At the harbour", root), world.post("cleo", "Fine", root)];
    world.post("cleo", "Not of it", other);
    await world.backUp();
    for (const { seq, author } of world.messages()) world.fixture.ok(author as ActorId, lobby, { type: "delete", seq });
    const wish = wishOf({ query: { thread: lobby, replies: root }, deleted: true });
    const report = await world.place(wish);
    expect([report.restored, report.failed.total]).to.deep.equal([3, 0]);
    const back = world.restored();
    expect(back.map(({ restored }) => restored?.seq)).to.deep.equal([root, ...answers]);
    const [first, ...rest] = back;
    expect(rest.map(({ replyTo }) => replyTo)).to.deep.equal([first?.seq, first?.seq]);
    expect((await world.place(wish)).restored).to.equal(0);
    expect((await world.place({ ...wish, recall: "recall0002" })).restored).to.equal(0);
  });

  it("is refused without a room, and of what is no message", async () => {
    const world = new World();
    world.post("ada", "hello");
    await world.backUp();
    for (const query of [{ replies: 1 }, { thread: "agent/ada.helper", replies: 1 }, { thread: lobby, type: "event", replies: 1 }])
      expect(await world.recalled(query).catch((error: unknown) => failureOf(error)), JSON.stringify(query)).to.deep.include({ code: "BAD_REQUEST" }); // prettier-ignore
  });
});

describe("a recall into place", () => {
  it("brings each message once, wherever it is broken off and begun again, and changes nothing that lives", async () => {
    const cut = fc.record({ asks: fc.nat(12), heard: fc.boolean(), crash: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.array(step, { maxLength: 10 }),
        fc.constantFrom("skip" as const, "edited" as const, "again" as const),
        fc.boolean(),
        fc.array(cut, { maxLength: 4 }),
        async (before, after, existing, deleted, cuts) => {
          const world = new World();
          play(world, before);
          const then = await world.backUp();
          play(world, after);
          const lived = world.messages();
          const unread = people.map((name) => world.unread(name));
          const mails = world.fixture.sent.length;
          const wish = wishOf({ existing, deleted });
          const dry = await world.place({ ...wish, dryRun: true });
          expect(world.messages()).to.deep.equal(lived);
          for (const { asks, heard, crash } of cuts) {
            [world.asksLeft, world.heardLast] = [asks, heard];
            await world.place(wish).catch((error: unknown) => expect(failureOf(error).code).to.equal("STOPPING"));
            if (crash) world.fixture.crash(lobby);
          }
          world.asksLeft = Infinity;
          const report = await world.place(wish);
          expect([report.failed.total, report.lost.total]).to.deep.equal([0, 0]);

          const expected = then.filter((was) => {
            if (was.deletedAtMs !== undefined) return false;
            const verdict = verdictOf(was, { living: lived[was.seq - 1], restored: [] }, wish.recall);
            return comesBack(verdict, wish);
          });
          const back = world.restored();
          const byWas = (one: RoomMessage, other: RoomMessage) => (one.restored?.seq ?? 0) - (other.restored?.seq ?? 0);
          expect(
            back.toSorted(byWas).map(({ restored, author, text }) => [restored?.seq, restored?.atMs, author, text]),
          ).to.deep.equal(expected.map(({ seq, atMs, author, text }) => [seq, atMs, author, text]));
          expect(dry.restored).to.equal(expected.length);
          // An answer stands in the thread of what it answered, in whatever form that is there now.
          for (const { restored, replyTo } of back) {
            const root = then.find(({ seq }) => seq === then.find((was) => was.seq === restored?.seq)?.replyTo);
            const now =
              root &&
              (back.find((one) => one.restored?.seq === root.seq) ??
                lived.find(({ seq, deletedAtMs }) => seq === root.seq && deletedAtMs === undefined));
            expect(replyTo).to.equal(now?.seq);
          }
          // Nothing that lives is another, nobody is summoned, nothing is unread, and who follows sees what there is.
          expect(world.messages().slice(0, lived.length).map(still)).to.deep.equal(lived.map(still));
          expect(world.fixture.sent.slice(mails).filter(({ from }) => from === lobby)).to.deep.equal([]);
          expect(people.map((name) => world.unread(name))).to.deep.equal(unread);
          expect(world.followed()).to.deep.equal(world.inRoom());

          // Once more under another name: what came back is there, and comes no more.
          if (existing !== "again") {
            const other = await world.place({ ...wish, recall: "recall0002" });
            expect(other.restored).to.equal(0);
          }
          const here = world.restored().filter(({ restored }) => restored?.recall === wish.recall);
          expect((await world.withdraw(wish)).removed).to.equal(here.length);
          expect((await world.withdraw(wish)).removed).to.equal(0);
          const left = world.restored().filter(({ deletedAtMs }) => deletedAtMs === undefined);
          expect(left.some(({ restored }) => restored?.recall === wish.recall)).to.equal(false);
          expect(world.followed()).to.deep.equal(world.inRoom());
          // What was taken back comes again under another name, and not under its old one.
          expect((await world.place({ ...wish, recall: "recall0003" })).restored).to.equal(expected.length);
          if (here.length > 0) {
            const command = { type: "restore", recall: wish.recall, snapshot: 1, backupAtMs: 1, from: 999, messages: [{ seq: 999, author: "user/ada", text: "x", atMs: 1 }] }; // prettier-ignore
            expect(world.fixture.code("node", lobby, command)).to.equal("BAD_REQUEST");
          }
        },
      ),
      { numRuns: depth(20, 1_500) },
    );
  });

  it("goes on with the snapshot that its first turn found, whatever was backed up meanwhile", async () => {
    for (let asks = 1; asks <= 6; asks += 1) {
      const world = new World();
      const { ports } = world.backups;
      for (let n = 0; n < 6; n += 1) world.post("ada", `message ${n}`);
      await world.backUp();
      const marks: PlaceMark[] = [];
      const keep = async (mark: PlaceMark): Promise<void> => void marks.push(structuredClone(mark));
      const turn = (mark?: PlaceMark): Promise<PlaceReport> =>
        recallIntoPlace(ports, openRepository(ports), wishOf({ existing: "again" }), world.target, {
          ...world.options,
          keep,
          mark,
        });
      world.asksLeft = asks;
      world.heardLast = true;
      await turn();
      world.asksLeft = Infinity;
      world.post("bob", "later");
      await world.backUp();
      const { snapshot } = await turn(marks.at(-1));
      const from = new Set(world.restored().map(({ restored }) => restored?.snapshot));
      expect([snapshot.number, [...from]], `${asks}`).to.deep.equal([1, [1]]);
    }
  });

  it("makes a room that is gone anew where that is asked for, and else names it and what to do", async () => {
    const world = new World();
    for (let n = 0; n < 8; n += 1) world.post("bob", `before ${n}`, n === 3 ? 2 : undefined);
    await world.backUp();
    const gone = new World();
    const fixture = fixtureWith(...people);
    Object.assign(gone, { fixture, backups: world.backups });
    const refused = await gone.place(wishOf());
    expect(refused.failed.named.map(({ thread, error }) => [thread, error.code])).to.deep.equal([[lobby, "NOT_FOUND"]]);
    expect(String(refused.failed.named[0]?.error.details?.["reason"])).to.match(/--remake/);
    const dry = await gone.place(wishOf({ remake: true, dryRun: true }));
    expect([dry.restored, dry.remade]).to.deep.equal([8, 1]);
    expect(fixture.code("node", lobby, { type: "withdraw", recall: "x" })).to.equal("NOT_FOUND");
    const made = await gone.place(wishOf({ remake: true }));
    expect([made.restored, made.remade, made.failed.total]).to.deep.equal([8, 1, 0]);
    // An answer finds the copy of its root, not what stands at the root's old position now.
    const byWas = new Map(gone.restored().map((one) => [one.restored?.seq, one]));
    expect(byWas.get(4)?.replyTo).to.equal(byWas.get(2)?.seq);
    expect((await gone.place(wishOf({ remake: true, recall: "recall0002" }))).restored).to.equal(0);
  });

  it("gives the room's people time, goes on where the room does not answer at once, and ends when it is told to", async () => {
    const world = new World();
    for (let n = 0; n < 40; n += 1) world.post("ada", `before ${n}`);
    await world.backUp();
    let asked = 0;
    const flaky: PlaceTarget = {
      ...world.target,
      ask: async (to, message, operation) => {
        asked += 1;
        // Every third time the room hears of it, and nobody hears the answer.
        const answer = await world.target.ask(to, message, operation);
        return asked % 3 === 0 ? { ok: false, error: failure("ASK_TIMEOUT") } : answer;
      },
    };
    const { ports, repository } = world.backups;
    const report = await recallIntoPlace(ports, repository, wishOf({ existing: "again" }), flaky, world.options);
    expect([report.restored, report.failed.total]).to.deep.equal([40, 0]);
    expect(world.restored()).to.have.length(40);
    expect(world.waitedMs).to.be.at.least((40 * 1_000) / limits.placePerSecond);
    expect(report.takesMs).to.equal((40 * 1_000) / limits.placePerSecond);

    const abort = new AbortController();
    const wait = async () => abort.abort(new PlexusError(failure("CANCELLED")));
    const wish = wishOf({ existing: "again", recall: "recall0002" });
    const ended = recallIntoPlace(ports, repository, wish, world.target, {
      ...world.options,
      signal: abort.signal,
      wait,
    });
    expect(await ended.then(() => "done", (error: unknown) => failureOf(error).code)).to.equal("CANCELLED"); // prettier-ignore
    expect(world.restored()).to.have.length(40 + limits.placeBatch);
  });

  it("brings what a person wrote, or what is of a time, and leaves out what fits not", async () => {
    const world = new World();
    for (let n = 0; n < 6; n += 1) {
      world.fixture.pass(60_000);
      world.post(n % 2 === 0 ? "ada" : "bob", `m ${n}`);
    }
    const then = await world.backUp();
    const from = then[2]?.atMs ?? 0;
    const texts = async (recall: string, query: PlaceRequest["query"]) => {
      await world.place(wishOf({ recall, existing: "again", query }));
      return world
        .restored()
        .filter(({ restored }) => restored?.recall === recall)
        .map(({ text }) => text);
    };
    expect(await texts("recall0003", { person: "user/bob" })).to.deep.equal(["m 1", "m 3", "m 5"]);
    expect(await texts("recall0005", { text: "M 4" })).to.deep.equal(["m 4"]);
    expect(await texts("recall0006", { text: "nothing" })).to.deep.equal([]);
    expect(await texts("recall0004", { thread: lobby, fromMs: from, toMs: from + 120_000 })).to.deep.equal([
      "m 2",
      "m 3",
    ]);
  });
});
