import { expect } from "chai";
import { parseLine } from "../../../cli/chat/commands.ts";
import { requestOf, requestOfText, type Asking, type Here, type Place } from "../../../cli/chat/requests.ts";

const den: Place = { kind: "room", key: "den" };
const helper: Place = { kind: "agent", key: "ada.helper" };

/** What a typed line asks for; a text is why it asks for nothing. */
function asked(text: string, place: Place | undefined): unknown {
  const here: Here = {
    place,
    hasReacted: (seq, emoji) => seq === 7 && emoji === "🎲",
    editedAtMs: (seq) => (seq === 7 ? 5_000 : undefined),
    topic: () => "news",
    awaited: () => undefined,
    saidBehind: () => 4,
  };
  const line = parseLine(text);
  const request =
    line.type === "say"
      ? requestOfText(line.text, here)
      : line.type === "command"
        ? requestOf(line.name as Asking, line, here)
        : expect.fail(line.type);
  return "wrong" in request ? request.wrong : [request.name, request.parameters];
}

describe("a line of the terminal", () => {
  it("asks the room where the person is, by the numbers and names that are printed", () => {
    for (const [line, ...wanted] of [
      ["hi", "room.post", { text: "hi" }],
      ["//not a command", "room.post", { text: "/not a command" }],
      ["/reply #7 yes", "room.post", { text: "yes", replyTo: 7 }],
      ["/also 7 yes", "room.post", { text: "yes", replyTo: 7, alsoInRoom: true }],
      ["/unread #7", "room.markUnread", { seq: 7 }],
      // It rests on what was shown, where it was shown.
      ["/edit 7 no", "room.edit", { seq: 7, text: "no", seen: 5_000 }],
      ["/edit 8 no", "room.edit", { seq: 8, text: "no" }],
      ["/delete 7", "room.delete", { seq: 7 }],
      ["/invite @Bén", "room.invite", { member: "user/ben" }],
      ["/invite @Ada.Helper", "room.invite", { member: "agent/ada.helper" }],
      ["/react 7 🎲", "room.react", { seq: 7, emoji: "🎲", on: false }],
      ["/react 8 ❤", "room.react", { seq: 8, emoji: "❤️", on: true }],
      ["/react 8 🎲", "room.react", { seq: 8, emoji: "🎲", on: true }],
      ["/poll Lunch? | Pizza | Soup", "room.poll", { question: "Lunch?", options: ["Pizza", "Soup"] }],
      ["/multipoll When? | Mo | Tu", "room.poll", { question: "When?", options: ["Mo", "Tu"], multiple: true }],
      ["/vote 7 3, 1 3", "room.vote", { seq: 7, choices: [2, 0] }],
      ["/vote 7", "room.vote", { seq: 7, choices: [] }],
      ["/close 7", "room.closePoll", { seq: 7 }],
      ["/move 7 dice only", "room.moveTopic", { seq: 7, into: "dice only" }],
      ["/move 7", "room.moveTopic", { seq: 7 }],
      ["/moveall 7 dice", "room.moveTopic", { seq: 7, into: "dice", later: true }],
      ["/retopic dice | all games", "room.moveTopic", { topic: "dice", into: "all games" }],
      ["/resolve all games", "room.resolveTopic", { topic: "all games", resolved: true }],
      ["/reopen all games", "room.resolveTopic", { topic: "all games", resolved: false }],
      ["/followtopic dice", "room.followTopic", { topic: "dice", interest: "follow" }],
      ["/mutetopic dice", "room.followTopic", { topic: "dice", interest: "mute" }],
      ["/anytopic dice", "room.followTopic", { topic: "dice", interest: "none" }],
      ["/about dice only", "room.setTopic", { topic: "dice only", seen: "news" }],
      ["/follow #7", "room.followThread", { seq: 7, follow: true }],
      ["/unfollow 7", "room.followThread", { seq: 7, follow: false }],
      ["/visibility private", "room.setVisibility", { visibility: "private" }],
      ["/archive", "room.setArchived", { archived: true }],
      ["/unarchive", "room.setArchived", { archived: false }],
      ["/posting threads", "room.setRules", { posting: "threads" }],
      ["/keepedits no", "room.setRules", { keepsVersions: false }],
      ["/slow 30", "room.setRules", { slowMs: 30_000 }],
      ["/stop 7", "room.stop", { seq: 7 }],
      ["/stop all", "room.stopAgents", {}],
      ["/agentrules turns 4", "room.setAgents", { turns: 4 }],
      ["/agentrules tokens 100000", "room.setAgents", { dayTokens: 100_000 }],
      ["/invite bob", "room.invite", { member: "user/bob" }],
      ["/invite ada.helper", "room.invite", { member: "agent/ada.helper" }],
      ["/leave", "room.leave", {}],
      ["/leave bob", "room.leave", { successor: "user/bob" }],
    ] as const)
      expect(asked(line, den), line).to.deep.equal(wanted);
  });

  it("asks the agent with whom the person is", () => {
    for (const [line, ...wanted] of [
      ["hi", "agent.say", { text: "hi" }],
      ["/stop", "agent.stop", {}],
      ["/regenerate", "agent.regenerate", {}],
      ["/resend better", "agent.say", { text: "better", parent: 4 }],
      ["/clear", "agent.clear", {}],
    ] as const)
      expect(asked(line, helper), line).to.deep.equal(wanted);
  });

  it("asks for nothing where it does not fit, and says what would", () => {
    for (const [line, place, wanted] of [
      ["hi", undefined, "Choose a room with /join ROOM or an agent with /agent NAME."],
      ["/about dice", helper, "Go to a room first: /join ROOM."],
      ["/leave", undefined, "Go to a room first: /join ROOM."],
      ["/stop", den, "Nobody is answering you here. /stop N stops the answer to message N."],
      ["/stop", undefined, "Talk to an agent first: /agent NAME."],
      ["/posting nobody", den, "Say who posts: members, threads or moderators."],
      ["/slow down", den, "down is not a number of seconds."],
      ["/agentrules turns many", den, "Say turns or tokens, and a number: /agentrules turns 4."],
      ["/agentrules money 4", den, "Say turns or tokens, and a number: /agentrules tokens 100000."],
      ["/delete seven", den, "seven is not the number of a message."],
      ["/edit 0 no", den, "0 is not the number of a message."],
      ["/vote 7 pizza", den, "pizza is not the number of an option."],
      ["/poll Lunch? | Pizza", den, "A poll needs a question and two options: /poll Lunch? | Pizza | Soup"],
    ] as const)
      expect(asked(line, place), line).to.equal(wanted);
  });
});
