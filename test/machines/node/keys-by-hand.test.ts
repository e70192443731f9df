/** The keys of a backup are had of the kit's shares without Plexus: by the program in docs/backup/by-hand.md, which
 *  knows nothing of this one. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import {
  anchorOf,
  createRoot,
  createUnitKeys,
  rootKeysOf,
  splitRoot,
  type RootRecord,
} from "../../../node/keys/index.ts";
import { createEpoch } from "../../../node/keys/epochs.ts";
import { shareCode } from "../../../node/keys/kit.ts";
import { writeBackupKeys } from "../../../node/keys/backup-keys.ts"; // prettier-ignore
import { createTenantKey, rewrapTenantKey } from "../../../node/keys/units.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/backup/by-hand.md"), "utf8");
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

describe("the keys of a backup, by the program on the page", () => {
  it("come out of any shares that suffice and what lies beside the snapshots", async () => {
    const [, program = ""] = /```js\n(import \* as crypto[\s\S]*?)```/.exec(page) ?? [];
    const root = createRoot();
    const of = rootKeysOf(root);
    const to = { commitment: of.commitment, recoveryKey: text(of.recipient.publicKey) };
    const first = createEpoch("c", to);
    const second = createEpoch("c", to, first);
    const record: RootRecord = { ...to, verifyKey: text(of.signer.verifyKey), needed: 3, digests: [], madeAtMs: 1, anchor: anchorOf("c", second.record, of) }; // prettier-ignore
    const epochs = new Map([
      [1, first.key],
      [2, second.key],
    ]);
    const ring = [rewrapTenantKey(epochs, createTenantKey(epochs, "user/ada", 1), 2)];
    const key = Buffer.alloc(32, 5);
    const sealed = createUnitKeys(epochs, 1, ring).seal({ tenant: "user/ada", unit: "u1", epoch: 1 }, key);
    const carried = await writeBackupKeys(
      { cluster: "c", madeAtMs: 7, root: record, epochs: [first.record, second.record] },
      ring,
      second.key,
    );
    const shares = await splitRoot(root, { needed: 3, of: 5 });
    if (!shares.ok) return expect.fail(shares.error.code);
    const folder = mkdtempSync(join(tmpdir(), "plexus-keys-by-hand-"));
    try {
      writeFileSync(join(folder, "keys.mjs"), program);
      writeFileSync(join(folder, "keys.json"), carried);
      for (const some of [shares.value.slice(0, 3), shares.value.slice(2)]) {
        const asked = [join(folder, "keys.mjs"), join(folder, "keys.json"), "user/ada", "u1", "1", Buffer.from(sealed).toString("base64"), ...some.map(shareCode)]; // prettier-ignore
        expect(execFileSync(process.execPath, asked).toString()).to.equal(key.toString("hex"));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
