import { expect } from "chai";
import { drawingCharsMax, isCostly } from "../../../web/src/view/parts/diagram-words.ts";
import { DrawingQueue, notDrawn, type Picture } from "../../../web/src/view/parts/drawing-queue.ts";
import { settled } from "../../world/index.ts";

type Outcome = Picture | "late" | "unloaded";

/** A program that draws when the test says so, in a tab that keeps a note. */
class Program {
  readonly drawing: { readonly text: string; readonly end: (outcome: Outcome) => void }[] = [];
  noted: string | undefined;

  queue(): DrawingQueue {
    return new DrawingQueue({
      draw: (text) => new Promise((end) => this.drawing.push({ text, end })),
      note: {
        read: () => this.noted,
        write: () => void (this.noted = "1"),
        remove: () => void (this.noted = undefined),
      },
    });
  }

  async end(outcome: Outcome): Promise<void> {
    this.drawing.shift()?.end(outcome);
    await settled();
  }
}
const svg = (text: string): Picture => ({ number: 1, svg: `<svg>${text}</svg>`, width: 1, height: 1 });

describe("diagrams that wait to be drawn", () => {
  it("are drawn one at a time, once each, and not when they are shown no more", async () => {
    const program = new Program();
    const queue = program.queue();
    const over = new AbortController();
    const first = queue.draw("a", false);
    const gone = queue.draw("b", false, { signal: over.signal });
    const last = queue.draw("c", false);
    const same = queue.draw("c", false);
    expect(program.drawing.map(({ text }) => text)).to.deep.equal(["a"]);
    over.abort();
    expect(await gone).to.equal(undefined);
    await program.end(svg("a"));
    expect(program.drawing.map(({ text }) => text)).to.deep.equal(["c"]);
    await program.end(svg("c"));
    expect(await Promise.all([first, last, same])).to.deep.equal([svg("a"), svg("c"), svg("c")]);
    expect([program.drawing.length, program.noted]).to.deep.equal([0, undefined]);
  });

  it("say why they are not drawn: too many wait, or the program could not be loaded, which none waits for then", async () => {
    const program = new Program();
    const queue = program.queue();
    const all = Array.from({ length: 102 }, (_, at) => queue.draw(`${at}`, false));
    expect(await all[101]).to.equal(notDrawn.full);
    await program.end("unloaded");
    for (const one of all.slice(0, 101)) expect(await one).to.equal(notDrawn.unloaded);
    expect(program.drawing).to.have.length(0);
    // It may be there next time.
    const again = queue.draw("0", false);
    await program.end(svg("0"));
    expect(await again).to.deep.equal(svg("0"));
  });

  it("are not tried again where one took too long, and further ones only when somebody asks, until one is drawn", async () => {
    const program = new Program();
    const queue = program.queue();
    const [slow, next] = [queue.draw("slow", false), queue.draw("next", false)];
    await program.end("late");
    expect([await slow, await next]).to.deep.equal([notDrawn.late, "ask"]);
    expect([await queue.draw("slow", true), await queue.draw("other", true)]).to.deep.equal([notDrawn.late, "ask"]);
    expect(program.drawing).to.have.length(0);
    const wanted = queue.draw("next", false, { pressed: true });
    await program.end(svg("next"));
    expect(await wanted).to.deep.equal(svg("next"));
    expect(program.noted).to.equal(undefined);
    void queue.draw("other", true);
    expect(program.drawing).to.have.length(1);
  });

  it("are not drawn by a page that was loaded anew while one was being drawn", async () => {
    const program = new Program();
    void program.queue().draw("endless", false);
    expect(program.noted).to.equal("1");
    program.drawing.length = 0;
    const anew = program.queue();
    expect(await anew.draw("endless", false)).to.equal("ask");
    expect(program.drawing).to.have.length(0);
  });

  it("that may take long are drawn when somebody asks", async () => {
    const days = "dateFormat YYYY-MM-DD\n excludes weekends\n a: 2026-01-01, 7000y";
    for (const text of [`gantt\n ${days}`, `%%{init: {}}%% GANTT\n ${days}`, "x".repeat(drawingCharsMax)])
      expect(isCostly(text), text.slice(0, 40)).to.equal(true);
    for (const text of ["gantt\n Boil :a1, 2026-01-01, 3d", "flowchart LR\n a -->|excludes| b"])
      expect(isCostly(text), text).to.equal(false);
    const program = new Program();
    const queue = program.queue();
    expect(await queue.draw(`gantt\n ${days}`, false)).to.equal("ask");
    void queue.draw(`gantt\n ${days}`, false, { pressed: true });
    expect(program.drawing).to.have.length(1);
  });
});
