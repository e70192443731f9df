import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import { expect } from "chai";
import { unpackPackage } from "../../fixtures/debian.ts";
import { ChatClient } from "../../fixtures/processes/chat-client.ts";
import { ClusterProcesses } from "../../fixtures/processes/cluster-processes.ts";
import { healthy } from "../../fixtures/processes/cluster-waits.ts";
import { expireAfter, patience } from "../../waits.ts";

const python = "/usr/bin/python3";
const packages = ["python3-grpcio", "python3-grpc-tools", "python3-protobuf", "libprotobuf32", "libre2-9", "libc-ares2", "libabsl20220623"]; // prettier-ignore

/** What Debian's own Python needs to find Debian's packages; or why it cannot. */
function pythonWithGrpc(): Readonly<{ environment: NodeJS.ProcessEnv; protos: string } | { missing: string }> {
  if (!existsSync(python)) return { missing: `no ${python}` };
  const folders: string[] = [];
  for (const name of packages) {
    const found = unpackPackage(name);
    if ("missing" in found) return found;
    folders.push(found.path);
  }
  const modules = folders.map((folder) => join(folder, "usr/lib/python3/dist-packages"));
  const libraries = folders.map((folder) =>
    join(folder, "usr/lib", `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`),
  );
  return {
    environment: {
      PATH: process.env["PATH"],
      PYTHONPATH: modules.join(delimiter),
      LD_LIBRARY_PATH: libraries.join(delimiter),
    },
    protos: join(modules[1] as string, "grpc_tools/_proto"),
  };
}

interface Said {
  readonly at?: number;
  readonly text?: string;
  readonly node?: string;
  readonly [fact: string]: unknown;
}

describe("a Python program by gRPC", () => {
  it("made from the .proto follows a room across the death of its node, without gap or duplicate", async function () {
    const found = pythonWithGrpc();
    if ("missing" in found) {
      console.log(`      skipped: ${found.missing}`);
      return this.skip();
    }
    const folder = await mkdtemp(join(tmpdir(), "plexus-python-"));
    const protos = join(import.meta.dirname, "../../../protocols/grpc");
    const PYTHONPATH = `${folder}${delimiter}${found.environment["PYTHONPATH"]}`;
    const env = { ...found.environment, PYTHONPATH };
    try {
      const made = [
        "-m",
        "grpc_tools.protoc",
        `-I${protos}`,
        `-I${found.protos}`,
        `--python_out=${folder}`,
        `--grpc_python_out=${folder}`,
        "plexus.proto",
      ];
      await promisify(execFile)(python, made, { env, timeout: patience * 60_000 });

      const flags = ["--grpc", "0"];
      await using cluster = await ClusterProcesses.start([
        { name: "one", roles: "manager,chat,gateway", flags },
        { name: "two", roles: "chat,gateway", flags },
      ]);
      const [one, two] = [cluster.named("one"), cluster.named("two")];
      const token = await one.signUp("ada");
      await one.signUp("bob");
      const ada = new ChatClient(() => one.url, token);
      let posts = 0;
      const post = async (text = `ada ${(posts += 1)}`): Promise<void> => {
        const answer = await ada.command("room.post", "den", { text }, `post ${text}`.replaceAll(" ", "-"));
        if ("error" in answer) throw new Error(JSON.stringify(answer.error));
      };
      try {
        await ada.command("room.create", "den", { visibility: "public" }, "create");
        // A new room or account has one copy until the plan gave it others: that one would be gone with its node.
        await healthy(cluster, "before Python comes");
        const wish = { name: "python", scopes: ["cluster.see"] };
        const made = await one.http("POST", "/api/v1/admin/control/tokens", wish, await one.controlToken());
        const { token: control } = made.body as { readonly token: string };
        const child = spawn(
          python,
          [
            join(import.meta.dirname, "../../fixtures/processes/grpc-client.py"),
            "den",
            "bob",
            "password of bob",
            control,
            two.grpc,
            one.grpc,
          ],
          { env, stdio: ["ignore", "pipe", "pipe"] },
        );
        let trouble = "";
        child.stderr.on("data", (text: Buffer) => (trouble = (trouble + text.toString()).slice(-4_000)));
        const said: Said[] = [];
        let wake = (): void => undefined;
        createInterface(child.stdout).on("line", (line) => {
          said.push(JSON.parse(line) as Said);
          wake();
        });
        const over = new Promise<number | null>((resolve) => child.once("exit", resolve));
        void over.then(() => wake());
        const until = async (what: string, isDone: () => boolean): Promise<void> => {
          const stop = expireAfter(120_000, () => child.kill("SIGKILL"));
          while (!isDone()) {
            if (child.exitCode !== null || child.signalCode !== null)
              throw new Error(`Python ended before ${what}: ${trouble} ${JSON.stringify(said.slice(-5))}`);
            await new Promise<void>((resolve) => (wake = resolve));
          }
          stop();
        };
        try {
          await until("it follows the room", () => said.some(({ subscribed }) => subscribed === true));
          for (let count = 0; count < 10; count += 1) await post();
          await until("it sees what is posted", () => said.some(({ text }) => text === "ada 10"));
          let killed = false;
          const posting = (async () => {
            for (let count = 0; count < 20 || !killed; count += 1) await post();
          })();
          await two.end("SIGKILL");
          killed = true;
          await posting;
          await until(
            "it follows the room at the other node",
            () => said.filter(({ subscribed }) => subscribed === true).length > 1,
          );
          await post("the end");
          expect(await over, trouble).to.equal(0);

          const [posted] = said.filter((line) => "posted" in line);
          expect(posted?.["again"]).to.equal(posted?.["posted"]);
          expect(said.find((line) => "refused" in line)?.["refused"]).to.deep.equal([
            "PERMISSION_DENIED",
            "FORBIDDEN",
            "failed",
          ]);
          expect(said.find((line) => "notAdmin" in line)?.["notAdmin"]).to.equal("FORBIDDEN");
          expect(said.find((line) => "by" in line)).to.deep.equal({ tasks: 0, by: "control/python" });
          const events = said.filter(({ at }) => at !== undefined);
          expect(events.map(({ text }) => text)).to.deep.equal([
            ...Array.from({ length: posts }, (_, index) => `ada ${index + 1}`),
            "the end",
          ]);
          const seen = events.map(({ at }) => at as number);
          expect(seen).to.deep.equal(seen.toSorted((left, right) => left - right));
          expect(new Set(events.map(({ node }) => node))).to.deep.equal(new Set([two.grpc, one.grpc]));
        } finally {
          child.kill("SIGKILL");
        }
      } finally {
        ada.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
