/** Everything that was found to hurt a node, done to one at once: it lives, and somebody who is signed in is served.
 *  How much slower that is, `npm run bench -- under-attack` says. */
import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { attack } from "../../fixtures/attackers.ts";
import { lastingPort } from "../../fixtures/ports.ts";
import { ChatClient } from "../../fixtures/processes/chat-client.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { untilTrue } from "../../waits.ts";

const posts = 100;
/** Resident memory may grow by so much meanwhile: bounds of queues, a few prompts of a megabyte, and garbage. */
const growthMebibytesMax = 700;
const few = ["sh", "-c", 'ulimit -n 1024; exec "$@"', "sh"];

const residentMebibytes = async (node: NodeProcess): Promise<number> => {
  const [, pages = "0"] = (await readFile(`/proc/${node.pid}/statm`, "utf8")).split(" ");
  return (Number(pages) * 4) / 1024;
};

/** The most that it ever had. */
const peakMebibytes = async (node: NodeProcess): Promise<number> =>
  Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${node.pid}/status`, "utf8"))?.[1]) / 1024;

describe("a node that is sent bodies of a million values", () => {
  it("refuses each, and its memory does not grow by a multiple of what was sent", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path, ["--model", "echo"]);
    await node.start();
    // Of one person no more than one storm is read at once.
    const tokens: string[] = [];
    for (const name of ["mallory", "trudy", "eve", "oscar"]) tokens.push(await node.signUp(name));
    const body = `{"model":"echo","messages":[${"[],".repeat(1_300_000)}[]]}`;
    const storm = async (token: string | undefined): Promise<void> => {
      const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
      const send = () => fetch(`${node.url}/v1/chat/completions`, { method: "POST", headers, body });
      const statuses = await Promise.all(Array.from({ length: 6 }, async () => (await send()).status));
      expect(statuses).to.deep.equal(statuses.map(() => 413));
    };
    // What the first one compiles and keeps is the node's own.
    await storm(tokens.shift());
    const before = await residentMebibytes(node);
    for (const token of tokens) await storm(token);
    const sentMebibytes = (6 * body.length) / 2 ** 20;
    expect((await peakMebibytes(node)) - before, "MiB at most beyond those of before").to.be.below(4 * sentMebibytes);
    // Node gives memory back when it has time for it.
    await untilTrue(
      "the node has no more than a quarter beyond what it had before",
      async () => (await residentMebibytes(node)) / before < 1.25,
    );
    expect(await node.end("SIGTERM")).to.equal(0);
  });
});

describe("a node under all attacks at once", function () {

  it("lives, keeps its memory, and takes every post of somebody who is signed in", async () => {
    await using folder = await createDataFolder();
    const meshPort = await lastingPort();
    const flags = ["--model", "echo", "--context-tokens", "4000", "--mesh-port", String(meshPort)];
    await using node = new NodeProcess(folder.path, flags, few);
    await node.start();
    const ada = await node.signUp("ada");
    const others = [await node.signUp("mallory"), await node.signUp("trudy")];
    for (const room of ["quiet", "flooded"])
      expect((await node.http("POST", "/api/v1/rooms", { room, title: room, visibility: "public" }, ada)).status).to.equal(200);
    for (const token of others) expect((await node.http("POST", "/api/v1/rooms/flooded/join", {}, token)).status).to.equal(200);
    const beforeMebibytes = await residentMebibytes(node);
    const person = new ChatClient(() => node.url, ada);
    const attackers = attack({ port: Number(new URL(node.url).port), meshPort, tokens: others, room: "flooded", name: "ada", model: "echo" });
    let most = 0;
    try {
      for (let post = 1; post <= posts; post += 1) {
        const answer = await person.command("room.post", "quiet", { text: `post ${post}` }, `post${post}`);
        expect(answer, `post ${post}`).to.have.property("ok");
        most = Math.max(most, await residentMebibytes(node));
      }
    } finally {
      await attackers.end();
      person.close();
    }
    for (const [name, outcomes] of Object.entries(attackers.tally()))
      expect(Object.keys(outcomes), `what came of ${name}`).to.not.deep.equal([]);
    // Who calls it by a foreign name is told so, and nobody got in with a wrong token.
    const { "foreign hosts": hosts, "wrong tokens": tokens } = attackers.tally();
    expect(hosts?.["200"], "foreign hosts that were served").to.equal(undefined);
    expect(tokens?.["200"], "wrong tokens that were served").to.equal(undefined);
    expect(most - beforeMebibytes, "resident memory in MiB beyond that of before").to.be.below(growthMebibytesMax);
    const { status, body } = await node.http("GET", "/api/v1/rooms/quiet/messages?limit=100", undefined, ada);
    expect(status, JSON.stringify(body)).to.equal(200);
    expect(await node.end("SIGTERM")).to.equal(0);
  });
}); // prettier-ignore
