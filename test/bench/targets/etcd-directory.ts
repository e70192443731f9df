/** Our directory in etcd: a process that changes rows by compare-and-set. Arguments: the leader's address, and what its
 *  keys begin with. */
import { createEtcdDirectory } from "../../../node/cluster/directory/index.ts";
import { createClock } from "../../../node/platform/index.ts";
import { quietLog as log } from "../../fixtures/quiet.ts";
import { drive, payload, type Load } from "./drive.ts";
import { serve } from "./serve.ts";

const [endpoint = "", prefix = ""] = process.argv.slice(2);
const directory = createEtcdDirectory({
  endpoints: [endpoint],
  prefix: `${prefix}/`,
  clock: createClock(),
  log,
  founding: true,
});
const rows = new Map<number, { readonly revision: number; readonly count: number }>();

async function swap(lane: number): Promise<void> {
  const before = rows.get(lane) ?? { revision: 0, count: 0 };
  const count = before.count + 1;
  const { applied, row } = await directory.compareAndSet(`k${lane}`, { count, payload }, before.revision);
  if (!applied || row === undefined) throw new Error(`k${lane} was changed by somebody else`);
  rows.set(lane, { revision: row.revision, count });
}

serve({
  async swap(load: Load) {
    const driven = await drive(load, swap);
    for (const { key, value } of await directory.list("")) {
      const { count } = value as { readonly count: number };
      if (rows.get(Number(key.slice(1)))?.count !== count) throw new Error(`${key} counts ${count}`);
    }
    return driven;
  },
  stop() {
    directory.close();
    return Promise.resolve();
  },
});
