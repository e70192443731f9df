/** What programs and nodes of the last release know of the interfaces: `protocols/released/` has the description of
 *  REST and the wire contract as they were released, and the differences since then that were made on purpose.
 *
 *      npm run release:contract            writes what is now; part of a release, never of a change
 *
 *  `compatible.ts` says which differences count. One that is made on purpose is a line of `accepted.txt`, word for
 *  word, and a line of the changelog. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "oxfmt";
import { createGateway } from "../../node/gateway/index.ts";
import { type GatewayOptions } from "../../node/gateway/options.ts";
import { createClock, createRandom } from "../../node/platform/index.ts";
import { contractFindings, restFindings, type Description } from "./compatible.ts";
import { contractLines } from "./contract.ts";

const folder = join(import.meta.dirname, "../../protocols/released");
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

/** The description of REST as a node gives it. There is no node behind the gateway: describing its routes asks no
 *  actor. */
export async function describeRest(): Promise<Description> {
  const unused: unknown = {};
  const gateway = await createGateway({
    kernel: unused as GatewayOptions["kernel"],
    engines: unused as GatewayOptions["engines"],
    hub: unused as GatewayOptions["hub"],
    clock: createClock(),
    random: createRandom(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    meter: { count() {}, gauge() {}, observeMs() {} },
    host: "127.0.0.1",
    port: 0,
    node: "described",
    version: "",
    signUp: "open",
    adminNeeded: () => Promise.resolve(false),
    adminCodeHash: undefined,
    status: () => Promise.reject(new Error("there is no node")),
    readiness: () => ({ ok: true, value: {} }),
    metricsText: () => Promise.reject(new Error("there is no node")),
  });
  try {
    return (await (await fetch(`${gateway.url}/openapi.json`)).json()) as Description;
  } finally {
    await gateway.stop(1_000);
  }
}

/** Every difference since the last release that a program or a node of it would notice. */
export async function incompatibilities(): Promise<readonly string[]> {
  const released = JSON.parse(read("openapi.json")) as Description;
  return [
    ...restFindings(released, await describeRest()),
    ...contractFindings(read("CONTRACT.txt"), contractLines().join("\n")),
  ];
}

/** Those that were made on purpose. */
export const accepted = (): readonly string[] =>
  read("accepted.txt")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

const acceptedHead =
  "# Differences since the last release that programs of it notice, made on purpose: the words of `npm run tidy`, one a line.\n";

if (import.meta.main) {
  const { code } = await format("openapi.json", JSON.stringify(await describeRest()), { printWidth: 120 });
  writeFileSync(join(folder, "openapi.json"), code);
  writeFileSync(join(folder, "CONTRACT.txt"), `${contractLines().join("\n")}\n`);
  writeFileSync(join(folder, "accepted.txt"), acceptedHead);
}
