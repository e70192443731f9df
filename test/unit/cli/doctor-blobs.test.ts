import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { blobCheck } from "../../../cli/doctor/doctor-blobs.ts";
import { openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { openFiles } from "../../../node/platform/index.ts";
import { quietMeter } from "../../fixtures/quiet.ts";

describe("the doctor's look at blobs", () => {
  it("reads all of them, names those that are damaged, and touches nothing", async () => {
    const data = mkdtempSync(join(tmpdir(), "plexus-doctor-"));
    try {
      expect((await blobCheck(data)).says).to.equal("there are none yet");
      const store = await openBlobStore({ files: await openFiles(join(data, "blobs")), meter: quietMeter });
      async function* bytes(length: number) {
        yield new Uint8Array(length).fill(length);
      }
      await store.put(bytes(10));
      const { hash } = await store.put(bytes(20));
      // What a node at work is writing.
      const writing = join(data, "blobs", "temporary", "9");
      writeFileSync(writing, "half of it");
      expect(await blobCheck(data)).to.deep.include({
        name: "Blobs",
        state: "good",
        says: "2 blobs, 30 B, all intact",
      });
      const file = join(data, "blobs", hash.slice(0, 2), hash);
      const rotten = readFileSync(file);
      rotten[3] = 0;
      writeFileSync(file, rotten);
      const check = await blobCheck(data);
      expect(check.state).to.equal("warning");
      expect(check.says).to.include(`1 of 2 blobs`).and.include(hash);
      expect(readFileSync(writing, "utf8")).to.equal("half of it");
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });
});
