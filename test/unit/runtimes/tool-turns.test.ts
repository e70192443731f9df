import { expect } from "chai";
import fc from "fast-check";
import type { ChatMessage } from "../../../protocols/index.ts";
import { withResultsInPlace } from "../../../runtimes/tool-turns.ts";

const call = (id: string, name = id) => ({ id, name, arguments: "{}" });
const says = (...calls: ReturnType<typeof call>[]): ChatMessage => ({ role: "assistant", content: "", calls });
const gives = (callId: string, content: string): ChatMessage => ({ role: "tool", callId, content });
const user = (content: string): ChatMessage => ({ role: "user", content });

/** Who answered what, in order. */
const pairs = (messages: readonly ChatMessage[]): readonly string[] => {
  const names = new Map(messages.flatMap(({ calls = [] }) => calls.map(({ id, name }) => [id, name])));
  return messages.flatMap(({ role, callId = "", content }) =>
    role === "tool" ? [`${names.get(callId)}=${content}`] : [],
  );
};

describe("results of calls", () => {
  it("belong to the nearest open call before them, where an id comes again", () => {
    const messages = withResultsInPlace([
      user("go"),
      says(call("call_1", "first")),
      gives("call_1", "1"),
      says(call("call_1", "second")),
      gives("call_1", "2"),
    ]);
    expect(pairs(messages)).to.deep.equal(["first=1", "second=2"]);
    expect(messages.flatMap(({ calls = [] }) => calls.map(({ id }) => id))).to.deep.equal(["call_1", "call_1_2"]);
    const late = withResultsInPlace([
      says(call("a", "old")),
      says(call("a", "new")),
      gives("a", "new"),
      gives("a", "old"),
    ]);
    expect(pairs(late)).to.deep.equal(["old=old", "new=new"]);
    const twins = withResultsInPlace([says(call("", "one"), call("", "two")), gives("", "one"), gives("", "two")]);
    expect(pairs(twins)).to.deep.equal(["one=one", "two=two"]);
  });

  it("stand right behind their calls, whatever was said meanwhile", () => {
    const said: readonly ChatMessage[] = [
      says(call("a"), call("b")),
      gives("a", "1"),
      user("quick"),
      gives("b", "2"),
      { role: "system", content: "careful" },
    ];
    expect(withResultsInPlace(said)).to.deep.equal([said[0], said[1], said[3], said[2], said[4]]);
  });

  it("stay where they are without a call", () => {
    const said = [gives("a", "1"), says(call("a")), gives("a", "2"), gives("a", "3")];
    expect(withResultsInPlace(said)).to.deep.equal(said);
    expect(withResultsInPlace([user("go")])).to.deep.equal([user("go")]);
  });

  it("are all there, and ids are each used once, whatever the conversation", () => {
    const id = fc.constantFrom("a", "a_2", "b", "");
    const message = fc.oneof(
      fc.array(id, { minLength: 1, maxLength: 3 }).map((ids) => says(...ids.map((one) => call(one)))),
      fc.tuple(id, fc.string()).map(([one, text]) => gives(one, text)),
      fc.string().map(user),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), (said) => {
        const placed = withResultsInPlace(said);
        const key = ({ role, content }: ChatMessage): string => `${role}/${content}`;
        expect(placed.map(key).toSorted()).to.deep.equal(said.map(key).toSorted());
        const others = (all: readonly ChatMessage[]) => all.filter(({ role }) => role !== "tool").map(key);
        expect(others(placed)).to.deep.equal(others(said));
        if (!said.some(({ role }) => role === "tool")) return;
        const ids = placed.flatMap(({ calls = [] }) => calls.map((one) => one.id));
        expect(new Set(ids).size).to.equal(ids.length);
      }),
    );
  });
});
