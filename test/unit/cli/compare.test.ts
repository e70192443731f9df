import { expect } from "chai";
import { compare } from "../../../cli/chat/compare.ts";
import type { Follower } from "../../../client/index.ts";
import { failure, ok, refused, type Result } from "../../../protocols/index.ts";

type Asked = readonly [name: string, key: string, fields: Record<string, unknown>];

/** Compares the models `a` and `b`, where commands are answered so. */
function comparing(answer: (asked: Asked) => Result<unknown>) {
  const asked: Asked[] = [];
  const shown: unknown[] = [];
  const followers = new Map<string, Follower>();
  let interrupt = (): void => {};
  const at = {
    client: {
      call: async (...command: Asked) => {
        asked.push(command);
        return answer(command);
      },
      follow: (topic: string, follower: Follower) => {
        followers.set(topic, follower);
        return () => {};
      },
    },
    place: { kind: "agent", key: "ada.helper" },
    printer: { show: (one: unknown) => shown.push(one), dim: (text: string) => text },
    whileStoppable: <Came>(stop: () => void, act: () => Promise<Came>) => {
      interrupt = stop;
      return act();
    },
  } as unknown as Parameters<typeof compare>[2];
  const named = (name: string): readonly string[] => asked.flatMap((one) => (one[0] === name ? [one[1]] : []));
  const answers = (number: number, text: string): void => {
    const turn = { turn: 2, role: "assistant", text, atMs: 1 };
    followers.get(`agent/ada.helper.${number}`)?.event({ type: "answered", generation: "", turn }, 1);
  };
  return {
    compare: (words: readonly string[]) => compare(words, "hello", at),
    asked,
    shown,
    named,
    answers,
    stop: () => interrupt(),
  };
}

const usual =
  (opened = 0) =>
  (command: Asked): Result<unknown> =>
    ok(command[0] === "agent.open" ? { number: (opened += 1) } : { turn: 1 });
const both = ["ada.helper.1", "ada.helper.2"];

describe("a comparison of two models in the terminal", () => {
  it("refuses one model twice, and opens nothing", async () => {
    const at = comparing(usual());
    expect(await at.compare(["a", "a"])).to.have.property("wrong");
    expect(at.asked).to.deep.equal([]);
  });

  it("leaves no conversation behind when the second cannot be opened", async () => {
    const answer = usual();
    const at = comparing((command) =>
      command[2]["model"] === "b" ? refused(failure("LIMIT_REACHED")) : answer(command),
    );
    expect(await at.compare(["a", "b"])).to.have.nested.property("error.code", "LIMIT_REACHED");
    expect(at.asked.at(-1)).to.deep.equal(["agent.drop", "ada.helper", { number: 1 }]);
  });

  it("stops both at an interrupt, and what was on its way when it has come", async () => {
    const at = comparing(usual());
    const done = at.compare(["a", "b"]);
    // Both are opened, one after the other, and followed.
    while (at.named("agent.say").length < 2) await Promise.resolve();
    at.stop();
    expect(at.named("agent.stop")).to.deep.equal(both);
    for (const number of [1, 2]) at.answers(number, "half");
    while (at.named("agent.stop").length < 4) await Promise.resolve();
    for (const number of [1, 2]) at.answers(number, "half");
    expect(await done).to.deep.equal(ok(undefined));
    expect(at.shown).to.have.length(2);
  });

  it("stops the other where one fails, and shows what came", async () => {
    const answer = usual();
    const at = comparing((command) =>
      command[0] === "agent.say" && command[1] === both[0] ? refused(failure("QUEUE_FULL")) : answer(command),
    );
    const done = at.compare(["a", "b"]);
    while (at.named("agent.stop").length < 2) await Promise.resolve();
    at.answers(2, "half");
    expect(await done).to.have.nested.property("error.code", "QUEUE_FULL");
    expect(at.shown).to.have.length(1);
  });
});
