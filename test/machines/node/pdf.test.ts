import { expect } from "chai";
import { fileReadingLimits as limits } from "../../../node/inference/files/index.ts";
import { createPdfReader, pdfFlags } from "../../../node/inference/files/pdf.ts";
import { createClock } from "../../../node/platform/index.ts";
import { runWhole } from "../../../runtimes/children.ts";
import { pdfOf, pdfOfStreams } from "../../fixtures/pdf.ts";

const clock = createClock();
const asked = (bytes: Uint8Array, person = "user/ada", charsMax = 100) => ({
  id: "a",
  sender: person,
  withinMs: 30_000,
  person,
  charsMax,
  bytes: async () => bytes,
});
const read = (bytes: Uint8Array, changed: { readonly [Name in keyof typeof limits]?: number } = {}) =>
  createPdfReader(clock, { ...limits, ...changed }).read(asked(bytes));

describe("PDFs of strangers", () => {
  it("that unpack to much more than they are end their process, and nothing else", async () => {
    // 600 KB of file, 600 MB of drawing.
    const bomb = pdfOfStreams([Buffer.alloc(600 * 1024 * 1024, " ")]);
    expect(bomb.length).to.be.below(1024 * 1024);
    const what = await read(bomb, { pdfMemoryBytesMax: 300 * 1024 * 1024 });
    expect(what).to.deep.equal({ type: "leftOut", why: "it needs too much memory to be read" });
    expect(process.memoryUsage().rss).to.be.below(2 ** 31);
  });

  it("that take long are given up", async () => {
    const slow = pdfOfStreams([Buffer.from("BT /F1 9 Tf (a) Tj ET\n".repeat(400_000))]);
    expect(await read(slow, { pdfReadMs: 700 })).to.deep.equal({ type: "leftOut", why: "it took too long to read" });
  });

  it("that are none, or broken, are left out", async () => {
    const whole = pdfOf(["Hello."]);
    for (const bytes of [
      Buffer.from("%PDF-1.7\n"),
      Buffer.from(`%PDF-1.7\n${"<<".repeat(50_000)}`),
      Buffer.concat([Buffer.from("%PDF-1.7\n"), Buffer.alloc(100_000, 0xff)]),
      whole.subarray(0, 120),
    ])
      expect(await read(bytes)).to.deep.equal({ type: "leftOut", why: "it is not a PDF that can be read" });
  });

  it("whose pages are within themselves end", async () => {
    const loop = pdfOf(["Hello."]).toString("latin1").replace("/Kids [4 0 R]", "/Kids [2 0 R]");
    expect((await read(Buffer.from(loop, "latin1"))).type).to.equal("leftOut");
  });

  it("have no more pages read than there is a place for", async () => {
    const many = pdfOf(Array.from({ length: 40 }, (_, page) => `Page ${page + 1} of many with some words.`));
    const some = await createPdfReader(clock, limits).read(asked(many));
    expect(some).to.include({ type: "read", pages: 40, pagesRead: 4 });
    expect(await read(many, { pdfPagesMax: 2 })).to.include({ pages: 40, pagesRead: 2 });
  });

  it("are read one at a time, in turns of people, and not without end", async () => {
    const reader = createPdfReader(clock, { ...limits, pdfsWaitingPerPersonMax: 2, pdfsWaitingMax: 4 });
    const order: string[] = [];
    const ask = (person: string, name: string) =>
      reader
        .read({
          ...asked(Buffer.from(name), person),
          id: name,
          bytes: async () => (order.push(name), Buffer.from(name)),
        })
        .then((text) => (text.type === "leftOut" ? text.why : "read"));
    const all = await Promise.all([
      ask("user/ada", "a1"),
      ask("user/ada", "a2"),
      ask("user/ada", "a3"),
      ask("user/ada", "a4"),
      ask("user/bob", "b1"),
    ]);
    expect(order).to.deep.equal(["a1", "a2", "b1", "a3"]);
    expect(all[3]).to.equal("too many PDFs are being read");
  });

  it("that cannot be read take their time once, and those who sent them take turns", async () => {
    const reader = createPdfReader(clock, limits);
    const order: string[] = [];
    const ask = (sender: string, id: string) =>
      reader.read({ ...asked(Buffer.from(id)), id, sender, bytes: async () => (order.push(id), Buffer.from(id)) });
    await Promise.all([
      ask("user/mallory", "m1"),
      ask("user/mallory", "m2"),
      ask("user/mallory", "m3"),
      ask("user/bob", "b1"),
    ]);
    expect(order).to.deep.equal(["m1", "m2", "b1", "m3"]);
    expect(await ask("user/mallory", "m1")).to.deep.equal({ type: "leftOut", why: "it is not a PDF that can be read" });
    expect(order).to.have.length(4);
  });

  it("are given up when the question is, waiting or being read", async () => {
    const reader = createPdfReader(clock, limits);
    const slow = pdfOfStreams([Buffer.from("BT /F1 9 Tf (a) Tj ET\n".repeat(400_000))]);
    const question = new AbortController();
    const first = reader.read({ ...asked(slow), signal: question.signal });
    const second = reader.read({ ...asked(slow), id: "b", signal: question.signal });
    const other = reader.read({ ...asked(pdfOf(["Hello."]), "user/bob"), id: "c" });
    question.abort();
    const gone = { type: "leftOut", why: "it is not asked for any more" };
    expect(await Promise.all([first, second])).to.deep.equal([gone, gone]);
    expect(await other).to.include({ type: "read" });
    const late = await reader.read({ ...asked(slow), id: "d", withinMs: 300 });
    expect(late).to.deep.equal({ type: "leftOut", why: "the files of the question took too long to read" });
  });

  it("are read by a process that may open no other file, reach no network and begin no program", () => {
    const tries = {
      file: "require('node:fs').readFileSync('/etc/hostname')",
      root: "require('node:fs').readFileSync('/proc/self/root/etc/hostname')",
      folder: "require('node:fs').readdirSync('/proc/self/cwd')",
      environment: "require('node:fs').readFileSync('/proc/self/environ')",
      write: "require('node:fs').writeFileSync('/tmp/plexus-pdf', '')",
      program: "require('node:child_process').spawnSync('true')",
      thread: "new (require('node:worker_threads').Worker)('1', { eval: true })",
      network: "require('node:net').connect(1, '127.0.0.1').on('error', (e) => { throw e; })",
    };
    for (const [what, code] of Object.entries(tries)) {
      const { stderr } = runWhole(process.execPath, [...pdfFlags(limits), "-e", code], { env: {} });
      expect(stderr, what).to.include("ERR_ACCESS_DENIED");
    }
    const { status } = runWhole(process.execPath, [...pdfFlags(limits), "-e", "1 + 1"], { env: {} });
    expect(status).to.equal(0);
  });
});
