/** Everything that was found to hurt a node, done to one at once: it lives, and somebody who is signed in is served.
 *  How much slower that is, `npm run bench -- under-attack` says. */
import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { errorTable, type ErrorCode } from "../../../protocols/index.ts";
import { attack, type Tally } from "../../fixtures/attackers.ts";
import { lastingPort } from "../../fixtures/ports.ts";
import { ChatClient } from "../../fixtures/processes/chat-client.ts";
import { createDataFolder, NodeProcess, withoutAi } from "../../fixtures/processes/node-process.ts";
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
    // What was sent, two or four times over, as garbage comes; twelve times where no value is counted.
    expect((await peakMebibytes(node)) - before, "MiB at most beyond those of before").to.be.below(6 * sentMebibytes);
    // Node gives memory back when it has time for it.
    await untilTrue(
      "the node has no more than a quarter beyond what it had before",
      async () => (await residentMebibytes(node)) / before < 1.25,
    );
    expect(await node.end("SIGTERM")).to.equal(0);
  });
});

/** What an attack may end with: rows of the error table, 200, or what became of a connection. Of `all` each has to be
 *  there: without it the attack proves nothing. `also` is what comes besides when a limit is met first. */
interface Ends {
  readonly all: readonly End[];
  readonly also?: readonly End[];
}
type End = ErrorCode | "200" | "held" | "closed" | "paused" | "ECONNRESET" | "EPIPE" | "FAILED";

/** A refusal before the body was read ends the connection while it is still being sent. */
const unread = ["EPIPE", "ECONNRESET"] as const;
const busy = ["RATE_LIMITED", "OVERLOADED", "MODEL_BUSY", "QUEUE_FULL"] as const;
const ends: Readonly<Record<string, Ends>> = {
  "silent connections": { all: ["held"], also: ["closed", "ECONNRESET", "BAD_REQUEST"] },
  "half headers": { all: [], also: ["held", "closed", "ECONNRESET", "BAD_REQUEST"] },
  "half bodies": { all: [], also: ["held", "closed", "ECONNRESET", "BAD_REQUEST"] },
  "bodies by the byte": { all: [], also: ["held", "closed", "ECONNRESET", "BAD_REQUEST"] },
  "wrong tokens": { all: ["UNAUTHENTICATED", "RATE_LIMITED"] },
  "unknown actors": { all: ["NOT_FOUND"], also: ["RATE_LIMITED"] },
  "foreign hosts": { all: ["HOST_NOT_ALLOWED"] },
  "guessed passwords": { all: ["SIGN_IN_FAILED", "RATE_LIMITED"], also: ["OVERLOADED"] },
  // Each from an address of its own: sign-up is open here.
  "sign-ups": { all: ["200"], also: ["RATE_LIMITED", "OVERLOADED"] },
  prompts: { all: ["200", "TOO_LARGE"], also: [...busy, ...unread, "CONTEXT_TOO_LONG"] },
  "bodies of a million values": { all: ["TOO_LARGE"], also: [...busy, ...unread] },
  "bodies of megabytes in a loop": { all: ["TOO_LARGE", "RATE_LIMITED"], also: [...busy, ...unread] },
  "schemas that double": { all: ["200"], also: [...busy, "BAD_REQUEST"] },
  "patterns that try every way": { all: ["200"], also: [...busy, "BAD_REQUEST"] },
  "paused readers": { all: ["paused"], also: ["FAILED", "closed"] },
  "long posts": { all: ["200"], also: ["RATE_LIMITED"] },
  "strangers on the mesh": { all: ["ECONNRESET"], also: ["held", "closed"] },
};
const outcomeOf = (end: End): string => {
  if (end === "FAILED") return "failed";
  return end in errorTable ? `${errorTable[end as ErrorCode].http} ${end}` : end;
};

/** Expects that each attack was tried, and ended as is written above and in no other way. */
function expectRows(tally: Readonly<Record<string, Tally>>): void {
  expect(Object.keys(tally).toSorted()).to.deep.equal(Object.keys(ends).toSorted());
  for (const [name, outcomes] of Object.entries(tally)) {
    const { all = [], also = [] } = ends[name] ?? {};
    const came = Object.keys(outcomes);
    expect(came, `what came of ${name}`).to.not.deep.equal([]);
    expect(came, `what came of ${name}`).to.include.members(all.map(outcomeOf));
    expect([...all, ...also].map(outcomeOf), `rows of ${name}`).to.include.members(came);
  }
}

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
    expectRows(attackers.tally());
    expect(most - beforeMebibytes, "resident memory in MiB beyond that of before").to.be.below(growthMebibytesMax);
    const { status, body } = await node.http("GET", "/api/v1/rooms/quiet/messages?limit=100", undefined, ada);
    expect(status, JSON.stringify(body)).to.equal(200);
    expect(await node.end("SIGTERM")).to.equal(0);
  });

  it("ends what comes slowly with its row, and serves others meanwhile", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path, withoutAi);
    await node.start();
    const ada = await node.signUp("ada");
    const slow = ["half headers", "half bodies", "bodies by the byte"];
    const attackers = attack({ port: Number(new URL(node.url).port), tokens: [ada], room: "quiet", name: "ada", model: "echo", only: slow });
    const row = `${errorTable.BAD_REQUEST.http} BAD_REQUEST`;
    let served = 0;
    try {
      await untilTrue("each sort is ended by the node", async () => {
        expect((await node.http("GET", "/api/v1/me", undefined, ada)).status).to.equal(200);
        served += 1;
        const tally = attackers.tally();
        return slow.every((name) => (tally[name]?.[row] ?? 0) > 0);
      });
    } finally {
      await attackers.end();
    }
    // Nothing but that row came of them, apart from those that the attackers let go of themselves.
    for (const [name, outcomes] of Object.entries(attackers.tally()))
      expect([row, "held"], name).to.include.members(Object.keys(outcomes));
    expect(served).to.be.above(0);
  });
}); // prettier-ignore
