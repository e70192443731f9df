import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { ShardsView, StripeHealth, StripePut, StripeRead } from "../../../protocols/index.ts";
import { ClusterProcesses, manager } from "../../fixtures/processes/cluster-processes.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";
import type { NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";
import { shardFilesOf } from "../../fixtures/processes/shard-files.ts";

const storage = (name: string) => ({ name, roles: "chat,storage,gateway" });
const base = "/api/v1/admin/shards";

describe("shards on real nodes", () => {
  it("are put, read at another node, found damaged, made good, and outlive a killed node", async () => {
    await using cluster = await ClusterProcesses.start([manager, storage("a"), storage("b"), storage("c")]);
    const post = (path: string, body: unknown, node: NodeProcess = cluster.first): Promise<unknown> =>
      cluster.admin("POST", `${base}${path}`, body, node);
    await until("a group of holders on three nodes", async () => {
      const { groups } = (await cluster.admin("GET", base)) as ShardsView;
      const owners = groups.filter(({ open }) => open).flatMap(({ holders }) => holders.map(({ owner }) => owner));
      expect(new Set(owners), JSON.stringify(groups)).to.have.lengthOf(3);
      expect(owners).not.to.include(undefined);
    });
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 9)) & 0xff));
    const text = bytes.toString("base64");
    const { stripe } = (await post("/stripes", { bytes: text }, cluster.named("a"))) as StripePut;
    expect(stripe.scheme).to.deep.equal({ type: "copies", copies: 3 });
    const read = (await post("/stripes/read", { stripe }, cluster.named("b"))) as StripeRead;
    expect(read.bytes === text).to.equal(true);
    const health = async (deep: boolean): Promise<readonly string[]> =>
      ((await post("/stripes/inspect", { stripe, deep })) as StripeHealth).shards.map(({ state }) => state);
    const isWhole = async (): Promise<void> => {
      expect(await health(true)).to.deep.equal(["well", "well", "well"]);
    };
    await until("all shards are there", isWhole);

    // A bit flips on one disk.
    const [shard] = await shardFilesOf(cluster.named("c").data);
    const rotten = await readFile(shard ?? "");
    rotten[1_000] = (rotten[1_000] as number) ^ 4;
    await writeFile(shard ?? "", rotten);
    expect(await health(true)).to.include("damaged");
    await until("the damaged shard is made good", isWhole);

    await cluster.named("a").end("SIGKILL");
    const after = (await post("/stripes/read", { stripe }, cluster.named("b"))) as StripeRead;
    expect(after.bytes === text).to.equal(true);
    await cluster.named("a").start();
    await until("the killed node's shard is there again", isWhole);
    await post("/stripes/release", { stripe });

    // The same as somebody types it.
    const file = join(cluster.named("b").data, "photo.raw");
    await writeFile(file, bytes);
    expect(await plexus(cluster.named("b"), "shards", "put", file)).to.match(/in 1 stripe/);
    // A put is acknowledged by enough of the holders; the rest follows, and is said to be on the way meanwhile.
    await until("every copy is at its holder", async () => {
      const verified = await runPlexus("shards", "verify", `${file}.ref`, "--data", cluster.named("c").data);
      expect(verified.stdout + verified.stderr).to.match(/3 copies: whole/);
    });
    /** A table as its cells. */
    const cells = (text: string): readonly (readonly string[])[] =>
      text.split("\n").map((line) => line.split("│").map((cell) => cell.trim()).filter((cell) => cell !== "")); // prettier-ignore
    const shown = cells(await plexus(cluster.named("a"), "shards", "show", `${file}.ref`));
    const well = shown.filter((row) => row.at(-1) === "well").map(([, node]) => node);
    expect(well, JSON.stringify(shown)).to.have.members(["a", "b", "c"]);
    // Who put it keeps the receipts.
    const ofPutter = await plexus(cluster.named("b"), "shards", "show", `${file}.ref`);
    expect(cells(ofPutter).filter((row) => /^signed 2\d{3}-.*Z$/.test(row.at(-2) ?? ""))).to.have.length(3);
    const listed = await plexus(cluster.first, "shards", "list");
    expect(listed).to.match(/\d+ repaired, last 2\d{3}-/);
    expect(listed).to.match(/^3 nodes with the role storage$/m);
    const holder = shown.find((row) => row.at(-1) === "well")?.[0] ?? "";
    expect(cells(listed).map(([name]) => name)).to.include(holder);
    const [, , hash = ""] = shown.find(([name]) => name === holder) ?? [];
    expect(await plexus(cluster.first, "shards", "list", holder)).to.include(hash);
    expect(await plexus(cluster.first, "shards", "list", holder, "--only", "lost")).to.not.include(hash);
    const [, , ofB = "none"] = shown.find(([, node]) => node === "b") ?? [];
    const rotted = (await shardFilesOf(cluster.named("b").data)).find((path) => path.includes(`/${ofB}`));
    await writeFile(rotted ?? "", rotten);
    const damaged = await runPlexus("shards", "verify", `${file}.ref`, "--data", cluster.first.data);
    expect(damaged.code, damaged.stdout).not.to.equal(0);
    await until("what is damaged is made good", async () => {
      expect(await plexus(cluster.named("c"), "shards", "verify", `${file}.ref`)).to.match(/3 copies: whole/);
    });
    await plexus(cluster.named("a"), "shards", "get", `${file}.ref`, "--to", `${file}.again`);
    expect((await readFile(`${file}.again`)).equals(bytes)).to.equal(true);
    expect(await plexus(cluster.first, "shards", "heal")).to.match(/Made good/);
    await plexus(cluster.named("c"), "shards", "drop", `${file}.ref`, "--yes");
  });
});
