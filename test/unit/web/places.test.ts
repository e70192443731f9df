import { expect } from "chai";
import { ok, type RoomHistory, type RoomMessage } from "../../../protocols/index.ts";
import { settled } from "../../world/index.ts";
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

  it("asks once at a time who is mentioned, however many messages are deleted meanwhile", async () => {
    const unread = { messageSeq: 900, readSeq: 0, unread: 900, mentioned: true };
    const asked: (() => void)[] = [];
    const pauses: (() => void)[] = [];
    let handler: { state(state: unknown): void; event(event: unknown): void } | undefined;
    const client = {
      follow: (_topic: string, given: typeof handler) => ((handler = given), () => undefined),
      call: () => new Promise((resolve) => asked.push(() => resolve(ok({ threads: [], unread })))),
    };
    const shelf = { read: () => undefined, write() {}, remove() {}, names: () => [] };
    const { RoomStore } = (await import(address)) as { RoomStore: new (...given: readonly unknown[]) => Room };
    const pause = () => new Promise<void>((resolve) => pauses.push(resolve));
    const kept = new Kept(shelf, "ada", () => 0);
    const room = new RoomStore(client, "hall", "user/ada", kept, () => undefined, pause);
    const message = { author: "user/bob", text: "", atMs: 1 };
    handler?.state({
      room: "hall",
      title: "Hall",
      topic: "",
      visibility: "public",
      createdAtMs: 0,
      pins: [],
      messageSeq: 900,
      members: { "user/ada": { role: "member", joinedAtMs: 0, readSeq: 0 } },
      unread,
      messages: [{ ...message, seq: 900 }],
    });
    const remove = (): void => {
      for (let seq = 1; seq <= 100; seq += 1)
        handler?.event({ type: "deleted", message: { ...message, seq, deleted: { atMs: 2 } } });
    };
    remove();
    expect([pauses.length, asked.length], "others ask at another moment").to.deep.equal([1, 0]);
    pauses[0]?.();
    await settled();
    expect(asked).to.have.length(1);
    remove();
    expect([pauses.length, asked.length], "one is on its way").to.deep.equal([1, 1]);
    asked[0]?.();
    await settled();
    pauses[1]?.();
    await settled();
    asked[1]?.();
    await settled();
    expect([pauses.length, asked.length], "one more, for all").to.deep.equal([2, 2]);
    room.close();
  });
});
