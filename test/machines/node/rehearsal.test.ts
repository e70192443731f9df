import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import { startRestored } from "../../../node/backup/restore/started.ts";
import { createClock, createRandom } from "../../../node/platform/index.ts";
import { createDataFolder, NodeProcess, withoutAi } from "../../fixtures/processes/node-process.ts";

const clock = createClock();
const random = createRandom();
const program = new URL("../../../node/composition/rehearsed.ts", import.meta.url);
const at = (signal = new AbortController().signal) => ({ signal, clock, random, version: "0.0.0", program });

describe("a node that a rehearsal starts", () => {
  it("is read as by people, and says where its newest message is another, or that it does not start", async () => {
    await using top = await createDataFolder();
    const data = join(top.path, "data");
    {
      await using node = new NodeProcess(data, withoutAi);
      await node.start();
      const ada = await node.signUp("ada");
      await node.http("POST", "/api/v1/rooms", { room: "harbour" }, ada);
      for (const text of ["one", "two"]) await node.http("POST", "/api/v1/rooms/harbour/messages", { text }, ada);
      await node.end("SIGTERM");
    }
    // "ada joined" is no message of the room's.
    const good = await startRestored(data, { accounts: ["ada"], rooms: { harbour: 2 } }, at());
    expect(good).to.deep.include({ account: "ada", rooms: 1, messages: 2, differs: [] });
    const other = await startRestored(data, { accounts: ["nobody", "ada"], rooms: { harbour: 99, mill: 1 } }, at());
    expect(other).to.deep.include({ account: "ada", rooms: 1, differs: ["room/harbour"] });
    const none = await startRestored(data, { accounts: ["nobody"], rooms: {} }, at());
    expect([none.account, none.error, none.rooms]).to.deep.equal([undefined, undefined, 0]);
    const ended = AbortSignal.abort(new Error("not wanted"));
    const cancelled = await startRestored(data, { accounts: [], rooms: {} }, at(ended)).catch(
      (error: unknown) => error,
    );
    expect(String(cancelled)).to.equal("Error: not wanted");
    await rm(join(data, "journal"), { recursive: true });
    const damaged = await startRestored(data, { accounts: ["ada"], rooms: { harbour: 2 } }, at());
    expect(damaged.error?.code).to.equal("DATA_DAMAGED");
  });

  it("reaches nobody: neither by TCP nor by TLS, by a request or a datagram, and begins no program", async () => {
    let heard = 0;
    const server = createServer((_, response) => response.end(String((heard += 1)))).on(
      "connection",
      () => (heard += 1),
    );
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    const outward = new URL("../../../node/backup/restore/outward.ts", import.meta.url).href;
    const children = new URL("../../../runtimes/children.ts", import.meta.url).href;
    const program = `
      const { closeOutward } = await import(${JSON.stringify(outward)});
      const { closePrograms, start } = await import(${JSON.stringify(children)});
      if (process.argv[1] === "closed") closeOutward(), closePrograms();
      const net = await import("node:net"), tls = await import("node:tls"), http = await import("node:http");
      const dgram = await import("node:dgram");
      const by = (begin) => new Promise((done) => {
        const reached = () => done("reached");
        begin().on("error", (e) => done(e.code)).on("connect", reached).on("response", reached);
      });
      const said = [];
      said.push(await by(() => net.connect(${port}, "127.0.0.1")));
      said.push(await by(() => tls.connect(${port}, "127.0.0.1")));
      said.push(await by(() => http.get("http://127.0.0.1:${port}/")));
      said.push(await fetch("http://127.0.0.1:${port}/").then(() => "reached", (e) => e.cause.code));
      const socket = dgram.createSocket("udp4");
      said.push(await new Promise((done) => socket.send("x", ${port}, "127.0.0.1", (e) => done(e?.code ?? "reached"))));
      said.push(await new Promise((done) => { try {
        start("true", [], { streams: ["ignore", "ignore", "ignore"] }).on("exit", () => done("reached")); } catch (e) { done("ENETUNREACH"); } }));
      console.log(said.join(" "));
      process.exit(0);`;
    const run = (how: string) =>
      new Promise<string>((done) => {
        let text = "";
        const ran = spawn(process.execPath, ["--input-type=module", "-e", program, how]);
        ran.stdout.on("data", (part: Buffer) => (text += part.toString()));
        ran.once("close", () => done(text.trim()));
      });
    const closed = await run("closed");
    expect([closed, heard]).to.deep.equal([Array(6).fill("ENETUNREACH").join(" "), 0]);
    expect((await run("open")).split(" ").filter((one) => one === "reached")).to.have.lengthOf(6);
    server.close();
  });
});
