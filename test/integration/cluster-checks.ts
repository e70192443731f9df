/** What must hold after whatever happened to nodes under load. */
import { expect } from "chai";
import { kernelLimits } from "../../node/kernel/index.ts";
import type { Posted, RoomHistory, RoomMessage } from "../../protocols/index.ts";
import type { ChatClient, Seen } from "./chat-client.ts";
import { rooms as roomsOfLoad, type Acknowledged } from "./cluster-load.ts";
import { until } from "./cluster-waits.ts";

/** The newest posts of each writer that are sent once more. */
const repeated = 20;

/** What people were told while they wrote, and who can still be asked. */
export interface Written {
  /** By `room writer`. */
  readonly acknowledged: ReadonlyMap<string, readonly Acknowledged[]>;
  readonly readers: readonly ChatClient[];
  writer(name: string): ChatClient;
}

/** Nothing acknowledged is lost, repeated or out of its writer's order, nothing is there that nobody wrote, readers saw all of
 *  it once and in order, and posts that are sent again are known. */
export async function check(load: Written, rooms: readonly string[] = roomsOfLoad): Promise<void> {
  const everything = new Set([...load.acknowledged.values()].flat().map(({ text }) => text));
  for (const room of rooms) {
    const history = await readHistory(load.writer("ada"), room);
    const bySeq = new Map(history.map((message) => [message.seq, message]));
    expect(history.map(({ seq }) => seq)).to.deep.equal(history.map((_, index) => index + 1));
    const texts = history.map(({ text }) => text);
    expect(texts.length - new Set(texts).size, `texts that ${room} has twice`).to.equal(0);
    expect(
      texts.filter((text) => !everything.has(text)),
      `what nobody wrote in ${room}`,
    ).to.deep.equal([]);
    for (const [writer, posts] of load.acknowledged) {
      if (!writer.startsWith(`${room} `)) continue;
      const lost = posts.filter((post) => bySeq.get(post.seq)?.text !== post.text);
      expect(lost, `acknowledged posts that are not there`).to.deep.equal([]);
      expect(overtaken(posts), `overtaken posts of ${writer}`).to.deep.equal([]);
    }
    for (const reader of load.readers) await checkReader(reader, room, texts);
  }
  await checkRepeats(load);
}

/** Posts that are in the room behind one that was sent later, each with those before it. One that was refused is as good as
 *  sent when it was sent again. */
function overtaken(posts: readonly Acknowledged[]): readonly (readonly Acknowledged[])[] {
  const sent = posts.toSorted((one, other) => one.sent.first - other.sent.first);
  /** The lowest seq of those from here on. */
  const lowest = sent.map(({ seq }) => seq);
  for (let index = lowest.length - 2; index >= 0; index -= 1)
    lowest[index] = Math.min(lowest[index] as number, lowest[index + 1] as number);
  return sent.flatMap((post, index) => {
    const { seq } = post;
    let later = index + 1;
    while ((sent[later]?.sent.first ?? Infinity) <= post.sent.since) later += 1;
    if (seq <= (lowest[later] ?? Infinity)) return [];
    return [[post, ...sent.slice(later).filter((other) => other.seq < seq)]];
  });
}

async function checkReader(reader: ChatClient, room: string, texts: readonly string[]): Promise<void> {
  const posted = (): Seen[] => (reader.seen.get(`room/${room}`) ?? []).filter(({ event }) => event.type === "posted");
  await until(`a reader sees all of ${room}`, () => {
    if (posted().length < texts.length) throw new Error(`${posted().length} of ${texts.length} posts`);
  });
  const seen = reader.seen.get(`room/${room}`) ?? [];
  expect(seen.map(({ at }) => at)).to.deep.equal(seen.map((_, index) => index + 1));
  expect(posted().map(({ event }) => (event["message"] as RoomMessage).text)).to.deep.equal(texts);
}

function newest(load: Written, room: string): number {
  let highest = 0;
  for (const [writer, posts] of load.acknowledged)
    if (writer.startsWith(`${room} `)) for (const { seq } of posts) highest = Math.max(highest, seq);
  return highest;
}

async function checkRepeats(load: Written): Promise<void> {
  for (const [writer, posts] of load.acknowledged) {
    const [room, name] = writer.split(" ") as [string, string];
    const highest = newest(load, room);
    for (const { text, operationId, seq } of posts.slice(-repeated)) {
      // Whoever comes back only now, after that many others, is not remembered.
      if (seq <= highest - kernelLimits.answersMax / 2) continue;
      const again = await load.writer(name).command("room.post", room, { text }, operationId);
      expect("ok" in again && (again.ok as Posted).seq, `${text}, sent again`).to.equal(seq);
    }
  }
}

/** All messages of a room, as its journal has them. */
export async function readHistory(client: ChatClient, room: string): Promise<readonly RoomMessage[]> {
  const messages: RoomMessage[] = [];
  for (;;) {
    const after = messages.at(-1)?.seq ?? 0;
    const answer = await client.command("room.history", room, { after, limit: 200 });
    if ("error" in answer) throw new Error(JSON.stringify(answer.error));
    const page = answer.ok as RoomHistory;
    messages.push(...page.messages);
    if (!page.more) return messages;
  }
}
