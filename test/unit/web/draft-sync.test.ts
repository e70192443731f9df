/** What a person has begun to write, on several devices with connections that end: all come to the same, and nothing
 *  that was typed is lost. */
import { expect } from "chai";
import fc from "fast-check";
import { failure, refused, type DraftList, type Result, type UnsentText } from "../../../protocols/index.ts";
import { DraftSync } from "../../../web/src/live/draft-sync.ts";
import { Kept, type Shelf } from "../../../web/src/model/kept.ts";
import { inLobby } from "../actors/lobby.ts";

const bob = "user/bob" as const;
const field = "room/lobby/text";

function memory(): Shelf {
  const all = new Map<string, string>();
  return {
    read: (name) => all.get(name),
    write: (name, text) => void all.set(name, text),
    remove: (name) => void all.delete(name),
    names: () => [...all.keys()],
  };
}

type Actor = ReturnType<typeof inLobby>;

class Device {
  readonly kept: Kept;
  readonly sync: DraftSync;
  isAway = false;
  /** The node takes what is asked, and its answer is lost. */
  isDeaf = false;
  joins = 0;
  #timers = new Set<() => void>();
  readonly #actor: Actor;

  constructor(actor: Actor, kept = new Kept(memory(), "bob", () => 1)) {
    this.#actor = actor;
    this.kept = kept;
    this.sync = new DraftSync({
      kept: this.kept,
      set: (draft) => this.#ask<UnsentText>({ type: "setDraft", ...draft }),
      list: () => this.#ask<DraftList>({ type: "drafts" }),
      joined: () => void (this.joins += 1),
      after: (_, run) => {
        this.#timers.add(run);
        return () => this.#timers.delete(run);
      },
    });
  }

  async #ask<Answer>(message: { readonly type: string }): Promise<Result<Answer>> {
    await Promise.resolve();
    const answer = this.isAway ? undefined : (this.#actor.do(bob, bob, message) as Result<Answer>);
    return answer === undefined || this.isDeaf ? refused(failure("UNREACHABLE")) : answer;
  }

  get text(): string {
    return (this.kept.read(field) as string | undefined) ?? "";
  }

  pass(): void {
    const due = [...this.#timers];
    this.#timers.clear();
    for (const run of due) run();
  }
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 40; turn += 1) await Promise.resolve();
};

type Step = { readonly on: number; readonly does: "type" | "send" | "pass" | "away" | "back" | "settle" };
const steps = fc.array(
  fc.record({
    on: fc.nat({ max: 2 }),
    does: fc.constantFrom("type", "type", "type", "send", "pass", "pass", "away", "back", "settle"),
  }),
  { maxLength: 40 },
) as fc.Arbitrary<readonly Step[]>;

describe("drafts of a person on several devices", () => {
  it("are the same everywhere in the end, and have all that was typed and not sent", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const actor = inLobby();
        const devices = [new Device(actor), new Device(actor), new Device(actor)];
        const told = new Map(devices.map((device) => [device, actor.stream(bob).length]));
        const hear = (device: Device): void => {
          const stream = actor.stream(bob);
          const from = told.get(device) ?? 0;
          if (device.isAway) return;
          told.set(device, stream.length);
          for (const { event } of stream.slice(from)) if (event.type === "draftSet") device.sync.told(event as never);
        };
        const open = new Set<string>();
        let typed = 0;
        for (const { on, does } of all) {
          const device = devices[on] as Device;
          if (does === "type") {
            const word = `w${(typed += 1)}.`;
            open.add(word);
            device.kept.write(field, device.text + word);
          } else if (does === "send") {
            for (const word of open) if (device.text.includes(word)) open.delete(word);
            device.kept.write(field, undefined);
          } else if (does === "pass") device.pass();
          else if (does === "away") device.isAway = true;
          else if (does === "back") {
            device.isAway = false;
            device.sync.connected();
          } else await settled();
          for (const one of devices) hear(one);
        }
        for (const device of devices) {
          device.isAway = false;
          device.sync.connected();
        }
        // Each round brings one device up to the others; three have come together after a few.
        for (let round = 0; round < 12; round += 1) {
          await settled();
          for (const device of devices) {
            device.pass();
            await settled();
            for (const one of devices) hear(one);
          }
        }
        await settled();
        const [first] = devices.map(({ text }) => text);
        expect(devices.map(({ text }) => text)).to.deep.equal([first, first, first]);
        const kept = actor.ok<DraftList>(bob, bob, { type: "drafts" }).drafts.map(({ text }) => text);
        expect(kept).to.deep.equal(first === "" ? [] : [first]);
        for (const word of open) expect(first).to.include(word);
      }),
      { numRuns: 300 },
    );
  });

  it("of two devices that both wrote stand one below the other, and the person is told", async () => {
    const actor = inLobby();
    const [desk, phone] = [new Device(actor), new Device(actor)];
    desk.kept.write(field, "at the desk");
    desk.pass();
    await settled();
    phone.kept.write(field, "on the phone");
    phone.pass();
    await settled();
    expect(phone.text).to.equal("at the desk\n\non the phone");
    expect(phone.joins).to.equal(1);
  });

  it("are taken off the account when they were sent or emptied without a connection", async () => {
    const actor = inLobby();
    const device = new Device(actor);
    const drafts = () => actor.ok<DraftList>(bob, bob, { type: "drafts" }).drafts;
    device.kept.write(field, "begun");
    device.pass();
    await settled();
    expect(drafts()).to.have.length(1);
    device.isAway = true;
    device.kept.write(field, undefined);
    device.pass();
    await settled();
    device.isAway = false;
    // Tried again without anything new; and so does a page that was opened anew, which has no timers.
    const again = new DraftSync({
      kept: device.kept,
      set: (draft) => Promise.resolve(actor.do(bob, bob, { type: "setDraft", ...draft }) as Result<UnsentText>),
      list: () => Promise.resolve(actor.do(bob, bob, { type: "drafts" }) as Result<DraftList>),
      joined: () => undefined,
      after(_, run) {
        run();
        return () => undefined;
      },
    });
    again.connected();
    await settled();
    expect(drafts()).to.deep.equal([]);
    again.close();
    device.kept.write(field, "more");
    device.isAway = true;
    device.pass();
    await settled();
    device.isAway = false;
    device.pass();
    await settled();
    expect(drafts().map(({ text }) => text)).to.deep.equal(["more"]);
  });

  it("are one's own where the answer was lost: nothing is doubled, and what was sent does not come back", async () => {
    for (const [then, kept] of [
      ["the blue kettle", ["the blue kettle"]],
      ["", []],
    ] as const) {
      const actor = inLobby();
      const device = new Device(actor);
      device.kept.write(field, "the red kettle");
      device.isDeaf = true;
      device.pass();
      await settled();
      device.isDeaf = false;
      device.kept.write(field, then === "" ? undefined : then);
      device.sync.connected();
      for (let round = 0; round < 3; round += 1) {
        await settled();
        device.pass();
      }
      await settled();
      expect([device.text, device.joins]).to.deep.equal([then, 0]);
      const drafts = actor.ok<DraftList>(bob, bob, { type: "drafts" }).drafts.map(({ text }) => text);
      expect(drafts).to.deep.equal(kept);
    }
  });

  it("of two tabs of one browser are one text, whichever sends it", async () => {
    const actor = inLobby();
    const one = new Device(actor);
    const other = new Device(actor, one.kept);
    one.kept.write(field, "the red kettle");
    one.pass();
    // The first is under way: both rest on the same revision.
    await Promise.resolve();
    one.kept.write(field, "the blue kettle");
    other.pass();
    for (let round = 0; round < 3; round += 1) {
      await settled();
      one.pass();
      other.pass();
    }
    await settled();
    expect([one.text, one.joins, other.joins]).to.deep.equal(["the blue kettle", 0, 0]);
    const texts = actor.ok<DraftList>(bob, bob, { type: "drafts" }).drafts.map(({ text }) => text);
    expect(texts).to.deep.equal(["the blue kettle"]);
  });

  it("stay in the browser, and are sent anew, when the account was brought back from a backup", async () => {
    const [actor, restored] = [inLobby(), inLobby()];
    restored.ok(bob, bob, { type: "setDraft", place: "room/lobby/thread/1", text: "older", revision: 0 });
    actor.pass(60_000);
    const device = new Device(actor);
    device.kept.write(field, "newer");
    device.pass();
    await settled();
    const after = new Device(restored, device.kept);
    after.sync.connected();
    await settled();
    after.pass();
    await settled();
    expect(after.text).to.equal("newer");
    const texts = restored.ok<DraftList>(bob, bob, { type: "drafts" }).drafts.map(({ text }) => text);
    expect(texts).to.have.members(["older", "newer"]);
  });

  it("cost no write per key, and none at all at a node that does not know of them", async () => {
    const actor = inLobby();
    const device = new Device(actor);
    const before = actor.stream(bob).length;
    for (const text of ["a", "ab", "abc"]) device.kept.write(field, text);
    device.pass();
    await settled();
    expect(actor.stream(bob).length).to.equal(before + 1);
    let asked = 0;
    const refuse = (): Promise<Result<never>> =>
      Promise.resolve(refused(failure("BAD_REQUEST"))).finally(() => asked++);
    const kept = new Kept(memory(), "bob", () => 1);
    const timers = new Set<() => void>();
    const old = new DraftSync({
      kept,
      set: refuse,
      list: refuse,
      joined: () => undefined,
      after: (_, run) => {
        timers.add(run);
        return () => timers.delete(run);
      },
    });
    old.connected();
    await settled();
    kept.write(field, "typed");
    for (const run of timers) run();
    await settled();
    expect(asked).to.equal(1);
    expect(kept.read(field)).to.equal("typed");
  });
});
