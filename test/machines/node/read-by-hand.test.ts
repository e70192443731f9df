/** What is stored can be read without Plexus: by the programs in docs/backup/by-hand.md, which know nothing of this
 *  one. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { codeStripe } from "../../../node/bulk/shards/coding/index.ts";
import {
  encodeRows,
  fragmentAt,
  openNode,
  readTreeNode,
  type UnitContext,
} from "../../../runtimes/backup/format/index.ts";
import { openUnit } from "../../../runtimes/backup/format/unit.ts"; // prettier-ignore
import { context, frozenFile, frozenFileSample, nodeKey, of, rows, type Frozen, type FrozenFile } from "../../unit/runtimes/backup/samples.ts"; // prettier-ignore

const page = readFileSync(join(import.meta.dirname, "../../../docs/backup/by-hand.md"), "utf8");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

/** What the program in docs/backup/by-hand.md, which knows nothing of this one, makes of a unit's fragments. */
function byHand(fragments: readonly Uint8Array[], key: Uint8Array, of: UnitContext): Buffer {
  const [, program = ""] = /```js\n(import \{ createDecipheriv[\s\S]*?)```/.exec(page) ?? [];
  const folder = mkdtempSync(join(tmpdir(), "plexus-by-hand-"));
  try {
    writeFileSync(join(folder, "open.mjs"), program);
    const files = fragments.map((fragment, at) => {
      writeFileSync(join(folder, `${at}`), fragment);
      return join(folder, `${at}`);
    });
    const { cluster, person, thread, type, bucket, part, id, epoch } = of;
    const name = JSON.stringify([cluster, person, thread, type, bucket, part]);
    const hex = Buffer.from(key).toString("hex");
    return execFileSync(process.execPath, [join(folder, "open.mjs"), hex, name, id, String(epoch), ...files]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the formats of a backup, by the program on the page", () => {
  it("are read where version 1 wrote them", () => {
    const frozen = JSON.parse(readFileSync(frozenFile(1), "utf8")) as Frozen;
    const pack = bytes(frozen.pack);
    const fragments = frozen.places.slice(4).map((place) => fragmentAt(pack, place));
    expect(byHand(fragments, bytes(frozen.textsKey), context).equals(encodeRows(rows))).to.equal(true);
  });

  it("are read in files", () => {
    const sample = JSON.parse(readFileSync(frozenFileSample, "utf8")) as FrozenFile;
    const pack = bytes(sample.pack);
    const leaf = readTreeNode(openNode(bytes(sample.node), of, nodeKey), of.cluster);
    if (!("units" in leaf)) expect.fail("a leaf");
    for (const { name, id, epoch, sealedKey, hash, fragments } of leaf.units) {
      const own = fragments.map((place) => fragmentAt(pack, place));
      const content = openUnit(own, { ...name, id, epoch }, { key: sealedKey, hash });
      expect(byHand(own, sealedKey, { ...name, id, epoch }).equals(content)).to.equal(true);
    }
  });
});

describe("the shards of a stripe", () => {
  it("can be read without Plexus, by the program on the page", function () {
    const [, program = ""] = /```python\n([^]*?)```/.exec(page) ?? [];
    expect(program).to.include("PLXS");
    if (spawnSync("python3", ["--version"]).status !== 0) this.skip();
    const folder = mkdtempSync(join(tmpdir(), "plexus-by-hand-"));
    try {
      for (const [k, m] of [
        [4, 2],
        [8, 4],
      ] as const) {
        const whole = Buffer.from(Array.from({ length: 5_003 }, (_, at) => (at * k) % 251));
        const stripe = codeStripe(whole, { type: "rs", k, m });
        if (!stripe.ok) expect.fail(stripe.error.code);
        // As many as may be are lost: the first ones. A blob's file has the hashes of its leaves at the end.
        const paths = stripe.value.shards.slice(m).map((shard, at) => {
          const path = join(folder, `${k}-${at}`);
          writeFileSync(path, Buffer.concat([shard, Buffer.alloc(32, 1)]));
          return path;
        });
        const { stdout, stderr } = spawnSync("python3", ["-c", program, ...paths]);
        expect(stderr.toString()).to.equal("");
        expect(Buffer.compare(stdout, whole)).to.equal(0);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
