import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { salvage, type Salvaged } from "../../../node/salvage/salvage.ts";
import { diskKeyFile, journalFolder, markFile } from "../../../node/data-folder/index.ts";
import { homeRow } from "../../../node/data-folder/home.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import {
  anchorOf,
  createClusterKeys,
  readOrMakeDiskKey,
  rootKeysOf,
  type ClusterKeys,
} from "../../../node/keys/index.ts";
import { createRandom, openLevelStore } from "../../../node/platform/index.ts";
import type { Store } from "../../../node/ports/index.ts";
import { formatRow } from "../../../node/storage/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

describe("keys of backups in a folder that is salvaged", () => {
  const clock = flowingWorld().clock();
  let folder: string;
  let from: string;
  let to: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-salvage-"));
    [from, to] = [join(folder, "from"), join(folder, "to")];
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const unit = { tenant: "user/ada", unit: "u1", epoch: 1 };
  const openStore = (data: string): Promise<Store> => openLevelStore(journalFolder(data), { mark: markFile(data) });
  const keysIn = (store: Store): ClusterKeys => {
    const key = () => readOrMakeDiskKey(diskKeyFile(from));
    return createClusterKeys({ cluster: "c1", directory: createEmbeddedDirectory({ store }), store, diskKey: { read: key, make: key }, clock, log: quietLog }); // prettier-ignore
  };

  /** A unit's key, sealed in a folder whose home says that the directory is at `host`. */
  async function make(host: string, spoil?: (store: Store) => Promise<void>): Promise<Uint8Array> {
    const store = await openStore(from);
    const home = { cluster: "c1", directory: { kind: "embedded", host } as const, members: [], starts: 1 };
    await store.batch([homeRow(home), formatRow({ cluster: "c1", node: "n1", createdAtMs: 1 })], { sync: true });
    const keys = keysIn(store);
    const root = rootKeysOf(Buffer.alloc(32, 1));
    const to = { commitment: root.commitment, recoveryKey: text(root.recipient.publicKey) };
    const begun = await keys.beginKit(to);
    if (!begun.ok) throw new Error(begun.error.code);
    const anchor = anchorOf("c1", begun.value.at(-1)!, root);
    const made = await keys.confirmKit({ ...to, verifyKey: text(root.signer.verifyKey), needed: 2, digests: ["a", "b"], madeAtMs: 1, anchor }); // prettier-ignore
    expect(made.ok).to.equal(true);
    const backup = await keys.backupKeys();
    if (!backup.ok) throw new Error(backup.error.code);
    await backup.value.ensure(["user/ada"]);
    const sealed = backup.value.seal(unit, Buffer.alloc(32, 5));
    await spoil?.(store);
    await store.close();
    return sealed;
  }
  const run = (): Promise<Salvaged> => salvage(from, to, { clock, random: createRandom(), progress: () => undefined });
  const saysLost = ({ lost }: Salvaged): boolean => lost.some((one) => "part" in one && one.part === "keys of backups");

  it("come along with the ring, and the file is named that has the key around them", async () => {
    const sealed = await make("n1");
    const done = await run();
    expect([done.identity, saysLost(done), done.diskKey]).to.deep.equal(["kept", false, diskKeyFile(from)]);
    const store = await openStore(to);
    const backup = await keysIn(store).backupKeys();
    if (!backup.ok) throw new Error(backup.error.code);
    expect(Buffer.from(backup.value.open(unit, sealed))).to.deep.equal(Buffer.alloc(32, 5));
    await store.close();
  });

  it("are said to be lost where one cannot be read, and where a cluster with another name is made", async () => {
    await make("n1", async (store) => {
      const [ring] = await store.keys({ gte: "directory/row/keys/ring/", lt: "directory/row/keys/ring0", limit: 1 });
      await store.batch([{ type: "put", key: ring!, value: Buffer.from("spoiled") }], { sync: true });
    });
    expect(saysLost(await run())).to.equal(true);
    for (const data of [from, to]) rmSync(data, { recursive: true });
    await make("n2");
    const other = await run();
    expect([other.identity, saysLost(other), other.diskKey]).to.deep.equal(["new", true, undefined]);
  });
});
