import { expect } from "chai";
import type { Posted } from "../../protocols/index.ts";
import { depth } from "../depth.ts";
import { ChatClient } from "../fixtures/processes/chat-client.ts";
import { check } from "../fixtures/processes/cluster-checks.ts";
import type { Acknowledged } from "../fixtures/processes/cluster-load.ts";
import { untilTrue } from "../waits.ts";
import { createDataFolder, NodeProcess, withoutAi } from "../fixtures/processes/node-process.ts";

const rounds = Number(process.env["PLEXUS_KILL_ROUNDS"] ?? depth(5, 50));
const rooms = ["lobby", "kitchen"];
const writersPerRoom = 3;

/** How many posts are acknowledged in a life before kill -9: from inside the start of the load to well into it. */
const lifePosts = (round: number): number => 1 + ((round * 43) % 120);

describe("a node that is killed under load", () => {
  it("keeps every acknowledged post once and in order, for every reader, and knows repeated operations", async function () {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path, withoutAi);
    await node.start();
    const url = () => node.url;
    const names = ["ada", "bob", "cleo", "dan", "eve", "finn"];
    const tokens = new Map<string, string>();
    for (const name of names) tokens.set(name, await node.signUp(name));
    const clientOf = (name: string): ChatClient => new ChatClient(url, tokens.get(name) ?? "");

    const owner = clientOf("ada");
    for (const room of rooms) await owner.command("room.create", room, {}, `create-${room}`);
    const readers = names.slice(0, 3).map(clientOf);
    const writers = names.map(clientOf);
    for (const [index, name] of names.entries()) {
      for (const room of rooms)
        if (name !== "ada") await writers[index]?.command("room.join", room, {}, `join-${room}`);
    }
    for (const reader of readers) for (const room of rooms) reader.follow(`room/${room}`);

    let writing = true;
    const acknowledged = new Map<string, Acknowledged[]>();
    const acknowledgements = (): number => [...acknowledged.values()].reduce((sum, { length }) => sum + length, 0);
    const write = async (writer: ChatClient, name: string, room: string): Promise<void> => {
      const mine: Acknowledged[] = [];
      acknowledged.set(`${room} ${name}`, mine);
      for (let index = 0; writing; index += 1) {
        const text = `${room} ${name} ${index}`;
        const operationId = `post-${room}-${index}`;
        const answer = await writer.command("room.post", room, { text }, operationId);
        if ("error" in answer) throw new Error(`${text}: ${JSON.stringify(answer.error)}`);
        mine.push({ text, operationId, seq: (answer.ok as Posted).seq, sent: answer.sent });
      }
    };
    const writes = rooms.flatMap((room, roomIndex) =>
      names
        .slice(roomIndex * writersPerRoom, (roomIndex + 1) * writersPerRoom)
        .map((name, index) => write(writers[roomIndex * writersPerRoom + index] as ChatClient, name, room)),
    );

    for (let round = 0; round < rounds; round += 1) {
      const target = acknowledgements() + lifePosts(round);
      await untilTrue("posts are acknowledged", () => acknowledgements() >= target);
      await node.end("SIGKILL");
      await node.start();
    }
    await untilTrue("every writer was acknowledged more than once a life", () =>
      [...acknowledged.values()].every((posts) => posts.length > rounds),
    );
    writing = false;
    await Promise.all(writes);

    const writer = (name: string): ChatClient => writers[names.indexOf(name)] as ChatClient;
    await check({ acknowledged, readers, writer }, rooms);
    for (const client of [owner, ...readers, ...writers]) client.close();
    expect(await node.end("SIGTERM")).to.equal(0);
  });
});
