/** Reads units out of packs: in the order in which they are stored, so that each pack is read about once, and many at a
 *  time in the pool.
 *
 *      units ─ asStored ─► those of the same packs together ─ openUnits ─► packs, each once ─► opened in the pool,
 *                                                                                             the next lot meanwhile */
import {
  contextOfUnit,
  fragmentAt,
  packFormat,
  parted,
  SharedMemory,
  SharedPieces,
  tenantOf,
  type FragmentPlace,
  type RowFilter,
  type StripeName,
  type UnitEntry,
} from "../../../runtimes/backup/index.ts";
import type { BackupLimits } from "../limits.ts";
import type { BackupPorts } from "../ports.ts";
import type { Repository } from "../repository.ts";

/** A pack that is in memory, or on its way there. */
interface ReadPack {
  readonly bytes: Promise<Uint8Array>;
  /** Where it may lie. */
  readonly memory: Buffer;
  /** Readers that look at it. */
  readers: number;
}

/** Room for any pack, and for what its code adds to its end: one of all sizes serves for all. What of it is never
 *  written takes no memory of the machine. */
const memoryBytes = packFormat.bytesMax + 64 * 1024;

/** The packs that were read last: units of one thread lie in few. The memory of one that is given up is the next
 *  one's. */
export class PackCache {
  readonly #repository: Pick<Repository, "read">;
  readonly #max: number;
  readonly #packs = new Map<string, ReadPack>();
  readonly #spare: Buffer[] = [];

  constructor(repository: Pick<Repository, "read">, max: number) {
    this.#repository = repository;
    this.#max = max;
  }

  /** Reads fragments, which are where they lie until `take` ends. Errors: those of reading stripes. */
  async read<Taken>(places: readonly FragmentPlace[], take: (pieces: readonly Uint8Array[]) => Taken): Promise<Taken> {
    const packs = places.map(({ stripe }) => this.#held(stripe));
    try {
      // All are waited for, also where one has failed: none is given up while it is still read.
      const all = await Promise.allSettled(packs.map(({ bytes }) => bytes));
      const read = all.map((one) => {
        if (one.status === "rejected") throw one.reason;
        return one.value;
      });
      return take(places.map((place, at) => fragmentAt(read[at] as Uint8Array, place)));
    } finally {
      for (const pack of packs) pack.readers -= 1;
      this.#giveUp();
    }
  }

  #held(stripe: StripeName): ReadPack {
    const known = this.#packs.get(stripe.id);
    const pack = known ?? this.#begun(stripe);
    pack.readers += 1;
    // The newest is the last one.
    this.#packs.delete(stripe.id);
    this.#packs.set(stripe.id, pack);
    return pack;
  }

  #begun(stripe: StripeName): ReadPack {
    const memory = this.#spare.pop() ?? Buffer.allocUnsafeSlow(memoryBytes);
    const pack = { bytes: this.#repository.read(stripe, memory), memory, readers: 0 };
    // What failed is tried again.
    pack.bytes.catch(() => this.#packs.get(stripe.id) === pack && this.#packs.delete(stripe.id));
    return pack;
  }

  /** One that somebody looks at is given up behind that. */
  #giveUp(): void {
    for (const [id, { readers, bytes, memory }] of this.#packs) {
      if (this.#packs.size <= this.#max) return;
      if (readers > 0) continue;
      this.#packs.delete(id);
      const spare = (): void => {
        if (this.#spare.length < this.#max) this.#spare.push(memory);
      };
      // What failed may still be written into by a holder that was slow.
      void bytes.then(spare, () => undefined);
    }
  }
}

/** The units of one thread and type. */
interface Group {
  readonly units: readonly UnitEntry[];
  readonly packs: ReadonlySet<string>;
}

/** Units, a lot at a time, in such an order that those of the same packs follow one another: else many small units of
 *  many people would read each pack again and again. The units of one thread and type stay together, and in their
 *  order. */
export async function* asStored(
  units: AsyncIterable<UnitEntry> | Iterable<UnitEntry>,
  { recalledUnits, packsKept }: Pick<BackupLimits, "recalledUnits" | "packsKept">,
): AsyncGenerator<UnitEntry> {
  let groups: UnitEntry[][] = [];
  let count = 0;
  for await (const unit of units) {
    const group = groups.at(-1);
    const before = group?.[0]?.name;
    const same = before?.thread === unit.name.thread && before.type === unit.name.type;
    if (!same && count >= recalledUnits) {
      yield* chained(groups, packsKept);
      [groups, count] = [[], 0];
    }
    if (same && groups.length > 0) group?.push(unit);
    else groups.push([unit]);
    count += 1;
  }
  yield* chained(groups, packsKept);
}

/** Always next: the group that lacks the fewest packs of those that were read last. One that lies in two sets of packs
 *  leads from one to the other. */
function* chained(lists: readonly (readonly UnitEntry[])[], packsKept: number): Generator<UnitEntry> {
  const groups = lists.map((units): Group => {
    const packs = new Set(units.flatMap(({ fragments }) => fragments.map(({ stripe }) => stripe.id)));
    return { units, packs };
  });
  const waiting = new Set(groups);
  const within = new Map<string, Set<Group>>();
  for (const group of groups)
    for (const pack of group.packs) within.set(pack, (within.get(pack) ?? new Set()).add(group));
  /** As `PackCache` keeps them. */
  const kept = new Set<string>();
  const nearest = (): Group | undefined => {
    let [best, least]: [Group | undefined, number] = [undefined, Infinity];
    for (const pack of kept)
      for (const group of within.get(pack) ?? []) {
        const lacking = [...group.packs].filter((one) => !kept.has(one)).length;
        if (lacking < least) [best, least] = [group, lacking];
        if (lacking === 0) return group;
      }
    return best;
  };
  while (waiting.size > 0) {
    const group = nearest() ?? (waiting.values().next().value as Group);
    waiting.delete(group);
    for (const pack of group.packs) {
      within.get(pack)?.delete(group);
      kept.delete(pack);
      kept.add(pack);
      const [oldest] = kept;
      if (kept.size > packsKept && oldest !== undefined) kept.delete(oldest);
    }
    yield* group.units;
  }
}

/** A unit's plaintext, or the rows of it that were wanted; or why it cannot be read. */
type Opened = Readonly<{ unit: UnitEntry; content: Uint8Array } | { unit: UnitEntry; error: unknown }>;

type OpenPorts = Pick<BackupPorts, "keys" | "sealer" | "limits">;

/** Memory for one lot: its fragments, and what they are opened to. */
interface LotMemory {
  readonly fragments: SharedPieces;
  readonly contents: SharedMemory;
}
const lotMemory = (): LotMemory => ({ fragments: new SharedPieces(), contents: new SharedMemory() });

/** Opens units, in their order, a lot at a time: the next one while the one before is used. A content is there until
 *  the next lot begins. */
export async function* openUnits(
  ports: OpenPorts,
  packs: PackCache,
  units: AsyncIterable<UnitEntry> | Iterable<UnitEntry>,
  filterOf: (unit: UnitEntry) => RowFilter | undefined = () => undefined,
): AsyncGenerator<Opened> {
  let ahead: Promise<readonly Opened[]> | undefined;
  let [memory, other] = [lotMemory(), lotMemory()];
  for await (const lot of lotsOf(units, ports.limits)) {
    [memory, other] = [other, memory];
    const opening = openLot(ports, packs, lot, filterOf, memory);
    // It is awaited behind the one before; until then nobody listens.
    opening.catch(() => undefined);
    if (ahead !== undefined) yield* await ahead;
    ahead = opening;
  }
  if (ahead !== undefined) yield* await ahead;
}

/** All that a unit is sealed with. Errors: BACKUP_DAMAGED, KEY_MISSING, those of reading stripes. */
export async function openWhole(ports: OpenPorts, packs: PackCache, unit: UnitEntry): Promise<Uint8Array> {
  const pieces = new SharedPieces();
  const key = await readSealed(ports, packs, unit, pieces);
  const parts = unit.start === undefined ? [{ hash: unit.hash, bytes: unit.bytes }] : [];
  const task = { context: contextOfUnit(unit), key, fragments: unit.fragments.length, parts };
  const room = new SharedMemory(unit.bytes + 1).all;
  const { contents } = await ports.sealer.open({ units: [task], fragments: pieces.joined, room });
  return contents.bytes;
}

/** Adds what a unit is sealed in to other pieces, and gives its key. Errors: KEY_MISSING, those of reading stripes. */
async function readSealed(
  { keys }: Pick<OpenPorts, "keys">,
  packs: PackCache,
  unit: UnitEntry,
  into: SharedPieces,
): Promise<Uint8Array> {
  const { name, id, epoch, sealedKey, fragments } = unit;
  const key = keys.open({ tenant: tenantOf(name), unit: id, epoch }, sealedKey);
  await packs.read(fragments, (pieces) => {
    for (const piece of pieces) into.add(piece);
  });
  return key;
}

async function* lotsOf(
  units: AsyncIterable<UnitEntry> | Iterable<UnitEntry>,
  { openedBytes, openedUnits }: Pick<BackupLimits, "openedBytes" | "openedUnits">,
): AsyncGenerator<readonly UnitEntry[]> {
  let [lot, bytes]: [UnitEntry[], number] = [[], 0];
  for await (const unit of units) {
    lot.push(unit);
    bytes += unit.bytes;
    if (bytes < openedBytes && lot.length < openedUnits) continue;
    yield lot;
    [lot, bytes] = [[], 0];
  }
  if (lot.length > 0) yield lot;
}

async function openLot(
  ports: OpenPorts,
  packs: PackCache,
  lot: readonly UnitEntry[],
  filterOf: (unit: UnitEntry) => RowFilter | undefined,
  memory = lotMemory(),
): Promise<readonly Opened[]> {
  const failed = new Map<UnitEntry, unknown>();
  /** What is sealed as one is opened once. */
  const wholes = [...Map.groupBy(lot, ({ id, start }) => (start === undefined ? Symbol(id) : id)).values()];
  const ready: { units: readonly UnitEntry[]; key: Uint8Array; fragments: number }[] = [];
  memory.fragments.clear();
  for (const units of wholes)
    try {
      const unit = units[0] as UnitEntry;
      const key = await readSealed(ports, packs, unit, memory.fragments);
      ready.push({ units, key, fragments: unit.fragments.length });
    } catch (error) {
      for (const unit of units) failed.set(unit, error);
    }
  const tasks = ready.map(({ units, key, fragments }) => {
    const parts = units.map((unit) => {
      const [filter, { hash, bytes, start }] = [filterOf(unit), unit];
      return { hash, bytes, ...(start !== undefined && { start }), ...(filter && { filter }) };
    });
    return { context: contextOfUnit(units[0] as UnitEntry), key, fragments, parts };
  });
  try {
    const fragments = memory.fragments.joined;
    const { contents } = await ports.sealer.open({ units: tasks, fragments, room: memory.contents.all });
    memory.contents.become(contents.bytes);
    const inOrder = ready.flatMap(({ units }) => units);
    const content = new Map(parted(contents).map((bytes, at) => [inOrder[at], bytes]));
    return lot.map((unit) => {
      const bytes = content.get(unit);
      return bytes === undefined ? { unit, error: failed.get(unit) } : { unit, content: bytes };
    });
  } catch (error) {
    if (lot.length === 1) return lot.map((unit) => ({ unit, error }));
    // One of them is damaged: each by itself says which.
    const each: Opened[] = [];
    for (const unit of lot) each.push(...(await openLot(ports, packs, [unit], filterOf)));
    return each;
  }
}
