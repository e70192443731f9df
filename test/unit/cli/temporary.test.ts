import { mock } from "node:test";
import { expect } from "chai";
import { Temporary } from "../../../cli/chat/temporary.ts";
import type { Printer } from "../../../cli/chat/printer.ts";
import { temporaryIdleMs } from "../../../protocols/answering/temporary.ts";
import { ok, type Result } from "../../../protocols/index.ts";

const answer = ok({ choices: [{ message: { content: "Yes." } }] });

function begin(ask: () => Promise<Result<unknown>> = async () => answer) {
  const said: string[] = [];
  const bodies: object[] = [];
  const print = (text: string): void => void said.push(text);
  const printer = { dim: (text: string) => text, remark: print, show: (_: unknown, text: string) => print(text) };
  const model = (body: object) => {
    bodies.push(body);
    return ask();
  };
  return { temporary: new Temporary("ada.helper", model, printer as unknown as Printer), said, bodies };
}

describe("a temporary conversation in the terminal", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
  afterEach(() => mock.timers.reset());

  it("is forgotten when nothing was said for an hour, without the next word", async () => {
    const { temporary, said, bodies } = begin();
    await temporary.say("one");
    mock.timers.tick(temporaryIdleMs - 1);
    await temporary.say("two");
    mock.timers.tick(temporaryIdleMs - 1);
    expect(said.join("\n")).to.not.include("is gone");
    mock.timers.tick(1);
    expect(said.at(-1)).to.include("is gone");
    await temporary.say("three");
    expect(bodies.at(-1)).to.deep.equal({ model: "agent:ada.helper", messages: [{ role: "user", content: "three" }] });
  });

  it("shows no answer that comes when it has ended", async () => {
    const { promise, resolve } = Promise.withResolvers<Result<unknown>>();
    const { temporary, said } = begin(() => promise);
    const asked = temporary.say("one");
    temporary.end();
    resolve(answer);
    await asked;
    expect(said).to.have.length(1);
  });
});
