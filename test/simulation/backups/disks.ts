/** Everything is gone but the disks of some nodes and the kit: what they give together. */
import { openHolders, type HolderFolder } from "../../../node/backup/restore/holders.ts";
import { headNumbers, readHeadFile, readKeysFile, recall } from "../../../node/backup/index.ts";
import { openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { shardsOf, type StripeRef } from "../../../protocols/index.ts";
import { headFormat, tenantOf } from "../../../runtimes/backup/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { plainSealer } from "../../unit/backup/world.ts";
import { pathOf, type Machine } from "../../unit/bulk/shards/fixture.ts";
import { simulatedClock } from "../../world/index.ts";
import { codeOf } from "./member.ts";
import type { Scene } from "./scene.ts";
import { cluster, type Living } from "./watch.ts";

const keysBytesMax = 1 << 24;

/** As few machines as suffice for each of these stripes: others go one by one, in an order that is drawn. */
export function fewestOf(scene: Scene, stripes: Iterable<StripeRef>): readonly Machine[] {
  const { dice } = scene.world;
  const needed = [...stripes];
  let left = scene.fixture.machines;
  const isEnough = (some: readonly Machine[]): boolean =>
    needed.every(({ scheme, shards }) => {
      const there = shards.filter(({ hash }) =>
        some.some(({ files }) => files.isDurable(pathOf(hash)) && files.isSound(pathOf(hash))),
      );
      return there.length >= shardsOf(scheme).enough;
    });
  for (const { node } of scene.fixture.machines.toSorted(() => dice.between(-1, 1))) {
    const without = left.filter((one) => one.node !== node);
    if (without.length > 0 && isEnough(without)) left = without;
  }
  return left;
}

/** What lies on a machine's disk beside its shards, and them. */
async function folderOf({ node, files: disk }: Machine): Promise<HolderFolder> {
  const files = disk.open({ life: 0, alive: true });
  const heads = [];
  for (const number of await headNumbers(files)) {
    const bytes = await readHeadFile(files, number, headFormat.bytesMax);
    if (bytes !== undefined) heads.push({ number, bytes });
  }
  const keys = await readKeysFile(files, keysBytesMax);
  return { name: node, blobs: await openBlobStore({ files, meter: quietMeter, looksOnly: true }), heads, keys };
}

const madeAt = ({ keys }: HolderFolder): number =>
  keys === undefined ? 0 : (JSON.parse(Buffer.from(keys).toString()) as { madeAtMs: number }).madeAtMs;

/** What is wrong with what these machines' disks bring back, which should be this snapshot. One of them gives old
 *  heads, where there are several. */
export async function faultOnDisks(scene: Scene, machines: readonly Machine[], newest: Living): Promise<string | undefined> {
  const { world } = scene;
  const folders = await Promise.all(machines.map((machine) => folderOf(machine)));
  const [first, ...others] = folders as [HolderFolder, ...HolderFolder[]];
  const given = others.length === 0 ? folders : [{ ...first, heads: first.heads.slice(0, -1) }, ...others];
  const keys = given.toSorted((one, other) => madeAt(other) - madeAt(one))[0]?.keys;
  if (keys === undefined) return "no disk has the keys";
  const contents = new Map<string, Uint8Array[]>();
  const lost: string[] = [];
  try {
    const ports = { cluster, keys: scene.watch.keysOf(keys), sealer: plainSealer, clock: simulatedClock(world, { offsetMs: 0 }, { life: 0, alive: true }), random: world.dice, log: quietLog };
    const surviving = await openHolders(given, {}, ports);
    const { source } = surviving;
    const { head, behind, unreadable } = surviving.used();
    if (head.number !== scene.watch.headNumber || unreadable.length > 0) return `head ${head.number} is taken for the newest, which is ${scene.watch.headNumber}`;
    if (others.length > 0 && !behind.some(({ folder }) => folder === first.name)) return `${first.name} gives old heads, and nobody says so`;
    const sink = {
      async write({ name }: { readonly name: { readonly thread: string; readonly type: string } }, content: Uint8Array): Promise<void> {
        const place = `${name.thread} ${name.type}`;
        contents.set(place, [...(contents.get(place) ?? []), new Uint8Array(content)]);
      },
    };
    await recall(source.ports, source.repository, { snapshot: newest.snapshot.number }, sink, {
      signal: new AbortController().signal,
      progress: () => undefined,
      lost: ({ name }, error) => {
        if (!scene.watch.isGoneTenant(tenantOf(name))) lost.push(`${name.thread} ${name.type}: ${codeOf(error)}`);
      },
    });
  } catch (error) {
    return `${codeOf(error)} ${JSON.stringify(error)}`;
  }
  if (lost.length > 0) return `${lost[0]} is lost`;
  return scene.watch.faultIn(newest, contents, (actor) => scene.watch.isGone(actor));
} // prettier-ignore
