/** What our directory in etcd speaks by, alone: the same changes as the package `etcd3` makes. Arguments: the leader's
 *  address, and what its keys begin with. */
import { loadEtcdWire } from "../../../node/cluster/directory/etcd-wire.ts";
import { drive, payload, type Load } from "./drive.ts";
import { serve } from "./serve.ts";

const [endpoint = "", prefix = ""] = process.argv.slice(2);
const member = (await loadEtcdWire())(endpoint, {});
const value = Buffer.from(payload);
const deadlineMs = 60_000;
const revisions = new Map<number, string>();

async function swap(lane: number): Promise<void> {
  const key = Buffer.from(`${prefix}/k${lane}`);
  const compare = [{ result: "EQUAL", target: "MOD", key, mod_revision: revisions.get(lane) ?? 0 }] as const;
  const request = { compare, success: [{ request_put: { key, value } }] };
  const { succeeded, header } = await member.txn(request, Date.now() + deadlineMs);
  // Of each change the revision of the one before is compared: what came about twice, or not at all, ends this.
  if (!succeeded) throw new Error(`k${lane} was changed by somebody else`);
  revisions.set(lane, header.revision);
}

serve({
  swap: (load: Load) => drive(load, swap),
  stop() {
    member.close();
    return Promise.resolve();
  },
});
