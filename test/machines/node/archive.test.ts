import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { expect } from "chai";
import { depth } from "../../depth.ts";
import { pdf } from "../../fixtures/documents.ts";
import { root } from "../../runner/phases.ts";
import { until } from "../../waits.ts";

const run = promisify(execFile);

// It asks a registry, and takes minutes.
if (depth(false, true))
  describe("the archive for npm, installed into an empty folder", () => {
    it("starts, serves the page and the bundled model, and is within its sizes", async function () {
      const work = await mkdtemp(join(tmpdir(), "plexus-archive-"));
      try {
        const packed = await run(process.execPath, [join(root, "release/pack.ts"), "--out", work, "--sizes"], {
          maxBuffer: 1 << 26,
        });
        const [archive = "", ...sizes] = packed.stdout.trim().split("\n");
        const besideNodeMB = Number(/besides Node +([\d.]+)/.exec(sizes.join("\n"))?.[1]);
        expect(besideNodeMB).to.be.within(20, 220);
        const light = await run(
          process.execPath,
          [join(root, "release/pack.ts"), "--out", join(work, "light"), "--sizes", "--without-llama"],
          { maxBuffer: 1 << 26 },
        );
        expect(Number(/besides Node +([\d.]+)/.exec(light.stdout)?.[1]), "without llama.cpp").to.be.within(20, 120);
        const prefix = join(work, "prefix");
        await run(
          "npm",
          ["install", "--global", "--prefix", prefix, archive, "--ignore-scripts", "--no-audit", "--no-fund"],
          { cwd: work, maxBuffer: 1 << 26 },
        );
        const node = spawn(join(prefix, "bin/plexus"), ["up", "--json", "--data", join(work, "data"), "--port", "0"], {
          stdio: ["ignore", "pipe", "ignore"],
        });
        try {
          const line = await new Promise<string>((resolve, reject) => {
            createInterface(node.stdout).once("line", resolve);
            node.once("exit", (code) => reject(new Error(`the node ended with ${code}`)));
          });
          const { url, adminCode } = JSON.parse(line) as { readonly url: string; readonly adminCode: string };
          const page = await (await fetch(url)).text();
          expect(page).to.include('id="page"');
          const post = async (path: string, body: object, token?: string): Promise<Record<string, unknown>> => {
            const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
            const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
            expect(answer.status, path).to.be.within(200, 201);
            return (await answer.json()) as Record<string, unknown>;
          };
          const { token } = await post("/api/v1/sign-up", { name: "ada", password: "correct horse", adminCode });
          const said = await post(
            "/v1/chat/completions",
            { model: "plexus-tiny", messages: [{ role: "user", content: "Hello" }] },
            String(token),
          );
          expect(JSON.stringify(said)).to.include('"content":"');
          // Its code is bundled, and has the files that it serves in another place.
          const headers = { authorization: `Bearer ${String(token)}` };
          const files = await Promise.all(
            ["", "static/swagger-ui-bundle.js", "static/logo.svg"].map((file) =>
              fetch(`${url}/api-docs/${file}`, { headers }),
            ),
          );
          expect(files.map(({ status }) => status)).to.deep.equal([200, 200, 200]);
          // The process that opens files may read its own code and nothing else of the machine.
          await post("/api/v1/rooms", { room: "lobby", visibility: "private" }, String(token));
          const tus = { ...headers, "tus-resumable": "1.0.0" };
          const document = pdf("Quarterly zebra report");
          const base64 = (text: string): string => Buffer.from(text).toString("base64");
          const made = await fetch(`${url}/api/v1/files/uploads`, {
            method: "POST",
            headers: {
              ...tus,
              "upload-length": String(document.length),
              "upload-metadata": `room ${base64("lobby")},filename ${base64("report.pdf")}`,
            },
          });
          const file = made.headers.get("location")?.split("/").at(-1) ?? "";
          await fetch(`${url}/api/v1/files/uploads/${file}`, {
            method: "PATCH",
            headers: { ...tus, "upload-offset": "0", "content-type": "application/offset+octet-stream" },
            body: new Uint8Array(document),
          });
          await post("/api/v1/rooms/lobby/messages", { text: "", files: [file] }, String(token));
          await until("the document has a small picture", async () =>
            expect((await fetch(`${url}/api/v1/rooms/lobby/files/${file}/preview`, { headers })).status).to.equal(200),
          );
        } finally {
          const ended = new Promise((resolve) => node.once("exit", resolve));
          node.kill("SIGTERM");
          expect(await ended).to.equal(0);
        }
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    });
  });
