import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text as readAll } from "node:stream/consumers";
import { expect } from "chai";
import { terminalPorts } from "../../../cli/chat/socket.ts";
import { Client } from "../../../client/index.ts";
import type { SavedSession } from "../../../cli/terminal/session.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import type { Failure } from "../../../protocols/index.ts";
import { openCommands, type Ready } from "../../fixtures/processes/commands.ts";
import { plexusMain as main } from "../../runner/phases.ts";

const root = join(import.meta.dirname, "../../..");

type Commands = ReturnType<typeof openCommands>;

/** The real command in real processes: what an operator and a script see. */
describe("the plexus command", function () {
  let commands: Commands;

  /** Ends what a failed test has left. */
  const killIfThere = (pid: number): void => {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It is gone already, as it should be.
    }
  };

  let folder: string;
  let start: Commands["start"];
  let run: Commands["run"];
  let up: Commands["up"];
  let stop: Commands["stop"];
  beforeEach(() => {
    commands = openCommands();
    ({ folder, start, run, up, stop } = commands);
  });
  afterEach(() => commands.close());

  it("prints one line when ready, keeps a control file only its owner can read, and drains on SIGTERM", async () => {
    const { child, ready, lines } = await up();
    const control = join(folder, "data/control.json");
    expect(ready).to.include({ event: "ready", pid: child.pid });
    expect(ready.adminCode).to.match(/^[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}$/);
    expect(statSync(control).mode & 0o777).to.equal(0o600);

    const status = await run(["status", "--data", join(folder, "data"), "--json"]);
    expect(JSON.parse(status.out)).to.include({ node: ready.node, url: ready.url });
    const actors = await run(["actors", "list", "--data", join(folder, "data"), "--json", "--kind", "role-manager"]);
    expect(JSON.parse(actors.out)).to.include({ actor: "role-manager/cluster" });
    const shown = await run(["actors", "show", "role-manager/cluster", "--data", join(folder, "data"), "--json"]);
    expect(JSON.parse(shown.out)).to.include({ actor: "role-manager/cluster" });

    const second = await run(["up", "--data", join(folder, "data"), "--port", "0", "--json"]);
    expect(second.code).to.equal(3);
    const { error } = JSON.parse(second.err.trim().split("\n").at(-1) ?? "") as { error: Failure };
    expect(error.code).to.equal("DATA_FOLDER_IN_USE");
    expect(error.details).to.include({ folder: join(folder, "data/journal"), pid: child.pid });

    expect(await stop(child, "SIGTERM")).to.equal(0);
    expect(lines).to.have.length(1);
    expect(existsSync(control)).to.equal(false);
    const after = await run(["status", "--data", join(folder, "data")]);
    expect(after.code).to.equal(3);
    expect(after.err).to.match(/^error UNREACHABLE: /);
  });

  it("counts the clients of a proxy apart that it is told to trust, and does not start when told nonsense", async () => {
    const { child, ready } = await up(["--trusted-proxy", "127.0.0.1"]);
    const statuses = Array.from({ length: gatewayLimits.badTokenRate.count + 1 }, async (_, client) => {
      const headers = { authorization: "Bearer wrong", "x-forwarded-for": `203.0.113.${client}` };
      return (await fetch(`${ready.url}/api/v1/me`, { headers })).status;
    });
    expect(new Set(await Promise.all(statuses))).to.deep.equal(new Set([401]));
    expect(await stop(child, "SIGTERM")).to.equal(0);
    const wrong = await run(["up", "--data", join(folder, "data"), "--port", "0", "--trusted-proxy", "nginx"]);
    expect(wrong.code).to.equal(3);
    expect(wrong.err).to.match(/CONFIG_INVALID[\s\S]*trustedProxies\.0[\s\S]*like 127\.0\.0\.1[\s\S]*not "nginx"/);
  });

  it("reconnects a chat client by itself, which then has every message once and in order", async () => {
    let node = await up();
    const port = new URL(node.ready.url).port;
    const code = node.ready.adminCode ?? "";
    const enter = ["chat", "--url", node.ready.url, "--user", "ada", "--sign-up", "--admin-code", code];
    expect((await run(enter, "/create den\n")).code).to.equal(0);
    const sessions = JSON.parse(readFileSync(join(folder, "config/plexus/session.json"), "utf8")) as Record<
      string,
      SavedSession
    >;
    const token = sessions[node.ready.url]?.token ?? "";

    const seen: number[] = [];
    const changes: string[] = [];
    let wake = (): void => {};
    const client = new Client({ urls: [node.ready.url] }, terminalPorts(token));
    client.onLink(({ status }) => {
      changes.push(status);
      wake();
    });
    client.start();
    const until = async (isDone: () => boolean): Promise<void> => {
      while (!isDone()) await new Promise<void>((resolve) => (wake = resolve));
    };
    try {
      await new Promise<void>((resolve) => {
        client.follow("room/den", {
          state: () => resolve(),
          event(event) {
            if (event.type === "posted") seen.push(event.message.seq);
            wake();
          },
          refused: (reason) => expect.fail(reason.code),
        });
      });
      expect((await client.call("room.post", "den", { text: "before" })).ok).to.equal(true);
      await stop(node.child, "SIGKILL");
      // Asked while nobody is there: it waits, and is sent once the node is back.
      const pending = client.call("room.post", "den", { text: "meanwhile" });
      node = await up(["--port", port]);
      expect((await pending).ok).to.equal(true);
      expect((await client.call("room.post", "den", { text: "after" })).ok).to.equal(true);
      await until(() => seen.length >= 3);
      expect(seen).to.deep.equal([1, 2, 3]);
      expect(changes).to.include.members(["waiting", "open"]);
    } finally {
      client.close();
    }
    expect(await stop(node.child, "SIGTERM")).to.equal(0);
  });

  it("checks machine, data folder and port, and says what is bad in its exit code", async () => {
    const good = await run(["doctor", "--data", join(folder, "data"), "--port", "0", "--json"]);
    const report = JSON.parse(good.out) as { healthy: boolean; checks: { name: string; state: string }[] };
    expect(report.healthy, good.out).to.equal(true);
    expect(report.checks.map((check) => check.name)).to.include.members(["Node", "Data folder", "Model", "Port"]);
    const echo = await run(["doctor", "--data", join(folder, "data"), "--port", "0", "--model", "echo"]);
    expect(echo.code, echo.out).to.equal(0);
    expect(echo.out).to.match(/✔ Model +echo: repeats/);
    const bad = await run(["doctor", "--data", join(folder, "data"), "--port", "0", "--model", main]);
    expect(bad.code).to.equal(1);
    expect(bad.out).to.match(/✖ Model .*not a GGUF file/);
    const file = await run(["doctor", "--data", main, "--port", "0"]);
    expect(file.code).to.equal(1);
    expect(file.out).to.match(/✖ Data folder .*main\.[jt]s is a file/);
  });

  it("takes over what is live at SIGHUP, there and back", async () => {
    const config = join(folder, "plexus.yaml");
    writeFileSync(config, "log: { level: info }\n");
    const args = ["up", "--config", config, "--data", join(folder, "data"), "--port", "0", "--model", "echo", "--json"];
    const child = start(process.execPath, [main, ...args]);
    const said = createInterface({ input: child.stderr as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    const reloaded = async (): Promise<unknown> => {
      for (;;) {
        const { value, done } = await said.next();
        const line = JSON.parse(done === true ? "{}" : value) as { event?: string; apply?: unknown };
        if (done === true || line.event === "config.reloaded") return line.apply;
      }
    };
    await once(child.stdout as NodeJS.ReadableStream, "data");
    const seen: unknown[] = [];
    for (const level of ["debug", "info", "info"]) {
      writeFileSync(config, `log: { level: ${level} }\n`);
      child.kill("SIGHUP");
      seen.push(await reloaded());
    }
    expect(seen).to.deep.equal([["log.level"], ["log.level"], []]);
    expect(await stop(child, "SIGTERM")).to.equal(0);
  });

  it("starts through the launcher, which passes signals and exit codes on", async () => {
    const launcher = join(root, "bin/plexus");
    expect((await run(["--version"], "", launcher)).out.trim()).to.match(/^\d+\.\d+\.\d+$/);
    expect((await run(["up", "--port", "many"], "", launcher)).code).to.equal(2);
    expect((await run(["status", "--data", folder], "", launcher)).code).to.equal(3);
    const args = ["up", "--data", join(folder, "data"), "--port", "0", "--model", "echo", "--json"];
    const child = start(launcher, args);
    child.stderr?.resume();
    await once(child.stdout as NodeJS.ReadableStream, "data");
    expect(await stop(child, "SIGTERM")).to.equal(0);
  });

  it("starts as the node itself, so that whoever started it knows its process", async () => {
    const args = ["up", "--data", join(folder, "data"), "--port", "0", "--model", "echo", "--json"];
    mkdirSync(join(folder, "bin"));
    symlinkSync(join(root, "bin/plexus"), join(folder, "bin/plexus"));
    // Through a link that is found on the PATH, as `npm link` makes one.
    const child = start("sh", ["-c", `PATH=$PWD/bin:$PATH; exec plexus ${args.join(" ")}`]);
    child.stderr?.resume();
    const reader = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const [line] = (await once(reader, "line")) as [string];
    expect((JSON.parse(line) as Ready).pid).to.equal(child.pid);
    expect(await stop(child, "SIGTERM")).to.equal(0);
  });

  it("writes no core dump, and opens no debugger", async function () {
    if (!existsSync("/proc/self/limits")) this.skip();
    const args = ["up", "--data", join(folder, "data"), "--port", "0", "--model", "echo", "--json"];
    const child = start("sh", ["-c", `ulimit -S -c 1024; exec ${join(root, "bin/plexus")} ${args.join(" ")}`]);
    child.stderr?.resume();
    await once(child.stdout as NodeJS.ReadableStream, "data");
    expect(readFileSync(`/proc/${child.pid}/limits`, "utf8")).to.match(/^Max core file size +0 +0 /m);
    // SIGUSR1, which opens a debugger, is caught by nobody.
    const caught = /^SigCgt:\s+(\S+)$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1];
    expect(BigInt(`0x${caught}`) & (1n << 9n)).to.equal(0n);
    expect(await stop(child, "SIGTERM")).to.equal(0);
  });

  it("says what is missing where the launcher finds no packages, or no Node that is new enough", async () => {
    const bare = join(folder, "bare");
    mkdirSync(join(bare, "bin"), { recursive: true });
    copyFileSync(join(root, "bin/plexus"), join(bare, "bin/plexus"));
    const plexus = join(bare, "bin/plexus");
    const first = await run([], "", plexus);
    expect(first).to.include({ code: 3, out: "" });
    expect(first.err).to.include("Run `npm ci` in ").and.include(bare);
    mkdirSync(join(bare, "node_modules/commander"), { recursive: true });
    writeFileSync(join(bare, "bin/node"), "#!/bin/sh\necho v20.19.0\n", { mode: 0o755 });
    const second = await run(["-c", `PATH=${bare}/bin:/usr/bin:/bin exec ${plexus}`], "", "sh");
    expect(second).to.include({ code: 3, out: "" });
    expect(second.err).to.include("needs Node 24 or newer, and this is v20.19.0.");
  });

  it("lives on in the background when the shell that started it has ended", async () => {
    const args = `up --data ${join(folder, "data")} --port 0 --model echo --json`;
    const shell = start("sh", ["-c", `nohup ${join(root, "bin/plexus")} ${args} 2>/dev/null & echo $!`]);
    const ended = once(shell, "exit");
    const reader = createInterface({ input: shell.stdout as NodeJS.ReadableStream });
    const lines: string[] = [];
    const said = Promise.withResolvers<void>();
    reader.on("line", (line) => lines.push(line) === 2 && said.resolve());
    await Promise.all([ended, said.promise]);
    const launcher = Number(lines[0]);
    const { url, pid } = JSON.parse(lines[1] ?? "") as Ready;
    try {
      expect((await fetch(`${url}/healthz`)).status).to.equal(200);
      const gone = once(reader, "close");
      process.kill(launcher, "SIGTERM");
      await gone;
      expect(existsSync(join(folder, "data/control.json"))).to.equal(false);
    } finally {
      killIfThere(pid);
    }
  });

  it("ends within moments when it is told to while it waits for a directory that never answered", async () => {
    // Nothing listens on the lowest ports.
    const args = [
      "up",
      "--data",
      join(folder, "data"),
      "--port",
      "0",
      "--model",
      "echo",
      "--etcd",
      "http://127.0.0.1:1",
    ];
    const child = start(process.execPath, [main, ...args]);
    const said = readAll(child.stderr as NodeJS.ReadableStream);
    const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), "line")) as [string];
    expect(line).to.match(/^Waiting for the cluster's directory.*Ctrl-C ends it\.$/);
    expect(await stop(child, "SIGINT")).to.equal(0);
    expect(await said)
      .to.include("node.stopped")
      .and.not.match(/overdue|STOPPING/);
  });

  it("answers a wrong command line with one JSON line when JSON was asked for", async () => {
    const { code, out, err } = await run(["up", "--port", "many", "--json"]);
    expect(code).to.equal(2);
    expect(out).to.equal("");
    const { error } = JSON.parse(err) as { error: { code: string; details: { reason: string } } };
    expect(error.code).to.equal("BAD_REQUEST");
    expect(error.details.reason).to.match(/whole number/);
  });

  it("names the field of a configuration that is wrong", async () => {
    const { code, err } = await run(["up", "--config", join(folder, "none.yaml")]);
    expect(code).to.equal(3);
    expect(err).to.match(/^error CONFIG_INVALID[\s\S]*none\.yaml[\s\S]*ENOENT/);
  });
});
