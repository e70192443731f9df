import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "chai";
import { createClock, openLevelStore } from "../../node/platform/index.ts";
import { openJournal } from "../../node/storage/index.ts";
import { quietLog, quietMeter } from "../quiet.ts";
import { openAs } from "../unit/storage/stage.ts";
import { createDataFolder, NodeProcess } from "./node-process.ts";

/** 512-byte blocks, as sh counts them: files may grow to 256 KiB. */
const fileBlocksMax = 512;
const root = join(import.meta.dirname, "..", "..");
const refusalsWanted = 3;
const entriesAfterwards = 200;

describe("a disk that is full for a while", function () {
  this.timeout(60_000);

  it("is not called damage by a node that starts, nor by the doctor, and then all is there", async () => {
    await using folder = await createDataFolder();
    await using before = new NodeProcess(folder.path);
    await before.start();
    const token = await before.signUp("ada");
    await before.http("POST", "/api/rooms", { room: "den" }, token);
    expect(await before.end("SIGTERM")).to.equal(0);

    const full = ["sh", "-c", 'trap "" XFSZ; ulimit -S -f 0; exec "$@"', "sh"];
    await using node = new NodeProcess(folder.path, ["--model", "echo"], full);
    const said = await node.start().then(() => "it is ready", String);
    expect(said).to.match(/ended with 3.*CONFIG_INVALID.*"field":"data".*EFBIG.*ulimit -f/s);
    expect(said).not.to.include("DATA_DAMAGED");

    const [program = "", ...words] = full;
    const args = [...words, process.execPath, "cli/main.ts", "doctor", "--data", folder.path, "--port", "0", "--json"];
    const { status, stdout } = spawnSync(program, args, { cwd: root, encoding: "utf8", timeout: 60_000 });
    expect(status).to.equal(1);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; says: string }[] };
    for (const name of ["Disk speed", "Journal"]) {
      const check = checks.find((one) => one.name === name);
      expect(check?.state, name).to.equal("bad");
      expect(check?.says, name).to.include("EFBIG").and.not.include("damaged");
    }

    await using after = new NodeProcess(folder.path);
    await after.start();
    expect((await after.http("GET", "/api/rooms/den", undefined, token)).status).to.equal(200);
  });

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
      else
        expect(line)
          .to.include("EFBIG")
          .and.not.include(path + "/");
      if (what === "refused") refused += 1;
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
