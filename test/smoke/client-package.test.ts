import { execFile, spawn, type ChildProcess } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { expect } from "chai";
import type { RoomHistory, RoomMessage } from "../../protocols/index.ts";
import { further } from "../depth.ts";
import { goVariables } from "../runner/phases.ts";
import { until } from "../waits.ts";
import { createDataFolder, NodeProcess } from "../fixtures/processes/node-process.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);
const env = { ...process.env, ...goVariables };
const name = "plexus-client";

/** A program in a folder of its own, and what it has printed. */
class Program {
  readonly said: string[] = [];
  readonly #child: ChildProcess;
  #wake = (): void => {};

  constructor(folder: string, words: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, words, { cwd: folder, env: { PATH: process.env["PATH"], ...env } });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      createInterface(stream as NonNullable<typeof stream>).on("line", (line) => {
        this.said.push(line);
        this.#wake();
      });
    this.#child.once("exit", () => this.#wake());
  }

  /** Waits for a line like this, after the first `after` lines. */
  async says(pattern: RegExp, after = 0): Promise<void> {
    while (!this.said.slice(after).some((line) => pattern.test(line))) {
      if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.said.join("\n")}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return exitCode;
    const ended = new Promise<number | null>((resolve) => this.#child.once("exit", resolve));
    this.#child.kill(signal);
    return ended;
  }
}

describe("the client library as a package", () => {
  let folder: string;
  before(async function () {
    folder = await mkdtemp(join(tmpdir(), "plexus-package-"));
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const npm = async (words: readonly string[], cwd: string) =>
      (await run("npm", [...words, "--loglevel=error"], { cwd, env })).stdout;
    const packed = JSON.parse(
      await npm(["run", "--silent", "client", "--", "--json", "--pack-destination", folder], root),
    ) as [{ filename: string }];
    // Nothing is fetched: the one package that it depends on is here already.
    const typebox = join(root, "node_modules/typebox");
    await npm(["install", "--offline", "--no-audit", "--no-fund", join(folder, packed[0].filename), typebox], folder);
    await cp(join(folder, "node_modules", name, "examples/dice.ts"), join(folder, "dice.ts"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  further("tells a program's compiler what commands take and answer, and what is wrong", async () => {
    const options = {
      noEmit: true,
      strict: true,
      target: "es2024",
      module: "nodenext",
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["dice.ts", "wrong.ts"] }));
    await writeFile(
      join(folder, "wrong.ts"),
      `im${""}port { connect } from "${name}";
const client = connect({ url: "http://127.0.0.1:7070", token: "t" });
const posted = await client.call("room.post", "lobby", { text: "hi" });
if (posted.ok) posted.value.seq.toFixed();
// @ts-expect-error -- a post has a text
await client.call("room.post", "lobby", { txt: "hi" });
// @ts-expect-error -- there is no such command
await client.call("room.shout", "lobby", {});
client.follow("room/lobby", {
  state: ({ members }) => Object.keys(members),
  event(event) {
    if (event.type === "posted") event.message.text.trim();
    // @ts-expect-error -- there is no such event
    if (event.type === "shouted") client.close();
  },
  refused: ({ code }) => console.log(code),
});
`,
    );
    const { stdout } = await run(join(root, "node_modules/.bin/tsc"), ["--singleThreaded", "-p", folder], { env }).catch((thrown: { stdout: string }) => thrown);
    expect(stdout).to.equal("");
  }); // prettier-ignore

  it("carries a bot over a kill of its node and of itself: each message is answered once", async () => {
    await using data = await createDataFolder();
    await using node = new NodeProcess(data.path);
    await node.start();
    const ada = await node.signUp("ada");
    const dice = await node.signUp("dicebot");
    await node.http("POST", "/api/v1/rooms", { room: "den", visibility: "public" }, ada);
    const { body } = await node.http("POST", "/api/v1/me/keys", { label: "dice" }, dice);
    const words = ["dice.ts", "--url", node.url, "--room", "den"];
    const start = () => new Program(folder, words, { PLEXUS_KEY: (body as { key: string }).key });
    const post = async (text: string): Promise<number> => {
      const answer = await node.http("POST", "/api/v1/rooms/den/messages", { text }, ada);
      expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
      return (answer.body as { seq: number }).seq;
    };
    const messages = async (): Promise<readonly RoomMessage[]> => {
      const answer = await node.http("GET", "/api/v1/rooms/den/messages?limit=200", undefined, ada);
      expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
      return (answer.body as RoomHistory).messages;
    };
    const answersTo = (seq: number): Promise<readonly string[]> =>
      until(`an answer to ${seq}`, async () => {
        const found = (await messages()).filter(({ replyTo }) => replyTo === seq);
        expect(found).to.not.deep.equal([]);
        return found.map(({ text }) => text);
      });

    let bot = start();
    try {
      await bot.says(/following den/);
      expect((await answersTo(await post("!roll 3d1")))[0]).to.equal("1 + 1 + 1 = 3");
      expect((await answersTo(await post("@dicebot what do you do?")))[0]).to.match(/!roll/);

      const before = bot.said.length;
      await node.end("SIGKILL");
      await bot.says(/not connected/, before);
      await node.start();
      const afterNode = await post("!roll 2d1");
      expect(await answersTo(afterNode)).to.deep.equal(["1 + 1 = 2"]);

      // As if it had died after its answer and before it kept its position.
      await bot.end("SIGKILL");
      const { position } = JSON.parse(await readFile(join(folder, "dice.json"), "utf8")) as { position: number };
      await writeFile(join(folder, "dice.json"), JSON.stringify({ position: position - 2 }));
      const meanwhile = await post("!roll 1d1");
      bot = start();
      expect(await answersTo(meanwhile)).to.deep.equal(["1 = 1"]);
      expect(await answersTo(afterNode), "once").to.have.length(1);
      expect(await bot.end("SIGTERM")).to.equal(0);
    } finally {
      await bot.end("SIGKILL");
    }
  });
});
