import { expect } from "chai";
import { createPreviews, previewLimits, type PreviewPorts } from "../../../node/previews/index.ts";
import { ok, type RoomFile, type RoomMessage } from "../../../protocols/index.ts";
import { inLobby, lobby, post, type Page } from "../actors/lobby.ts";
import { createWorld } from "../gateway/asking.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";

const flush = async (): Promise<void> => {
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

const noText = async () => ({ type: "not", why: "refused" }) as const;

describe("previews of what is heard", () => {
  const portsOf = (own: Pick<PreviewPorts, "ask" | "opener"> & Partial<PreviewPorts>): PreviewPorts => ({
    settings: () => ({ links: true, files: true }),
    isKnownToAll: () => true,
    read: async (url) => ({ url, type: "text/html", bytes: Buffer.from(""), isCut: false }),
    keepPicture: () => Promise.reject(new Error("nothing is kept")),
    bytesOf: (file) =>
      (async function* bytes() {
        yield Buffer.from(file.id);
      })(),
    clock: createWorld().clock(),
    log: quietLog,
    meter: quietMeter,
    limits: previewLimits,
    ...own,
  });

  it("an edit that puts a new link in front keeps the preview of the old one", async () => {
    const fixture = inLobby();
    const said: string[][] = [];
    const previews = createPreviews(
      portsOf({
        opener: { open: async () => ({ title: "A page" }) as never, tried: noText },
        async ask(to, message) {
          if (message.type === "linkPreviews") return ok({ own: true, shown: true });
          said.push((message as unknown as { previews: { url: string }[] }).previews.map(({ url }) => url));
          return fixture.do("node", to, message as never);
        },
      }),
    );
    const at = (seq: number) =>
      fixture.ok<Page>("user/cleo", lobby, { type: "history", after: seq - 1, limit: 1 }).messages[0] as RoomMessage;
    const { seq } = post(fixture, "bob", "https://b.example/");
    previews.heard(lobby, { type: "posted", message: at(seq) }, 1);
    await flush();
    fixture.pass(1);
    fixture.ok("user/bob", lobby, { type: "edit", seq, text: "https://a.example/ https://b.example/" });
    previews.heard(lobby, { type: "edited", message: at(seq) }, 1);
    await flush();
    expect(at(seq).previews?.map(({ url }) => url)).to.deep.equal(["https://a.example/", "https://b.example/"]);
    expect(said.slice(1).every((urls) => urls.includes("https://b.example/"))).to.equal(true);
    previews.stop();
  });

  it("a file that cannot be drawn is opened once, whatever comes to the others of its message", async () => {
    const opened: string[] = [];
    const files: RoomFile[] = Array.from({ length: 10 }, (_, place) => ({
      id: `f${place}`,
      name: "x",
      bytes: 100_000,
      type: "application/pdf",
    }));
    const message = () => ({ seq: 1, author: "user/ada", text: "", files: [...files] }) as unknown as RoomMessage;
    const previews = createPreviews(
      portsOf({
        opener: {
          tried: noText,
          async open(_is, { bytes }) {
            const id = Buffer.from(bytes).toString();
            opened.push(id);
            return (Number(id.slice(1)) < 5 ? undefined : { bytes: Buffer.from(""), width: 1, height: 1 }) as never;
          },
        },
        async ask(_to, { type, id, place }) {
          if (type === "file") return ok({ id, bytes: 1 });
          if (type !== "fileDrawn") return ok({ files: [] });
          const at = place as number;
          files[at] = { ...(files[at] as RoomFile), preview: { width: 1, height: 1 } };
          previews.heard(lobby, { type: "edited", checked: id, message: message() }, 1);
          return ok({});
        },
        keepPicture: (_room, _picture, tell) => tell({} as never),
      }),
    );
    previews.heard(lobby, { type: "posted", message: message() }, 1);
    await flush();
    // A scanner says so again.
    previews.heard(lobby, { type: "edited", checked: "f0", message: message() }, 1);
    await flush();
    expect(opened.toSorted()).to.deep.equal(files.map(({ id }) => id));
    previews.stop();
  });

  it("texts of files are read once: of documents apart, of what is text here, and nothing of pictures", async () => {
    const told: Record<string, unknown>[] = [];
    const opened: string[] = [];
    const files = [
      { id: "f0", name: "a.pdf", bytes: 100, type: "application/pdf" },
      { id: "f1", name: "a.md", bytes: 2, type: "application/octet-stream" },
      { id: "f2", name: "a.png", bytes: 100, type: "image/png" },
      { id: "f3", name: "a.csv", bytes: 2, type: "text/plain", check: "scanning" },
      { id: "\u0001", name: "a.bin", bytes: 1, type: "application/octet-stream" },
    ] as const;
    const message = { seq: 1, author: "user/ada", text: "", files } as unknown as RoomMessage;
    const unread = { ...files[1], id: "older", bytes: 5, seq: 9, place: 2, author: "user/bob", atMs: 1 };
    const previews = createPreviews(
      portsOf({
        opener: {
          async open(is) {
            opened.push(is);
            return undefined;
          },
          async tried(is) {
            opened.push(is);
            return { type: "told", told: { text: "of the document", isCut: false, pages: 1, pagesRead: 1 } as never };
          },
        },
        async ask(_to, message) {
          if (message.type === "file") return ok({ id: message["id"], bytes: 1 });
          if (message.type === "filesUnread") return ok({ files: [unread] });
          told.push({ ...message });
          return ok({});
        },
      }),
    );
    previews.heard(lobby, { type: "posted", message }, 1);
    await flush();
    previews.heard(lobby, { type: "reacted", message }, 1);
    await flush();
    expect(told.toSorted((one, other) => (String(one["id"]) < String(other["id"]) ? -1 : 1))).to.deep.equal([
      { type: "fileRead", id: "\u0001", seq: 1, place: 4, text: "" },
      { type: "fileRead", id: "f0", seq: 1, place: 0, text: "of the document" },
      { type: "fileRead", id: "f1", seq: 1, place: 1, text: "f1" },
      { type: "fileRead", id: "older", seq: 9, place: 2, text: "older" },
    ]);
    expect(opened.toSorted()).to.deep.equal(["document", "text"]);
    previews.stop();
  });

  /** Texts of one file that is a PDF, told by the process as the test says; `unread`: so often the room was asked. */
  function textsWhere(own: Partial<PreviewPorts>, said: () => unknown = () => ({ type: "not", why: "ended" })) {
    const world = createWorld();
    const told: Record<string, unknown>[] = [];
    const count = { unread: 0, tried: 0 };
    const file = { id: "f0", name: "a.pdf", bytes: 100, type: "application/pdf" };
    const row = { ...file, seq: 1, place: 0, author: "user/ada", atMs: 1 };
    const at = { row: row as Record<string, unknown>, asked: [] as string[] };
    const previews = createPreviews(
      portsOf({
        opener: {
          open: async () => undefined,
          tried: async (_is, asks) => {
            await asks();
            count.tried += 1;
            return said() as never;
          },
        },
        async ask(_to, message, _timeoutMs, as = "node") {
          if (message.type === "file") at.asked.push(as);
          if (message.type === "file") return ok({ id: "f0", bytes: 1 });
          if (message.type === "fileRead") told.push({ ...message });
          if (message.type === "filesUnread") count.unread += 1;
          return ok(message.type === "filesUnread" ? { files: told.length > 0 ? [] : [at.row] } : {});
        },
        clock: world.clock(),
        ...own,
      }),
    );
    const hear = async (epoch = 1): Promise<void> => {
      previews.heard(lobby, { type: "reacted" }, epoch);
      await flush();
    };
    return { world, told, count, at, hear, previews };
  }
  const words = () => ({ type: "told", told: { text: "zebra", isCut: false, pages: 1, pagesRead: 1 } });

  it("a file over which the process ended is read after a pause, and not without end", async () => {
    const { world, told, count, hear, previews } = textsWhere({});
    for (let time = 0; time < 3; time += 1) await hear();
    expect(count, "within the pause").to.deep.equal({ unread: 1, tried: 1 });
    for (let time = 0; time < 3; time += 1) {
      await world.pass(previewLimits.textsAgainMs);
      await hear();
    }
    expect(count).to.deep.equal({ unread: 3, tried: previewLimits.textTriesMax });
    expect(told).to.deep.equal([]);
    previews.stop();
  });

  it("a room that comes back, and a setting that changes, are asked at once what is not read", async () => {
    let files = false;
    const { told, count, hear, previews } = textsWhere({ settings: () => ({ links: true, files }) }, words);
    await hear(1);
    await hear(1);
    expect(count.unread).to.equal(1);
    await hear(2);
    expect(count.unread, "another owner was in between").to.equal(2);
    files = true;
    await hear(2);
    expect(count).to.deep.equal({ unread: 3, tried: 1 });
    expect(told).to.have.length(1);
    previews.stop();
  });

  it("a file for which there is no time counts as empty in the next life only", async () => {
    for (const why of ["time", "memory"]) {
      const first = textsWhere({}, () => ({ type: "not", why }));
      await first.hear();
      const empty = { type: "fileRead", id: "f0", seq: 1, place: 0, text: "" };
      expect(first.told).to.deep.equal([{ ...empty, tried: true }]);
      first.previews.stop();
      const next = textsWhere({}, () => ({ type: "not", why }));
      next.at.row["tried"] = true;
      await next.hear();
      expect(next.told).to.deep.equal([empty]);
      next.previews.stop();
    }
  });

  it("no text is made before every node deletes texts with their messages, and all are afterwards", async () => {
    let isKnown = false;
    const { told, count, hear, at, previews } = textsWhere({ isKnownToAll: () => isKnown }, words);
    const message = { seq: 1, author: "user/ada", text: "", files: [at.row] } as unknown as RoomMessage;
    previews.heard(lobby, { type: "posted", message }, 1);
    await hear();
    expect(told).to.deep.equal([]);
    expect(count).to.deep.equal({ unread: 0, tried: 0 });
    isKnown = true;
    await hear();
    expect(told).to.have.length(1);
    expect(at.asked, "as the node: the author may have left").to.include("node");
    previews.stop();
  });

  it("bytes that do not come keep neither the process nor the other files waiting", async () => {
    const { promise: never } = Promise.withResolvers<void>();
    let isSlow = true;
    const { world, told, count, hear, previews } = textsWhere(
      {
        async *bytesOf() {
          if (isSlow) await never;
          yield Buffer.from("x");
        },
      },
      words,
    );
    await hear();
    expect(count.tried, "it has no turn before its bytes are there").to.equal(0);
    await world.pass(previewLimits.textReadMsMax);
    await flush();
    isSlow = false;
    await world.pass(previewLimits.textsAgainMs);
    await hear();
    expect(told).to.have.length(1);
    previews.stop();
  });

  it("a few rooms are asked at a time what is not read, and each in the end", async () => {
    const rooms: string[] = [];
    const waiting: (() => void)[] = [];
    const { previews } = textsWhere({
      async ask(to) {
        rooms.push(to);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return ok({ files: [] });
      },
    });
    const all = Array.from({ length: previewLimits.roomsAskingMax + 3 }, (_, room) => `room/r${room}` as const);
    const hear = (): void => all.forEach((room) => previews.heard(room, { type: "reacted" }, 1));
    hear();
    expect(rooms).to.have.length(previewLimits.roomsAskingMax);
    for (const answer of waiting.splice(0)) answer();
    await flush();
    hear();
    expect(rooms.toSorted()).to.deep.equal(all.toSorted());
    previews.stop();
  });
});
