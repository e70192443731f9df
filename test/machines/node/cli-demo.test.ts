import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import type { RoomHistory, SignedIn } from "../../../protocols/index.ts";
import { plexusMain as main } from "../../runner/phases.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";

const root = join(import.meta.dirname, "../../..");

interface Ready {
  readonly folder: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly url: string;
    readonly pid: number;
    readonly data: string;
  }[];
  readonly user: string;
  readonly password: string;
  readonly room: string;
}

/** A command that runs until it is ended, and what it has said so far. */
interface Running {
  readonly child: ChildProcess;
  readonly gone: Promise<unknown[]>;
  stdout: string;
  stderr: string;
}

/** The demonstration as a person meets it: three real nodes, some of which are killed. */
describe("plexus demo", function () {
  let folder: string;
  let environment: NodeJS.ProcessEnv;
  let children: ChildProcess[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-demo-test-"));
    environment = { ...process.env, TMPDIR: folder, HOME: folder };
    children = [];
  });
  afterEach(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      // Its nodes end with it: they hold a channel to it.
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  function start(program: string, args: readonly string[]): Running {
    const child = spawn(program, args, { cwd: root, env: environment, stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    const running: Running = { child, gone: once(child, "exit"), stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (running.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (running.stderr += text));
    return running;
  }

  /** Waits until it has said something; the match. */
  const said = (running: Running, by: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray> =>
    until(`it says ${String(pattern)}`, () => {
      const match = pattern.exec(running[by]);
      if (match === null) throw new Error(`${running.stdout}${running.stderr}`);
      return match;
    });

  /** What somebody reads who copies a line that was printed into a shell. */
  async function type(line: string): Promise<string> {
    const { stdout } = await promisify(execFile)("sh", ["-c", line], { cwd: root, env: environment });
    return stdout;
  }

  async function request(method: string, url: string, options: { token?: string; body?: unknown }) {
    const { token, body } = options;
    const response = await fetch(url, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`${method} ${url}: ${JSON.stringify(answer)}`);
    return answer;
  }

  it("names its nodes in one JSON line, and leaves nothing behind", async () => {
    const demo = start(process.execPath, [main, "demo", "--json"]);
    const [line] = await said(demo, "stdout", /^.+$/m);
    const { nodes, user, password, room, folder: data } = JSON.parse(line) as Ready;
    expect(nodes.map(({ name }) => name)).to.deep.equal(["node-a", "node-b", "node-c"]);
    const [keeper, , other] = nodes;
    // Sign in at one node, read at another: it is one cluster.
    const body = { name: user, password };
    const { token } = (await request("POST", `${keeper?.url}/api/v1/sign-in`, { body })) as SignedIn;
    const history = await request("GET", `${other?.url}/api/v1/rooms/${room}/messages`, { token });
    expect(JSON.stringify(history)).to.include("Welcome");
    demo.child.kill("SIGINT");
    expect((await demo.gone)[0]).to.equal(0);
    for (const { pid } of nodes) expect(() => process.kill(pid, 0)).to.throw("ESRCH");
    expect(existsSync(data)).to.equal(false);
  });

  it("prints commands that do what it says of them, while the room goes on and its agent answers", async () => {
    const demo = start(process.execPath, [main, "demo"]);
    // The last of its lines.
    await said(demo, "stdout", /^ {6}\S+ nodes --data \S+\n/m);
    const guide = demo.stdout;
    const part = (pattern: RegExp): string => pattern.exec(guide)?.[1] ?? expect.fail(`${String(pattern)}: ${guide}`);
    const nodes = [...guide.matchAll(/^ {2}(node-\w) +(http\S+) +pid (\d+)$/gm)].map(([, name = "", url = "", pid]) => {
      return { name, url, pid: Number(pid) };
    });
    const home = part(/Kill (\S+), the node that the room is on/);
    const away = part(/The room continues on (\S+), and the agent answers there/);
    const [top, show, kill, restart, moveAway, moveHome, drain, undo, killFirst, look, ...more] =
      guide.match(/(?<=^ {6})\S.*$/gm) ?? [];
    expect(more).to.deep.equal([]);
    const urlOf = (wanted: string): string => nodes.find(({ name }) => name === wanted)?.url ?? "";

    expect(await type(top ?? "")).to.include("3 of 3 nodes up");
    expect(await type(show ?? "")).to.match(new RegExp(`room/lobby[^]*${home}`));

    const account = { name: part(/Sign in as (\S+),/), password: part(/password (\S+)\./) };
    const { token } = (await request("POST", `${urlOf(home)}/api/v1/sign-in`, { body: account })) as SignedIn;
    const room = `${urlOf(away)}/api/v1/rooms/lobby/messages`;
    const read = async () => ((await request("GET", room, { token })) as RoomHistory).messages;
    expect((await read())[0]?.text).to.include("Welcome");
    const mention = part(/in the room it is (@\S+)\./);
    const answered = async (question: string) => {
      await until("it is asked", () => request("POST", room, { token, body: { text: `${mention} ${question}` } }));
      await until("the agent has answered", async () => {
        const last = (await read()).at(-1);
        expect(last).to.include({ author: `agent/${mention.slice(1)}` });
        expect(last?.text).to.not.equal("");
      });
    };
    await answered("Who are you?");
    // What the question has made, such as the agent's memory of it, is copied as well.
    const kept = /--data (\S+)/.exec(restart ?? "")?.[1] ?? "";
    await until("all is copied", async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [main, "slots", "--data", kept, "--json"], {
        env: environment,
      });
      for (const line of stdout.trim().split("\n")) expect(JSON.parse(line)).to.include({ status: "ok" });
    });

    await type(kill ?? "");
    await answered("Are you still here?");
    const [, again] = await said(demo, "stderr", /^\S+ was ended by SIGKILL\. Start it again with:\n +(.+)$/m);
    expect(again).to.equal(restart);
    const restarted = start("sh", ["-c", `exec ${restart}`]);
    await said(restarted, "stdout", new RegExp(urlOf(home)));
    expect(await type(moveAway ?? "")).to.match(new RegExp(`^room/lobby is on ${away} now`));
    expect(await type(moveHome ?? "")).to.match(new RegExp(`^room/lobby is on ${home} now`));
    expect(await type(show ?? "")).to.match(new RegExp(`room/lobby[^]*${home}`));
    expect(await type(drain ?? "")).to.match(new RegExp(`^${away} holds nothing any more\\.`, "m"));
    expect(await type(undo ?? "")).to.equal(`${away} takes its share again.\n`);
    // A node that is up: the last that was killed, which was not drained a moment ago.
    const there = (command = ""): string => command.replace(/--data \S+/, `--data ${kept}`);
    await until("all vote again", async () => {
      expect(await type(there(look)))
        .to.include("3 voters")
        .and.include("the next death is survived");
    });
    await type(killFirst ?? "");
    await until("its end is noticed", async () => {
      expect(await type(there(look)))
        .to.match(/node-a +│ down, voter/)
        .and.include("Up: 2 of 3; the next death of a voter would stop it");
    });
    await until("what needs the directory is done without the first node", async () => {
      expect(await type(there(moveAway))).to.match(new RegExp(`^room/lobby is on ${away} now`));
    });
    await answered("And now?");
    await until("the audit is read", async () => {
      expect(await type(`${there(look).replace(/ nodes .*/, ` audit --data ${kept}`)} 2>&1`))
        .to.include("invite")
        .and.not.include("warning");
    });

    restarted.child.kill("SIGINT");
    expect((await restarted.gone)[0]).to.equal(0);
    demo.child.kill("SIGINT");
    expect((await demo.gone)[0]).to.equal(0);
    for (const { pid } of nodes) expect(() => process.kill(pid, 0)).to.throw("ESRCH");
    expect(existsSync(part(/Data and logs: (.*)$/m))).to.equal(false);
  });
});
