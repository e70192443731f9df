/** A node on few descriptors: strangers who hold its connections, and a process that has none left. */
import { expect } from "chai";
import { readdir } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { createDataFolder, NodeProcess, loading } from "../../fixtures/processes/node-process.ts";
import { sleep, untilTrue } from "../../waits.ts";

const descriptorsMax = 1_024;
const few = ["bash", "-c", `ulimit -n ${descriptorsMax} && exec "$@"`, "bash"];

/** What makes a node load a file of this folder before all else. */
/** Opens silent connections, a few at a time, from one address of this machine; resolves when all are open or
 *  refused. */
async function openSilent(url: string, count: number, from: string, first = ""): Promise<Socket[]> {
  const { hostname: host, port } = new URL(url);
  const sockets: Socket[] = [];
  for (let opened = 0; opened < count; opened += 50) {
    const some = Array.from({ length: Math.min(50, count - opened) }, () => {
      const socket = connect({ host, port: Number(port), localAddress: from });
      sockets.push(socket);
      return new Promise<void>((resolve) => {
        socket.once("connect", () => {
          if (first !== "") socket.write(first);
          resolve();
        });
        socket.on("error", () => resolve());
        socket.once("close", () => resolve());
      });
    });
    await Promise.all(some);
  }
  return sockets;
}

const opened = async (node: NodeProcess): Promise<number> => (await readdir(`/proc/${node.pid}/fd`)).length;

describe("a node with few descriptors", function () {
  /** How long a node lets somebody say nothing, half a header and half a body; begun before the other tests, which take
   *  as long. */
  let livesMs: Promise<readonly number[]>;
  let patient: NodeProcess;
  let patientFolder: Awaited<ReturnType<typeof createDataFolder>>;
  before(async () => {
    patientFolder = await createDataFolder();
    patient = new NodeProcess(patientFolder.path);
    await patient.start();
    const lifeMs = async (text: string): Promise<number> => {
      const [socket] = await openSilent(patient.url, 1, "127.0.0.1", text);
      const startedMs = performance.now();
      socket?.resume();
      await new Promise((resolve) => socket?.once("close", resolve));
      return performance.now() - startedMs;
    };
    const head = `POST /api/v1/sign-in HTTP/1.1\r\nHost: ${new URL(patient.url).host}\r\nContent-Type: application/json\r\n`;
    livesMs = Promise.all([lifeMs(""), lifeMs(head), lifeMs(`${head}Content-Length: 100\r\n\r\n{"name":`)]);
  });
  after(async () => {
    await patient[Symbol.asyncDispose]();
    await patientFolder[Symbol.asyncDispose]();
  });

  it("survives 1,100 silent connections, and serves another address meanwhile", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path, undefined, few);
    await node.start();
    const token = await node.signUp("ada");
    const sockets = await openSilent(node.url, 1_100, "127.0.0.2");
    try {
      // Longer than the heartbeat that used to end the process, and than an accepted connection needs to be seen.
      for (let round = 0; round < 20; round += 1) {
        const answer = await node.http("GET", "/api/v1/me", undefined, token);
        expect(answer.status).to.equal(200);
        expect(await opened(node)).to.be.lessThan(descriptorsMax - 200);
        await sleep(100);
      }
      const posted = await node.http("POST", "/api/v1/rooms", { room: "crowded", title: "Crowded", visibility: "public" }, token);
      expect(posted.status, JSON.stringify(posted.body)).to.equal(200);
      expect(node.isUp).to.equal(true);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    expect(await node.end("SIGTERM")).to.equal(0);
  }); // prettier-ignore

  it("takes a newcomer in place of the oldest silent connection, when strangers from everywhere hold all places", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path, undefined, few);
    await node.start();
    const token = await node.signUp("ada");
    const sockets: Socket[] = [];
    try {
      for (const from of ["127.0.0.2", "127.0.0.3", "127.0.0.4"])
        sockets.push(...(await openSilent(node.url, 400, from)));
      await untilTrue(
        "a silent one is let go",
        () => sockets.filter((socket) => socket.destroyed || socket.readableEnded).length >= 1,
      );
      expect((await node.http("GET", "/api/v1/me", undefined, token)).status).to.equal(200);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    expect(node.isUp).to.equal(true);
  });

  it("goes on when it has no descriptor left, and serves again when it has", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path, undefined, ["env", loading("descriptor-hoarder.ts"), ...few]);
    await node.start();
    const token = await node.signUp("ada");
    const create = async (room: string) =>
      (await node.http("POST", "/api/v1/rooms", { room, title: room, visibility: "public" }, token)).status;
    expect(await create("before")).to.equal(200);
    node.signal("SIGUSR2");
    await untilTrue("no descriptor is left", async () => (await opened(node)) >= descriptorsMax - 1);
    // Heartbeats, sweeps and the journal meet it. Who is connected is still answered; nobody else can be.
    const statuses: number[] = [];
    for (let round = 0; round < 30; round += 1) {
      statuses.push(await create(`during-${round}`).catch(() => 0));
      await sleep(100);
    }
    expect(node.isUp, `it ended; answers were ${statuses.join(" ")}`).to.equal(true);
    node.signal("SIGUSR2");
    await untilTrue("they are free again", async () => (await opened(node)) < descriptorsMax / 2);
    await untilTrue("it takes connections", async () => (await create("after").catch(() => 0)) !== 0);
    expect(await node.end("SIGTERM")).to.equal(0);
  });

  it("goes on while the system refuses looks at files, at itself and at new connections", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path, undefined, ["env", loading("system-refusals.ts")]);
    await node.start();
    const token = await node.signUp("ada");
    const control = await node.controlToken();
    node.signal("SIGUSR2");
    for (let round = 0; round < 30; round += 1) {
      const room = { room: `during-${round}`, title: "During", visibility: "public" };
      expect((await node.http("POST", "/api/v1/rooms", room, token)).status).to.equal(200);
      expect((await node.http("GET", "/api/v1/admin/status", undefined, control)).status).to.equal(200);
      // The page's files are read anew each time: one that cannot be read is an answer, too.
      await fetch(`${node.url}/`).then((answer) => answer.text());
      await sleep(100);
    }
    expect(node.isUp).to.equal(true);
    node.signal("SIGUSR2");
    expect((await fetch(`${node.url}/healthz`)).status).to.equal(200);
    expect(await node.end("SIGTERM")).to.equal(0);
  });

  it("cuts half a header and half a body at their stated limits", async () => {
    const { headerTimeoutMs, requestTimeoutMs } = gatewayLimits;
    const [silentMs = 0, halfHeaderMs = 0, halfBodyMs = 0] = await livesMs;
    // Not before, less what clocks differ; and much sooner than nobody's limit would.
    for (const [lifeMs, limitMs] of [
      [silentMs, headerTimeoutMs],
      [halfHeaderMs, headerTimeoutMs],
      [halfBodyMs, requestTimeoutMs],
    ] as const)
      expect(lifeMs).to.be.within(limitMs - 100, 2 * limitMs);
  });
});
