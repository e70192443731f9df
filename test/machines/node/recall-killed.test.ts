import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createSealer } from "../../../runtimes/backup/index.ts";
import { recallSink, recallUnit, recallUnits, recallUpTo } from "../../fixtures/recall-program.ts";
import { within } from "../../waits.ts";

const program = join(import.meta.dirname, "../../fixtures/recall-program.ts");

describe("a recall into a folder whose process is killed", () => {
  it("goes on in the same folder, killed three times, and has every unit once", async () => {
    const top = mkdtempSync(join(tmpdir(), "plexus-killed-"));
    const folder = join(top, "out");
    const log = join(folder, "recall.begun");
    const sealer = createSealer({ threads: 1, idleMs: 5_000 });
    try {
      for (let kills = 0; kills < 3; kills += 1) {
        const child = spawn(process.execPath, [program, folder], { stdio: ["pipe", "pipe", "inherit"] });
        await within(once(child.stdout, "data"), "it writes on");
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      const sink = await recallSink(folder, sealer);
      expect(sink.mark?.units).to.be.within(1, recallUnits - 1);
      await recallUpTo(sink, recallUnits);
      await sink.finish({ plexus: "recall" });
      await sink.close();
      const rooms = readdirSync(join(folder, "room"));
      expect(rooms).to.have.length(recallUnits / 10);
      for (const room of rooms) {
        const at = Number(room.slice(1)) * 10;
        const written = Array.from({ length: 10 }, (_, n) => recallUnit(at + n)[1].toString()).join("");
        expect(readFileSync(join(folder, "room", room, "message.jsonl"), "utf8") === written, room).to.equal(true);
      }
      expect(existsSync(log)).to.equal(false);
    } finally {
      await sealer.close();
      rmSync(top, { recursive: true, force: true });
    }
  });
});
