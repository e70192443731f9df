import { readdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { createClock } from "../../../node/platform/index.ts";
import { createOpener, textOfFile, type FileText, type Opener } from "../../../runtimes/opened/index.ts";
import { pdfOf, pdfOfStreams } from "../../fixtures/pdf.ts";
import { quietLog } from "../../fixtures/quiet.ts";

type Asked = Parameters<typeof textOfFile>[1];

const none = (why: string) => ({ type: "none", why });
const slow = (): Buffer => pdfOfStreams([Buffer.from("BT /F1 9 Tf (a) Tj ET\n".repeat(400_000))]);

describe("PDFs of strangers", () => {
  const begun: Opener[] = [];
  afterEach(() => {
    for (const opener of begun.splice(0)) opener.stop();
  });

  const open = (limits: Parameters<typeof createOpener>[0]["limits"] = {}): Opener => {
    const opener = createOpener({ clock: createClock(), log: quietLog, limits });
    begun.push(opener);
    return opener;
  };
  const text = (bytes: Uint8Array, asked: Partial<Asked> = {}, opener = open()): Promise<FileText> =>
    textOfFile(opener, {
      type: "application/pdf",
      bytes: bytes.length,
      read: async () => bytes,
      charsMax: 100,
      person: "user/ada",
      lane: "user/ada",
      ...asked,
    });

  it("that unpack to much more than they are end their process, and nothing else", async () => {
    // 600 KB of file, 600 MB of drawing.
    const bomb = pdfOfStreams([Buffer.alloc(600 * 1024 * 1024, " ")]);
    expect(bomb.length).to.be.below(1024 * 1024);
    const opener = open({ openedMemoryBytesMax: 300 * 1024 * 1024 });
    expect(await text(bomb, {}, opener)).to.deep.equal(none("memory"));
    expect(process.memoryUsage().rss).to.be.below(2 ** 31);
    expect(await text(pdfOf(["Hello."]), {}, opener)).to.deep.equal({ type: "text", text: "Hello." });
  });

  it("that take long are given up", async () => {
    expect(await text(slow(), {}, open({ openedMsMax: 700 }))).to.deep.equal(none("time"));
  });

  it("that are none, or broken, have no text, and the next one has", async () => {
    const whole = pdfOf(["Hello."]);
    const opener = open();
    for (const bytes of [
      Buffer.from("%PDF-1.7\n"),
      Buffer.from(`%PDF-1.7\n${"<<".repeat(50_000)}`),
      Buffer.concat([Buffer.from("%PDF-1.7\n"), Buffer.alloc(100_000, 0xff)]),
      whole.subarray(0, 120),
    ])
      expect(await text(bytes, {}, opener)).to.deep.equal(none("refused"));
    expect(await text(whole, {}, opener)).to.deep.equal({ type: "text", text: "Hello." });
    expect(await text(pdfOf([" "]), {}, opener)).to.deep.equal(none("silent"));
    expect(await text(whole, { bytes: 17 * 1024 * 1024 }, opener)).to.deep.equal(none("large"));
  });

  it("whose pages are within themselves end", async () => {
    const loop = pdfOf(["Hello."]).toString("latin1").replace("/Kids [4 0 R]", "/Kids [2 0 R]");
    expect((await text(Buffer.from(loop, "latin1"))).type).to.equal("none");
  });

  it("have no more pages read than there is a place for", async () => {
    const many = pdfOf(Array.from({ length: 40 }, (_, page) => `Page ${page + 1} of many with some words.`));
    const opener = open();
    const some = await opener.open("text", { bytes: many, charsMax: 100, pagesMax: 500 }, "user/ada");
    expect(some).to.include({ isCut: true, pages: 40, pagesRead: 4 });
    expect(await text(many, {}, opener)).to.deep.include({ type: "text", part: { of: "characters" } });
    const two = await text(many, { pagesMax: 2 }, opener);
    expect(two).to.deep.include({ type: "text", part: { of: "pages", pages: 40, pagesRead: 2 } });
  });

  it("are read one at a time, in turns of those who sent them and of those who ask, and not without end", async () => {
    const opener = open({ openedWaitingPerPersonMax: 2, openedWaitingMax: 4 });
    const order: string[] = [];
    const ask = (name: string, person: string, lane = person): Promise<FileText> =>
      text(Buffer.from(name), { person, lane, read: async () => (order.push(name), Buffer.from(name)) }, opener);
    const [, , , last] = await Promise.all([
      ask("a1", "user/ada"),
      ask("a2", "user/ada"),
      ask("a3", "user/ada", "user/cleo"),
      ask("a4", "user/ada"),
      ask("b1", "user/bob"),
    ]);
    expect(order).to.deep.equal(["a1", "a2", "b1", "a3"]);
    expect(last).to.deep.equal(none("full"));
  });

  it("whose bytes cannot be had reject, and the next one is read", async () => {
    const opener = open();
    const gone = text(Buffer.from(""), { read: async () => Promise.reject(new Error("gone")) }, opener);
    const other = text(pdfOf(["Hello."]), {}, opener);
    expect(await gone.catch((error: unknown) => (error as Error).message)).to.equal("gone");
    expect(await other).to.include({ text: "Hello." });
  });

  it("whose bytes do not come let the next one have its turn, and so does a question that is over", async () => {
    const opener = open({ openedReadMsMax: 50 });
    const never = () => new Promise<Uint8Array>(() => undefined);
    const late = text(Buffer.from(""), { read: never }, opener);
    expect(await text(pdfOf(["Hello."]), {}, opener)).to.include({ text: "Hello." });
    expect(await late).to.deep.equal(none("ended"));
    const question = new AbortController();
    const patient = open();
    const over = text(Buffer.from(""), { read: never, signal: question.signal }, patient);
    const other = text(pdfOf(["Hello."]), {}, patient);
    question.abort();
    expect(await over).to.deep.equal(none("takenBack"));
    expect(await other).to.include({ text: "Hello." });
  });

  it("say nothing of themselves where something else ends the process", async () => {
    const opener = open();
    const bytes = slow();
    const reading = text(bytes, {}, opener);
    const childOf = (): number | undefined => {
      const task = `/proc/${process.pid}/task`;
      const all = readdirSync(task).flatMap((thread) => readFileSync(`${task}/${thread}/children`, "utf8").split(" "));
      const isOurs = (id: string) => readFileSync(`/proc/${id}/cmdline`, "utf8").includes("opened/child");
      return all.filter((id) => id !== "" && isOurs(id)).map(Number)[0];
    };
    let child = childOf();
    for (let turn = 0; turn < 1_000 && child === undefined; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      child = childOf();
    }
    if (child === undefined) throw new Error("no process began");
    process.kill(child, "SIGTERM");
    expect(await reading).to.deep.equal(none("ended"));
  });

  it("are given up when the question is, waiting or being read", async () => {
    const opener = open();
    const question = new AbortController();
    const { signal } = question;
    const began = Promise.withResolvers<void>();
    const bytes = slow();
    const first = text(bytes, { signal, read: async () => (began.resolve(), bytes) }, opener);
    const second = text(bytes, { signal }, opener);
    const other = text(pdfOf(["Hello."]), { person: "user/bob" }, opener);
    await began.promise;
    question.abort();
    expect(await Promise.all([first, second])).to.deep.equal([none("takenBack"), none("takenBack")]);
    expect(await other).to.include({ text: "Hello." });
    expect(await text(bytes, { signal }, opener)).to.deep.equal(none("takenBack"));
    const last = text(bytes, {}, opener);
    opener.stop();
    expect(await last).to.deep.equal(none("stopped"));
  });
});
