import { expect } from "chai";
import { checkRestored } from "../../../node/backup/restore/check.ts";
import { runBackup } from "../../../node/backup/index.ts";
import { restoredSide } from "../../../node/storage/index.ts";
import type { ActorId } from "../../../protocols/index.ts";
import { Actors, backupsOf } from "./world.ts";
import { RowStore } from "../storage/fixture.ts";

const slot = "chat/1" as const;
const actor: ActorId = "room/a";
const noBlobs = {} as Parameters<typeof checkRestored>[0]["blobs"];

describe("the check behind a restore", () => {
  async function openFixture() {
    const { ports, repository } = backupsOf();
    const actors = new Actors();
    const records = { "message/1": { text: "one" }, "message/2": { text: "two" }, "thread/1": { text: "three" } };
    actors.change(actor, records);
    const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };
    const { snapshot } = await runBackup(ports, repository, actors, idle);
    const target = new RowStore();
    const put = (key: string, value: unknown) =>
      target.batch([restoredSide(slot, actor, { space: "record", key, value })]);
    for (const [key, value] of Object.entries(records)) await put(key, value);
    const look = (states = new Map<string, string>(), lacking = "") =>
      checkRestored(
        { target, blobs: noBlobs },
        [{ repository, snapshot, slotOf: () => slot, lacks: ({ type }) => type === lacking }],
        states,
      );
    const check = async (...how: Parameters<typeof look>) => (await look(...how)).checked;
    return { target, put, look, check };
  }

  it("finds nothing where everything is as the manifest says", async () => {
    const { check } = await openFixture();
    expect(await check()).to.deep.equal({ units: 2, states: 0, wrong: [] });
  });

  it("names the unit of which a row is another, is gone, or came beside; not what is known to lack", async () => {
    const wrong = [{ thread: actor, type: "message", bucket: "", part: 0 }];
    const changed = await openFixture();
    await changed.put("message/2", { text: "other" });
    expect((await changed.check()).wrong).to.deep.equal(wrong);
    expect((await changed.check(undefined, "message")).wrong).to.deep.equal([]);
    const gone = await openFixture();
    await gone.target.batch([
      { type: "del", key: restoredSide(slot, actor, { space: "record", key: "message/1", value: 0 }).key },
    ]);
    expect((await gone.check()).wrong).to.deep.equal(wrong);
    const beside = await openFixture();
    await beside.put("message/10", { text: "nobody wrote" });
    expect((await beside.check()).wrong).to.deep.equal(wrong);
  });

  it("says which accounts there are and the newest message of each room of which nothing lacks", async () => {
    const { look } = await openFixture();
    const states = new Map([[`snap/${slot}/user/ada`, "0".repeat(64)]]);
    expect((await look(states)).index).to.deep.equal({ accounts: ["ada"], rooms: { a: 2 } });
    expect((await look(undefined, "message")).index).to.deep.equal({ accounts: [], rooms: {} });
  });

  it("names an actor whose state is not the one that was written", async () => {
    const { check } = await openFixture();
    const states = new Map([[`snap/${slot}/${actor}`, "0".repeat(64)]]);
    expect((await check(states)).wrong).to.deep.equal([{ thread: actor, type: ".state", bucket: "", part: 0 }]);
  });
});
