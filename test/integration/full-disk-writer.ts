/** Appends numbered entries to a journal and says which are acknowledged. Run where the disk is full again and again, in the
 *  middle of a record. Arguments: --data FOLDER, which gets the journal. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createClock, openLevelStore } from "../../node/platform/index.ts";
import { openJournal } from "../../node/storage/index.ts";
import type { Failure } from "../../protocols/index.ts";
import { quietLog, quietMeter } from "../quiet.ts";
import { openAs } from "../unit/storage/stage.ts";

const { data = "" } = parseArgs({ options: { data: { type: "string" } } }).values;
const store = await openLevelStore(join(data, "journal"));
const identity = { cluster: "c1", node: "n1" };
const journal = await openJournal({ store, clock: createClock(), log: quietLog, meter: quietMeter, identity });
let epoch = 1;
let log = await openAs(journal, "chat/1", epoch);

for (let number = 1; ; number += 1) {
  const events = [{ number, filling: "x".repeat((number * 37) % 900) }];
  const error = await new Promise<Failure | undefined>((resolve) => {
    log.append(epoch, { atMs: 0, actor: "pad/a", events, answers: [], side: [] }, resolve);
  });
  if (error === undefined) {
    process.stdout.write(`acknowledged ${number}\n`);
    continue;
  }
  // What is there can be read while the disk takes nothing.
  if ((await store.keys({ gte: "head/", lt: "head0" })).length !== 1) throw new Error("the head is not there");
  if ((await store.view().range({ gte: "log/", lt: "log0", limit: 1 })).length !== 1)
    throw new Error("no log is there");
  process.stdout.write(`refused ${number} ${JSON.stringify(error.details)}\n`);
  for (let open = false; !open;) {
    epoch += 1;
    try {
      log = await journal.reopen("chat/1");
      await log.raise(epoch, true);
      open = true;
    } catch (stillFull) {
      // A write that fails leaves less behind each time, or somebody makes room.
      process.stdout.write(`closed ${number} ${String(stillFull)}\n`);
    }
  }
}
