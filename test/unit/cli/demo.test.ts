import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";

const main = join(import.meta.dirname, "../../..", "cli/main.ts");

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

/** The demonstration as a person meets it: three real nodes, one of which is killed. */
describe("plexus demo", function () {
  this.timeout(120_000);
  let folder: string;
  let child: ChildProcess | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-demo-test-"));
  });
  afterEach(async () => {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      // Its nodes end with it: they hold a channel to it.
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

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
    return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
  }

  it("shows a room that survives the death of a node, and leaves nothing behind", async () => {
    const args = [main, "demo", "--json"];
    const environment = { ...process.env, TMPDIR: folder, HOME: folder };
    child = spawn(process.execPath, args, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stderr?.on("data", (text: Buffer) => (said += text.toString()));
    const gone = once(child, "exit");
    const first = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const line = await Promise.race([once(first, "line"), gone]);
    expect(line[0], said).to.be.a("string");
    const { nodes, user, password, room, folder: data } = JSON.parse(String(line[0])) as Ready;
    expect(nodes.map(({ name }) => name)).to.deep.equal(["node-a", "node-b", "node-c"]);
    const [keeper, victim, other] = nodes;
    if (keeper === undefined || victim === undefined || other === undefined) return expect.fail("three nodes");

    // Sign in at one node, read at another: it is one cluster.
    const signedIn = await request("POST", `${victim.url}/api/sign-in`, { body: { name: user, password } });
    const token = String(signedIn.body["token"]);
    const history = await request("GET", `${other.url}/api/rooms/${room}/messages`, { token });
    expect(JSON.stringify(history.body)).to.include("Welcome");

    process.kill(victim.pid, "SIGKILL");
    const deadlineMs = performance.now() + 30_000;
    let posted = { status: 0 };
    while (posted.status !== 200 && performance.now() < deadlineMs) {
      const headers = { token, body: { text: "still here" } };
      posted = await request("POST", `${other.url}/api/rooms/${room}/messages`, headers);
      if (posted.status !== 200) await delay(100);
    }
    expect(posted.status).to.equal(200);
    expect(said).to.include("node-b was ended by SIGKILL").and.include(`--data ${victim.data}`);

    child.kill("SIGINT");
    expect((await gone)[0]).to.equal(0);
    for (const { pid } of nodes) expect(() => process.kill(pid, 0)).to.throw("ESRCH");
    expect(existsSync(data)).to.equal(false);
  });
});
