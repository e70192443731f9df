import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { keyForDisk } from "../../../node/keys/disk.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import { createClusterKeys, rootKeysOf, writeDiskKey, readDiskKey, anchorOf } from "../../../node/keys/index.ts";
import { writeEscrow } from "../../../node/keys/escrow.ts";
import { type DiskKey } from "../../../node/keys/disk-key.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { RowStore } from "../storage/fixture.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const root = rootKeysOf(Buffer.alloc(32, 1));
const recovery = { commitment: root.commitment, recoveryKey: text(root.recipient.publicKey) };

describe("the key that a disk is to be encrypted with", () => {
  const clock = flowingWorld().clock();
  let folder: string;
  let store: RowStore;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-disk-key-"));
    store = new RowStore();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const file = (): string => join(folder, "disk.key");
  const asked = () => keyForDisk({ store, cluster: "c1", keyFile: file(), sealedFile: join(folder, "sealed") });
  const idOf = async (): Promise<string> => {
    const key = await asked();
    return key.ok ? key.value.id : key.error.code;
  };
  /** Keys of backups, which a disk's key wraps. */
  async function wrapKeys(disk: DiskKey): Promise<void> {
    const directory = createEmbeddedDirectory({ store: new RowStore() });
    await directory.opened();
    const diskKey = { read: async () => disk, make: async () => disk };
    const keys = createClusterKeys({ cluster: "c1", directory, store, diskKey, clock, log: quietLog });
    const begun = await keys.beginKit(recovery);
    if (!begun.ok) throw new Error(begun.error.code);
    const sheet = { verifyKey: text(root.signer.verifyKey), needed: 2, digests: ["a", "b"], madeAtMs: 1 };
    const made = await keys.confirmKit({ ...recovery, ...sheet, anchor: anchorOf("c1", begun.value[0]!, root) });
    expect(made.ok).to.equal(true);
  }

  it("is made where there was none, and is that of the file where it is there", async () => {
    const made = await idOf();
    expect(made).to.equal((await readDiskKey(file()))!.id);
    expect(await idOf()).to.equal(made);
  });

  it("is not made where keys of backups are wrapped by one that is missing, nor is another one taken", async () => {
    const disk = await writeDiskKey(file());
    await wrapKeys(disk);
    expect(await idOf()).to.equal(disk.id);
    rmSync(file());
    expect(await idOf()).to.equal("KEY_MISSING");
    expect(existsSync(file())).to.equal(false);
    await writeDiskKey(file(), Buffer.alloc(32, 9));
    expect(await idOf()).to.equal("KEY_MISSING");
    rmSync(file());
    await writeDiskKey(file(), disk.bytes);
    expect(await idOf()).to.equal(disk.id);
  });

  it("is not made where the recovery kit has one of this disk, which would be lost by it", async () => {
    const disk = await writeDiskKey(file());
    await writeEscrow(join(folder, "sealed"), { cluster: "c1", node: "n1" }, disk, recovery);
    rmSync(file());
    expect(await idOf()).to.equal("KEY_MISSING");
    await writeDiskKey(file(), Buffer.alloc(32, 9));
    expect(await idOf()).to.equal("KEY_MISSING");
    rmSync(file());
    await writeDiskKey(file(), disk.bytes);
    expect(await idOf()).to.equal(disk.id);
  });
});
