import { expect } from "chai";
import { ok, type Result } from "../../../protocols/index.ts";
import { parseLine } from "../../../cli/chat/commands.ts";
import { deletesSeveral, isOfModeration, moderate, numbersOf } from "../../../cli/chat/moderation.ts";
import { describeRoomEvent } from "../../../cli/chat/view.ts";
import type { Call } from "../../../client/call.ts";

describe("a moderator at the terminal", () => {
  const operations: unknown[] = [];
  const printed: string[] = [];
  let answer: Result<unknown> = ok({});
  const at = {
    call: ((name: string, input: object) => {
      operations.push([name, input]);
      return Promise.resolve(answer);
    }) as unknown as Call,
    client: { call: () => Promise.resolve(answer) } as never,
    printer: { show: (_: object, text: string) => printed.push(text), remark: (text: string) => printed.push(text), dim: String } as never, // prettier-ignore
    names: { ready: async () => undefined, who: (principal: string) => principal.replace(/^.*\//, "") },
  };
  const take = async (text: string, room: string | undefined = "den") => {
    const line = parseLine(text);
    if (line.type !== "command") return { wrong: line.type === "wrong" ? line.reason : line.type };
    const name = isOfModeration(line.name) ? line.name : "delete";
    expect(name !== "delete" || deletesSeveral(line), text).to.equal(true);
    return moderate({ ...line, name }, { ...at, room });
  };
  const asked = async (text: string): Promise<unknown> => {
    const result = await take(text);
    expect("wrong" in result, JSON.stringify(result)).to.equal(false);
    return operations.at(-1);
  };

  it("mutes for a time or for ever, lifts it, and warns", async () => {
    const room = "den";
    expect(await asked("/mute bob 10m too loud")).to.deep.equal(["rooms.mute", { room, member: "user/bob", muteForMs: 600_000, reason: "too loud" }]); // prettier-ignore
    expect(await asked("/mute @Bob 2h")).to.deep.equal(["rooms.mute", { room, member: "user/bob", muteForMs: 7_200_000 }]); // prettier-ignore
    expect(await asked("/mute bob.helper ever")).to.deep.equal(["rooms.mute", { room, member: "agent/bob.helper" }]);
    expect(await asked("/unmute bob")).to.deep.equal(["rooms.unmute", { room, member: "user/bob" }]);
    expect(await asked("/warn bob be kind")).to.deep.equal(["rooms.warn", { room, member: "user/bob", reason: "be kind" }]); // prettier-ignore
    expect(await take("/mute bob soon"))
      .to.have.property("wrong")
      .that.matches(/for how long/);
    expect(await take("/mute bob"))
      .to.have.property("wrong")
      .that.matches(/Usage/);
    expect(await take("/warn bob"))
      .to.have.property("wrong")
      .that.matches(/Usage/);
    expect(await moderate({ name: "warnings", words: [], rest: "" }, { ...at, room: undefined })).to.have.property(
      "wrong",
    );
  });

  it("deletes several messages by their numbers, and says which stay", async () => {
    answer = ok({ outcomes: [{ seq: 3, outcome: "deleted" }, { seq: 4, outcome: "FORBIDDEN" }] }); // prettier-ignore
    expect(await asked("/delete 3 #4 7-9")).to.deep.equal(["rooms.deleteMessages", { room: "den", seqs: [3, 4, 7, 8, 9] }]); // prettier-ignore
    expect(printed.at(-1)).to.equal("* 1 message deleted; #4 is not yours.");
    expect(numbersOf(["9-7"])).to.have.property("wrong");
    expect(numbersOf(["x"])).to.have.property("wrong");
    expect(numbersOf(["1-101"]))
      .to.have.property("wrong")
      .that.matches(/At most 100/);
    const one = parseLine("/delete 7");
    expect(one.type === "command" && deletesSeveral(one)).to.equal(false);
  });

  it("reads who was warned, without signs that a terminal obeys", async () => {
    const warning = { id: "w", member: "user/bob", by: "user/ada", atMs: 0, reason: "be \u001b[2Jkind" };
    answer = ok({ warnings: [warning] });
    await take("/warnings");
    expect(printed.at(-1)).to.match(/^bob: be .*kind \(by ada, .*, not read yet\)$/);
    expect(printed.at(-1)).not.to.include("\u001b");
  });

  it("reads in the room who was muted, and what was deleted together", () => {
    const look = { color: false, who: (who: string) => who.replace(/^.*\//, ""), said: () => "" };
    const muted = { type: "muted", member: "user/bob", by: "user/ada", atMs: 0, reason: "loud" } as const;
    expect(describeRoomEvent(muted, look)).to.equal("* ada muted bob: loud");
    expect(describeRoomEvent({ type: "unmuted", member: "user/bob", by: "user/ada" }, look)).to.equal("* ada lifted the mute of bob"); // prettier-ignore
    const gone = [3, 4].map((seq) => ({ seq, author: "user/bob", text: "", atMs: 0, deletedAtMs: 1 }));
    const event = { type: "withdrawn", recall: "", through: 0, messages: gone, by: "user/ada" } as const;
    expect(describeRoomEvent(event, look)).to.equal("* ada deleted #3, #4");
  });
});
