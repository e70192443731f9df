import { expect } from "chai";
import { ok, type RoomHistory, type RoomMessage } from "../../../protocols/index.ts";
import { deletedWords, writtenSince } from "../../../web/src/model/written-since.ts";

const said = (seq: number, author: string, atMs: number, more: object = {}): RoomMessage => ({
  seq,
  author,
  text: `${seq}`,
  atMs,
  ...more,
});
const foundIn = async (messages: readonly RoomMessage[], member: string, sinceMs: number) => {
  const history = async ({ before = Infinity }: { readonly before?: number }) => {
    const older = messages.filter(({ seq }) => seq < before);
    const page: RoomHistory = { messages: older.slice(-2), more: older.length > 2 };
    return ok(page);
  };
  const found = await writtenSince(history, member, sinceMs);
  return found.ok && found.value;
};

describe("what somebody wrote lately", () => {
  it("is theirs and their agents', also behind a message with an older time", async () => {
    const messages = [
      said(1, "user/bob", 10),
      said(2, "user/bob", 20),
      said(3, "user/bob", 60),
      said(4, "agent/bob.helper", 60),
      said(5, "user/bo", 60),
      said(6, "agent/bobby.helper", 60),
      // Brought back, and by a clock that was behind.
      said(7, "user/cleo", 5, { restored: { seq: 1, atMs: 5, recall: "r", snapshot: 1, backupAtMs: 6 } }),
      said(8, "user/cleo", 30),
      said(9, "user/cleo", 70),
      said(10, "user/bob", 70, { deletedAtMs: 80 }),
      said(11, "user/bob", 80),
    ];
    expect(await foundIn(messages, "user/bob", 50)).to.deep.equal({ seqs: [11, 4, 3], isPart: false });
    expect(await foundIn(messages, "agent/bob.helper", 50)).to.deep.equal({ seqs: [4], isPart: false });
  });

  it("says how many the room kept", () => {
    expect(deletedWords(1, 0)).to.equal("1 message deleted.");
    expect(deletedWords(3, 2)).to.equal("3 messages deleted. 2 could not be.");
  });
});
