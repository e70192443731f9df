/** The peer `etcd3`: the same puts and changes through the package that an application in Node would take. Arguments: the leader's address, and
 *  what its keys begin with. */
import { setTimeout } from "node:timers/promises";
import { Etcd3 } from "etcd3";
import { drive, payload } from "./drive.ts";
import { serve } from "./serve.ts";

const [endpoint = "", prefix = ""] = process.argv.slice(2);
const client = new Etcd3({ hosts: endpoint });
const comeAgainMs = 5;
const refusedMax = 200;
const puts = new Map();
const keyOf = (lane) => `${prefix}/k${lane}`;

/** With more than 5,000 proposals to apply etcd refuses at once, and its clients come again. */
async function put(lane) {
  puts.set(lane, (puts.get(lane) ?? 0) + 1);
  for (let refused = 0; ; refused += 1) {
    try {
      await client.put(keyOf(lane)).value(payload).exec();
      return;
    } catch (error) {
      if (refused === refusedMax || !String(error).includes("too many requests")) throw error;
      await setTimeout(comeAgainMs);
    }
  }
}

async function swap(lane) {
  const version = puts.get(lane) ?? 0;
  puts.set(lane, version + 1);
  const change = client.if(keyOf(lane), "Version", "==", version).then(client.put(keyOf(lane)).value(payload));
  if (!(await change.commit()).succeeded) throw new Error(`${keyOf(lane)} was changed by somebody else`);
}

async function counted(load, issue) {
  const driven = await drive(load, issue);
  for (const [lane, count] of puts) {
    const { kvs } = await client.get(keyOf(lane)).exec();
    if (Number(kvs[0]?.version) !== count)
      throw new Error(`${keyOf(lane)} was put ${count} times, etcd says ${kvs[0]?.version}`);
  }
  return driven;
}

serve({
  durable: (load) => counted(load, put),
  swap: (load) => counted(load, swap),
  stop() {
    client.close();
    return Promise.resolve();
  },
});
