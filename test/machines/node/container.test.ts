import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { expect } from "chai";
import { buildImage, isolation, missingTools } from "../../../release/container/build.ts";
import { depth } from "../../depth.ts";

const tag = "plexus:test";

// It asks npm's registry and Debian's, and takes minutes.
if (depth(false, true))
  describe("a node in a container that was built from nothing", () => {
    let container = "";
    const buildah = (...words: readonly string[]): string =>
      execFileSync("buildah", [...isolation, ...words], { encoding: "utf8" }).trim();
    before(async function () {
      if (missingTools().length > 0) return this.skip();
      await buildImage({ tag, say: () => undefined });
      container = buildah("from", "--isolation", "chroot", tag);
    });
    after(() => {
      if (container !== "") buildah("rm", container);
      if (missingTools().length === 0) buildah("rmi", "--force", tag);
    });

    it("starts without rights, answers with the page and the bundled model, and ends clean", async function () {
      const words = ["/opt/plexus/bin/plexus", "up", "--json", "--data", "/data", "--port", "0"];
      const node = spawn("buildah", [...isolation, "run", "--isolation", "chroot", container, "--", ...words], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      const ended = new Promise<number | null>((resolve) => node.once("exit", resolve));
      const line = await new Promise<string>((resolve, reject) => {
        createInterface(node.stdout).once("line", resolve);
        void ended.then((code) => reject(new Error(`the node ended with ${code}`)));
      });
      const { url, model } = JSON.parse(line) as { readonly url: string; readonly model?: unknown };
      expect((await fetch(`${url}/readyz`)).status).to.equal(200);
      expect(await (await fetch(url)).text()).to.include('id="page"');
      expect(JSON.stringify(model ?? "")).to.not.include("could not be loaded");
      // The youngest: buildah has processes of these words as well.
      const pid = execFileSync("pgrep", ["--newest", "--full", "--uid", "10001", "up --json --data /data"], {
        encoding: "utf8",
      });
      process.kill(Number(pid), "SIGTERM");
      expect(await ended).to.equal(0);
    });
  });
