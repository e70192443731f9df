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
    previews.heard(lobby, { type: "posted", message: at(seq) });
    await flush();
    fixture.pass(1);
    fixture.ok("user/bob", lobby, { type: "edit", seq, text: "https://a.example/ https://b.example/" });
    previews.heard(lobby, { type: "edited", message: at(seq) });
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
          previews.heard(lobby, { type: "edited", checked: id, message: message() });
          return ok({});
        },
        keepPicture: (_room, _picture, tell) => tell({} as never),
      }),
    );
    previews.heard(lobby, { type: "posted", message: message() });
    await flush();
    // A scanner says so again.
    previews.heard(lobby, { type: "edited", checked: "f0", message: message() });
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
    previews.heard(lobby, { type: "posted", message });
    await flush();
    previews.heard(lobby, { type: "reacted", message });
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
});
