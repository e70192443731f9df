/** A folder of backups as version 1 of the format had it: made by `plexus backup run`, twice, with a rotation of keys
 *  between, and kept since. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { endRestore, restore } from "../../../node/backup/restore/restore.ts";
import { journalFolder, markFile } from "../../../node/data-folder/index.ts";
import { combineShares, rootKeysOf } from "../../../node/keys/index.ts";
import { createRandom, openLevelStore } from "../../../node/platform/index.ts";
import { openJournal, readFormat } from "../../../node/storage/index.ts";
import { shareFromText } from "../../../node/keys/kit.ts";
import { slotOf, type ActorId } from "../../../protocols/index.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { valueIn } from "./world.ts";

interface Kept {
  readonly shares: readonly string[];
  readonly room: ActorId;
  readonly texts: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

describe("a folder of backups that version 1 of the format has written", () => {
  it("is restored whole, and its messages are bit for bit what was posted", async () => {
    const kept = JSON.parse(await readFile(join(import.meta.dirname, "kept-backup-1.json"), "utf8")) as Kept;
    const top = await mkdtemp(join(tmpdir(), "plexus-kept-"));
    try {
      for (const [path, bytes] of Object.entries(kept.files)) {
        await mkdir(dirname(join(top, path)), { recursive: true });
        await writeFile(join(top, path), Buffer.from(bytes, "base64"));
      }
      const shares = kept.shares.map((share) => valueIn(shareFromText(share)));
      const root = rootKeysOf(valueIn(await combineShares(shares)));
      const clock = flowingWorld().clock();
      const to = join(top, "new");
      const done = await restore({ from: [join(top, "backups")], to }, root, { clock, random: createRandom(), log: quietLog, progress: () => undefined }); // prettier-ignore
      await endRestore(to);
      expect([done.lost, done.missing, done.stale, done.damaged]).to.deep.equal([[], [], [], []]);
      const store = await openLevelStore(journalFolder(to), { mark: markFile(to) });
      try {
        const { cluster, node } = (await readFormat(store)) as { readonly cluster: string; readonly node: string };
        const journal = await openJournal({
          store,
          clock,
          log: quietLog,
          meter: quietMeter,
          identity: { cluster, node },
        });
        const log = await journal.openSlot(slotOf("chat", kept.room));
        const rows = await log.reader.readSide("record", kept.room, { from: "message/", to: "message0", limit: 1_000 });
        expect(rows.map(({ value }) => (value as { readonly text: string }).text)).to.deep.equal(kept.texts);
      } finally {
        await store.close();
      }
    } finally {
      await rm(top, { recursive: true });
    }
  });
});
