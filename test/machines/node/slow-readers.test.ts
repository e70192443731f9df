/** A few accounts that ask for much and read nothing: what that costs the node, and everybody else. */
import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { WebSocket } from "ws";
import { wireLimits } from "../../../protocols/index.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { sleep } from "../../waits.ts";

const MiB = 1024 * 1024;
const attackers = ["eve", "mallory", "trudy"];
const connectionsEach = 20;

async function memoryOf(node: NodeProcess): Promise<number> {
  const status = await readFile(`/proc/${node.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

async function open(node: NodeProcess, token: string): Promise<WebSocket> {
  const socket = new WebSocket(`${node.url.replace("http", "ws")}/ws?token=${token}`);
  socket.on("error", () => undefined);
  await new Promise((resolve, reject) => socket.once("message", resolve).once("close", reject));
  return socket;
}

/** Sends commands and waits for all answers. */
async function ask(socket: WebSocket, commands: readonly object[]): Promise<void> {
  let answered = 0;
  const done = new Promise<void>((resolve, reject) => {
    socket.on("message", (data: Buffer) => {
      const { re, error } = JSON.parse(data.toString()) as { re?: number; error?: { code: string } };
      if (re === undefined) return;
      if (error !== undefined) reject(new Error(JSON.stringify(error)));
      else if ((answered += 1) === commands.length) resolve();
    });
  });
  for (const [index, command] of commands.entries()) socket.send(JSON.stringify({ id: index + 1, ...command }));
  await done;
}

/** A public room with a page of the largest size: as many of the longest messages as it takes. */
async function fillLibrary(node: NodeProcess, token: string): Promise<void> {
  const room = { room: "library", title: "Library", visibility: "public" };
  expect((await node.http("POST", "/api/v1/rooms", room, token)).status).to.equal(200);
  const writer = await open(node, token);
  const text = "x".repeat(wireLimits.messageCharsMax);
  for (let round = 0; round < 4; round += 1)
    await ask(
      writer,
      Array.from({ length: 50 }, () => ({ do: "room.post", to: "library", with: { text } })),
    );
  writer.close();
}

/** Watches a node, asking it for something all the time: its memory, and how long it took to answer. */
async function watch(node: NodeProcess, path: string, token: string, isOver: () => boolean | Promise<boolean>) {
  let highest = 0;
  let slowestMs = 0;
  while (!(await isOver())) {
    const startMs = performance.now();
    const answer = await node.http("GET", path, undefined, token);
    expect(answer.status, JSON.stringify(answer.body).slice(0, 300)).to.equal(200);
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    highest = Math.max(highest, await memoryOf(node));
    await sleep(20);
  }
  return { highest, slowestMs };
}

/** So many of the largest pages may come between a question and its answer. */
const pagesAhead = 50;

describe("a node with readers that do not read", function () {
  let folder: Awaited<ReturnType<typeof createDataFolder>>;
  let node: NodeProcess;
  let token: string;
  let tokens: readonly string[];
  /** How long the node takes for one of the largest pages when nobody else asks: what this machine can do. */
  let pageMs: number;
  before(async () => {
    folder = await createDataFolder();
    node = new NodeProcess(folder.path);
    await node.start();
    token = await node.signUp("ada");
    await fillLibrary(node, token);
    const page = `/api/v1/rooms/library/messages?limit=${wireLimits.pageEntriesMax}`;
    const timesMs: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const startMs = performance.now();
      expect((await node.http("GET", page, undefined, token)).status).to.equal(200);
      timesMs.push(performance.now() - startMs);
    }
    pageMs = timesMs.toSorted((one, other) => one - other)[2] ?? 0;
    tokens = await Promise.all(attackers.map((name) => node.signUp(name)));
    for (const each of tokens) await node.http("POST", "/api/v1/rooms/library/join", {}, each);
  });
  after(async () => {
    const code = await node.end("SIGTERM");
    await folder[Symbol.asyncDispose]();
    expect(code).to.equal(0);
  });

  /** What it takes stays within bounds, and everybody else is served meanwhile. */
  const expectUnmoved = async (before: number, path: string, isOver: () => boolean | Promise<boolean>) => {
    const { highest, slowestMs } = await watch(node, path, token, isOver);
    const figures = `${before} bytes before, ${highest} at most, ${Math.round(slowestMs)} ms for the slowest answer, ${Math.round(pageMs)} ms for a page`;
    expect(highest - before, figures).to.be.lessThan(300 * MiB);
    expect(slowestMs, figures).to.be.lessThan(pagesAhead * pageMs);
  };

  it("keeps its memory when pages are asked for over HTTP and not read", async () => {
    const before = await memoryOf(node);
    const { hostname: host, port } = new URL(node.url);
    const path = `/api/v1/rooms/library/messages?limit=${wireLimits.pageEntriesMax}`;
    const sockets = tokens.flatMap((each) =>
      Array.from({ length: 200 }, () => {
        const socket = connect({ host, port: Number(port) });
        socket.on("error", () => undefined).pause();
        socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${each}\r\n\r\n`);
        return socket;
      }),
    );
    const endMs = performance.now() + 5_000;
    await expectUnmoved(before, "/api/v1/rooms/library/messages?limit=50", () => performance.now() > endMs);
    for (const socket of sockets) socket.destroy();
  });

  it("keeps its memory and its pace, cuts them with a reason, and serves the others meanwhile", async () => {
    const before = await memoryOf(node);
    const sockets: WebSocket[] = [];
    for (const each of tokens)
      for (let count = 0; count < connectionsEach; count += 1) sockets.push(await open(node, each));
    const closed = new Promise<readonly [number, string]>((resolve) => {
      for (const socket of sockets) socket.once("close", (code, reason) => resolve([code, reason.toString()]));
    });
    for (const socket of sockets) {
      socket.pause();
      // What all connections of one person may send at once.
      for (let id = 1; id <= 600 / connectionsEach; id += 1)
        socket.send(
          JSON.stringify({ id, do: "room.history", to: "library", with: { limit: wireLimits.pageEntriesMax } }),
        );
    }
    const wereCut = async (): Promise<boolean> =>
      /^plexus_gateway_slow_readers_total [1-9]/m.test(await node.metrics());
    await expectUnmoved(before, "/api/v1/me", wereCut);
    // They read again: what was left unsaid ends with a reason, and the connection.
    for (const socket of sockets) socket.resume();
    expect(await closed).to.deep.equal([1013, "RATE_LIMITED"]);
    for (const socket of sockets) socket.terminate();
  });
});
