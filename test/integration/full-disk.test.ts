import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "chai";
import { createClock, openLevelStore } from "../../node/platform/index.ts";
import { openJournal } from "../../node/storage/index.ts";
import { quietLog, quietMeter } from "../quiet.ts";
import { openAs } from "../unit/storage/stage.ts";
import { createDataFolder } from "./node-process.ts";

/** 512-byte blocks, as sh counts them: files may grow to 256 KiB. */
const fileBlocksMax = 512;
const refusalsWanted = 3;
const entriesAfterwards = 200;

describe("a disk that is full for a while", function () {
  this.timeout(60_000);

  it("takes back nothing that was acknowledged, before or after, also over a kill -9", async () => {
    await using folder = await createDataFolder();
    const path = join(folder.path, "journal");
    const script = `trap "" XFSZ; ulimit -S -f ${fileBlocksMax}; exec "$0" "$1" "$2"`;
    const writer = join(import.meta.dirname, "full-disk-writer.ts");
    const child = spawn("sh", ["-c", script, process.execPath, writer, path], { stdio: ["ignore", "pipe", "inherit"] });
    const acknowledged: number[] = [];
    let refused = 0;
    let since = 0;
    for await (const line of createInterface(child.stdout)) {
      const [what, number] = line.split(" ");
      if (what === "acknowledged") acknowledged.push(Number(number));
      else refused += 1;
      since = refused >= refusalsWanted ? since + 1 : 0;
      if (since === entriesAfterwards) child.kill("SIGKILL");
    }
    expect(refused).to.be.at.least(refusalsWanted);

    const store = await openLevelStore(path);
    try {
      const identity = { cluster: "c1", node: "n1" };
      const journal = await openJournal({ store, clock: createClock(), log: quietLog, meter: quietMeter, identity });
      const log = await openAs(journal, "chat/1", 1_000);
      const { entries } = await log.recover("pad/a");
      const kept = entries.map((entry) => (entry.events[0] as { number: number }).number);
      const lost = acknowledged.filter((number) => !new Set(kept).has(number));
      expect(lost).to.deep.equal([]);
      expect(new Set(kept).size).to.equal(kept.length);
    } finally {
      await store.close();
    }
  });
});
