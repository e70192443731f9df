import { expect } from "chai";
import { ok, type RoomHistory, type RoomMessage } from "../../../protocols/index.ts";
import { Kept } from "../../../web/src/model/index.ts";

/** What is used here of the page's room. It is loaded by its address, since its types are those of a browser. */
interface Room {
  readonly store: { readonly latest: { readonly messages: readonly RoomMessage[] } };
  reach(seq: number): Promise<boolean>;
  toLatest(): Promise<void>;
  close(): void;
}
const address = new URL("../../../web/src/live/room-store.ts", import.meta.url).href;

describe("the window of a room on the page", () => {
  const page = globalThis as { document?: unknown };
  before(() => (page.document = { hidden: true }));
  after(() => delete page.document);

  it("is where somebody wanted it last, whichever answer comes last", async () => {
    const answers: { readonly around: number; readonly give: () => void }[] = [];
    const client = {
      follow: () => () => undefined,
      call: (_command: string, _room: string, { around = 600 }: { readonly around?: number }) =>
        new Promise((resolve) => {
          const message: RoomMessage = { seq: around, author: "user/bob", text: "one of many", atMs: 1 };
          const history: RoomHistory = { messages: [message], more: true, newer: around < 600 };
          answers.push({ around, give: () => resolve(ok(history)) });
        }),
    };
    const shelf = { read: () => undefined, write() {}, remove() {}, names: () => [] };
    const { RoomStore } = (await import(address)) as { RoomStore: new (...given: readonly unknown[]) => Room };
    const room = new RoomStore(client, "hall", "user/ada", new Kept(shelf, "ada", () => 0));
    const shown = (): readonly number[] => room.store.latest.messages.map(({ seq }) => seq);

    const [opening, wanted] = [room.reach(100), room.reach(40)];
    for (const { give } of answers.splice(0).toReversed()) give();
    expect([await opening, await wanted, shown()]).to.deep.equal([false, true, [40]]);

    // What is in the window already, and the end, are places as well.
    const far = room.reach(300);
    expect(await room.reach(40)).to.equal(true);
    const end = room.toLatest();
    for (const { give } of answers.splice(0).toReversed()) give();
    await end;
    expect([await far, shown()]).to.deep.equal([false, [600]]);
    room.close();
  });
});
