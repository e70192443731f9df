import { mock } from "node:test";
import { expect } from "chai";
import { ok } from "../../../protocols/index.ts";
import { Kept } from "../../../web/src/model/index.ts";

/** What is used here of the page's room and notices. They are loaded by their addresses, since their types are those of
 *  a browser. */
interface Room {
  readonly store: { readonly latest: { readonly pending: readonly { readonly text: string }[] } };
  post(text: string): unknown;
  close(): void;
}
interface Notices {
  shown(): readonly { readonly text: string; readonly action?: { readonly run: () => void } }[];
  clear(): void;
}
const addressOf = (name: string): string => new URL(`../../../web/src/live/${name}.ts`, import.meta.url).href;

describe("a message that can be taken back before it leaves", () => {
  const page = globalThis as { document?: unknown };
  let RoomStore: new (...given: readonly unknown[]) => Room;
  let notices: Notices;
  before(async () => {
    page.document = { hidden: true };
    ({ RoomStore } = (await import(addressOf("room-store"))) as { RoomStore: typeof RoomStore });
    ({ notices } = (await import(addressOf("notices"))) as { notices: Notices });
  });
  after(() => delete page.document);
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 }));
  afterEach(() => {
    notices.clear();
    mock.timers.reset();
  });

  /** Tabs of one browser. */
  function browser() {
    const names = new Map<string, string>();
    const shelf = {
      read: (name: string) => names.get(name),
      write: (name: string, text: string) => void names.set(name, text),
      remove: (name: string) => void names.delete(name),
      names: () => [...names.keys()],
    };
    const sent: string[] = [];
    const client = {
      follow: () => () => undefined,
      call: (_command: string, _room: string, { text }: { text: string }, { operationId }: { operationId: string }) => {
        sent.push(`${text} ${operationId}`);
        return Promise.resolve(ok({ seq: sent.length }));
      },
    };
    new Kept(shelf, "ada", () => 0).write("settings/undo-send", "5");
    const tab = (): Room => new RoomStore(client, "hall", "user/ada", new Kept(shelf, "ada", () => 0), () => undefined);
    const said = (): readonly string[] => [...new Set(sent)].map((line) => line.split(" ")[0] ?? "");
    return { tab, said };
  }
  const pass = async (ms: number): Promise<void> => {
    mock.timers.tick(ms);
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  };
  const textsOf = ({ store }: Room): readonly string[] => store.latest.pending.map(({ text }) => text);

  it("is sent by no other tab meanwhile, and by none when it was taken back", async () => {
    const { tab, said } = browser();
    const [here, there] = [tab(), tab()];
    here.post("early");
    const later = tab();
    await pass(4_000);
    expect([said(), textsOf(later)]).to.deep.equal([[], ["early"]]);
    notices.shown().at(-1)?.action?.run();
    await pass(10_000);
    expect(said()).to.deep.equal([]);
    for (const one of [here, there, later]) expect(textsOf(one)).to.deep.equal([]);
    // One that nobody takes back goes out by whichever tab is left, once.
    here.post("kept");
    const last = tab();
    here.close();
    await pass(5_000);
    expect(said()).to.deep.equal(["kept"]);
    for (const one of [there, later, last]) one.close();
  });

  it("has a way back of its own, also beside another of the same words", async () => {
    const { tab, said } = browser();
    const here = tab();
    for (const text of ["yes", "no", "no"]) here.post(text);
    const offered = notices.shown();
    expect(offered.map(({ text }) => text)).to.deep.equal([
      "“yes” is sent in 5 s.",
      "“no” is sent in 5 s.",
      "“no” is sent in 5 s.",
    ]);
    offered[0]?.action?.run();
    offered[1]?.action?.run();
    await pass(5_000);
    expect(said()).to.deep.equal(["no"]);
    expect(notices.shown()).to.deep.equal([]);
    here.close();
  });
});
