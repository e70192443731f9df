import { createCanvas } from "@napi-rs/canvas";
import { expect } from "chai";
import { createClock } from "../../../node/platform/index.ts";
import { runWhole } from "../../../runtimes/children.ts";
import { createOpener } from "../../../runtimes/opened/index.ts";
import { openedFlags } from "../../../runtimes/opened/process.ts";
import { isAnswer } from "../../../runtimes/opened/told.ts";
import { pdfOf, pdfOfStreams } from "../../fixtures/pdf.ts";
import { quietLog } from "../../fixtures/quiet.ts";

describe("the process that opens files of strangers", function () {
  this.timeout(60_000);

  it("may open no other file, reach no network and begin no program", () => {
    const tries = {
      file: "require('node:fs').readFileSync('/etc/hostname')",
      root: "require('node:fs').readFileSync('/proc/self/root/etc/hostname')",
      folder: "require('node:fs').readdirSync('/proc/self/cwd')",
      environment: "require('node:fs').readFileSync('/proc/self/environ')",
      parent: `require('node:fs').readFileSync('/proc/self/root/proc/${process.pid}/environ')`,
      install: `require('node:fs').readdirSync(${JSON.stringify(process.cwd())})`,
      write: "require('node:fs').writeFileSync('/tmp/plexus-opened', '')",
      program: "require('node:child_process').spawnSync('true')",
      thread: "new (require('node:worker_threads').Worker)('1', { eval: true })",
      network: "require('node:net').connect(1, '127.0.0.1').on('error', (e) => { throw e; })",
    };
    for (const [what, code] of Object.entries(tries)) {
      const { stderr } = runWhole(process.execPath, [...openedFlags(), "-e", code], { env: {} });
      expect(stderr, what).to.include("ERR_ACCESS_DENIED");
    }
    const { status } = runWhole(process.execPath, [...openedFlags(), "-e", "1 + 1"], { env: {} });
    expect(status).to.equal(0);
  });

  it("draws the first page of a document whatever the others say, and reads text where it is asked to", async () => {
    const line = Buffer.from("BT /F1 12 Tf 72 700 Td (hello) Tj ET");
    const heavy = Buffer.from("BT /F1 1 Tf " + "0 0 Td () Tj ".repeat(1_500_000) + "ET");
    const opener = createOpener({ clock: createClock(), log: quietLog });
    const bytes = pdfOfStreams([line, ...Array.from({ length: 14 }, () => heavy)]);
    const told = await opener.open("document", { bytes, box: { width: 720, height: 520 } }, "user/ada");
    expect(told?.height).to.equal(520);
    const asks = { bytes: pdfOf(["One zebra."]), charsMax: 100, pagesMax: 10 };
    const text = { text: "One zebra.", isCut: false, pages: 1, pagesRead: 1 };
    expect(await opener.open("text", asks, "user/ada")).to.deep.equal(text);
    opener.stop();
  });

  it("is believed where it tells what it was asked for, and nowhere else", async () => {
    const box = { width: 40, height: 30 };
    const task = { is: "picture", bytes: Buffer.from(""), box } as const;
    const webp = (width: number, height: number) => createCanvas(width, height).encode("webp", 50);
    const bytes = await webp(40, 30);
    expect(isAnswer(task, { bytes, width: 40, height: 30 })).to.equal(true);
    for (const told of [
      undefined,
      null,
      "x",
      {},
      { bytes, width: 30, height: 40 },
      { bytes: await webp(80, 60), width: 80, height: 60 },
      { bytes: Buffer.concat([bytes, Buffer.alloc(256 * 1024)]), width: 40, height: 30 },
      { bytes: await createCanvas(40, 30).encode("png"), width: 40, height: 30 },
    ])
      expect(isAnswer(task, told), JSON.stringify(told)?.slice(0, 60)).to.equal(false);
    const page = { is: "page", bytes: Buffer.from(""), type: "", url: "" } as const;
    expect(isAnswer(page, { title: "One" })).to.equal(true);
    for (const told of [{ title: 1 }, { title: "x".repeat(100_000) }, { other: "x" }])
      expect(isAnswer(page, told)).to.equal(false);
    const text = { is: "text", bytes: Buffer.from(""), charsMax: 3, pagesMax: 2 } as const;
    const read = { text: "abc", isCut: true, pages: 9, pagesRead: 2 };
    expect(isAnswer(text, read)).to.equal(true);
    expect(isAnswer(text, { isLocked: true })).to.equal(true);
    for (const told of [
      { ...read, text: "abcd" },
      { ...read, text: 1 },
      { ...read, isCut: undefined },
      { ...read, pagesRead: 3 },
      { ...read, pagesRead: -1 },
      { ...read, pages: "9" },
      { ...read, isLocked: true },
      { ...read, other: "x" },
    ])
      expect(isAnswer(text, told), JSON.stringify(told)).to.equal(false);
  });
});
