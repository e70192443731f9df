import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { unitText } from "../../../cli/up/service.ts";
import { onPath } from "../../fixtures/debian.ts";

describe("plexus service, as systemd has it", () => {
  for (const user of [false, true])
    it(`makes a unit that systemd finds nothing wrong with, ${user ? "of a user" : "of the machine"}`, function () {
      if (onPath("systemd-analyze") === undefined) this.skip();
      const folder = mkdtempSync(join(tmpdir(), "plexus-service-"));
      const path = join(folder, "plexus.service");
      // A program that is there: systemd looks.
      writeFileSync(path, unitText({ user, program: "/bin/true", words: ["--name", '50 % of $HOME "q" \\'] }));
      const words = [...(user ? ["--user"] : []), "verify", path];
      const environment = { ...process.env, XDG_RUNTIME_DIR: folder };
      try {
        const { status, stderr } = spawnSync("systemd-analyze", words, { encoding: "utf8", env: environment });
        expect(`${status} ${stderr}`).to.equal("0 ");
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
});
