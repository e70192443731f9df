import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "chai";
import type { NodePlace, Posted, RoomMessage } from "../../../protocols/index.ts";
import { plexusMain } from "../../runner/phases.ts";
import { ChatClient } from "../../fixtures/processes/chat-client.ts";
import { ClusterProcesses } from "../../fixtures/processes/cluster-processes.ts";
import { healthy } from "../../fixtures/processes/cluster-waits.ts";
import type { NodeProcess } from "../../fixtures/processes/node-process.ts";
import { until } from "../../waits.ts";

const root = join(import.meta.dirname, "../../..");

/** `plexus chat` in a process of its own, with its input held open; what it shows of a room, in order. */
class Chat {
  readonly shown: RoomMessage[] = [];
  readonly errors: string[] = [];
  readonly #child;
  readonly #folder: string;
  #wake: () => void = () => {};

  private constructor(folder: string, args: readonly string[], password: string) {
    this.#folder = folder;
    this.#child = spawn(process.execPath, [plexusMain, "chat", ...args], {
      cwd: root,
      env: { ...process.env, XDG_CONFIG_HOME: folder, PLEXUS_PASSWORD: password },
      stdio: ["pipe", "pipe", "pipe"],
    });
    createInterface(this.#child.stdout).on("line", (line) => {
      const entry = JSON.parse(line) as { message?: RoomMessage; event?: { type: string; message?: RoomMessage } };
      const message = entry.message ?? (entry.event?.type === "posted" ? entry.event.message : undefined);
      if (message !== undefined) this.shown.push(message);
      this.#wake();
    });
    createInterface(this.#child.stderr).on("line", (line) => this.errors.push(line));
  }

  static async open(args: readonly string[], password: string): Promise<Chat> {
    return new Chat(await mkdtemp(join(tmpdir(), "plexus-chat-")), args, password);
  }

  type(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  until(what: string, isDone: (shown: readonly RoomMessage[]) => boolean): Promise<void> {
    return until(what, () => {
      if (!isDone(this.shown)) throw new Error(`${this.shown.length} shown, ${this.errors.join(" ")}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGKILL");
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

describe("plexus chat among several nodes", () => {
  const authorOf = (message: RoomMessage): string => message.author;

  async function listed(node: NodeProcess, token: string): Promise<readonly string[]> {
    const { body } = await node.http("GET", "/api/v1/nodes", undefined, token);
    return (body as { nodes: readonly NodePlace[] }).nodes.map(({ name, url }) => `${name} ${url}`);
  }

  it("shows every message once and in order, and loses no line, when its node is killed", async function () {
    await using cluster = await ClusterProcesses.start([
      { name: "one", roles: "manager,chat,ai,gateway" },
      { name: "two", roles: "chat,ai,gateway" },
    ]);
    const [one, two] = [cluster.named("one"), cluster.named("two")];
    const token = await one.signUp("ada");
    await one.signUp("bob");
    const ada = new ChatClient(() => one.url, token);
    let number = 0;
    const post = async (): Promise<void> => {
      number += 1;
      const answer = await ada.command("room.post", "den", { text: `ada ${number}` }, `post-${number}`);
      if ("error" in answer) throw new Error(JSON.stringify(answer.error));
      expect((answer.ok as Posted).seq).to.be.a("number");
    };
    try {
      await ada.command("room.create", "den", { visibility: "public" }, "create");
      // Both know the other's address before the chat asks.
      for (const node of [one, two]) while ((await listed(node, token)).length < 2) await post();
      expect(await listed(two, token)).to.deep.equal([`two ${two.url}`, `one ${one.url}`]);
      const before = number;

      const flags = ["--url", two.url, "--user", "bob", "--room", "den", "--json", "--follow"];
      await using bob = await Chat.open(flags, "password of bob");
      bob.type("bob 1");
      await bob.until("bob's first line", (shown) => shown.some((message) => authorOf(message) === "user/bob"));
      for (let count = 0; count < 20; count += 1) await post();

      // A new room or account has one copy until the plan gave it others: that one is gone with its node.
      await healthy(cluster, "before the kill");
      // Posts and typed lines go on from before the kill until the chat is back.
      let killed = false;
      const posting = (async () => {
        for (let count = 0; count < 60 || !killed; count += 1) await post();
      })();
      for (let line = 2; line <= 6; line += 1) bob.type(`bob ${line}`);
      await two.end("SIGKILL");
      killed = true;
      for (let line = 7; line <= 11; line += 1) bob.type(`bob ${line}`);
      await posting;
      await bob.until("bob's last line", (shown) => shown.some(({ text }) => text === "bob 11"));
      await post();
      const last = `ada ${number}`;
      await bob.until("the last message", (shown) => shown.some(({ text }) => text === last));

      const seqs = bob.shown.map(({ seq }) => seq);
      const first = seqs[0] ?? 0;
      expect(seqs).to.deep.equal(seqs.map((_, index) => first + index));
      const texts = (author: string) => bob.shown.filter((each) => authorOf(each) === author).map(({ text }) => text);
      expect(texts("user/bob")).to.deep.equal(Array.from({ length: 11 }, (_, index) => `bob ${index + 1}`));
      const fromAda = texts("user/ada");
      expect(fromAda.slice(-number + before)).to.deep.equal(
        Array.from({ length: number - before }, (_, index) => `ada ${before + index + 1}`),
      );
      expect(bob.errors).to.deep.equal([]);
    } finally {
      ada.close();
    }
  });
});
