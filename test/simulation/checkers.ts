import { decode, type ActorId, type Result } from "../../protocols/index.ts";
import type { StoreOp } from "../../node/ports/index.ts";
import { chainOf, type LedgerHead } from "./behaviors.ts";
import type { DiskWatcher, Pulse, World } from "../world/index.ts";

/** The checkers' names, with the invariant of the architecture that each one watches.
 *  `docs/develop/simulation/checkers.md` explains them. */
export const checkerNames = [
  "output-after-durable", // 1: a reply, event or message left before the disk held what it depends on
  "answer-not-stale", // 1: an answer was older than the question
  "one-owner-per-epoch", // 2: two lives wrote under one epoch
  "append-above-fence", // 3: an entry below the fence was written
  "entry-immutable", // 4: two entries with one (epoch, seq), or a durable entry replaced
  "acknowledged-kept", // 5: something acknowledged is gone or changed
  "operation-once", // 6: an operation was applied twice or answered in two ways
  "sender-order", // 7: messages of one sender were handled out of order
  "stream-whole", // 8: an event stream with a gap, a duplicate or a swap
  "bounds-held", // 9: a queue or a table grew beyond its limit
  "refused-is-refused", // a command refused for good had an effect all the same
  "replay-is-gapless", // evolve was given events that do not follow each other
  "call-ends-once", // a generation's part arrived after its end
  "call-whole", // a finished text is not what the model wrote
  "answer-ends-once", // an agent's answer ended twice, went on after its end, or called tools too often or in vain
  "mention-settled", // a mention of an agent was neither answered nor refused where people see it, or twice, or out of context
  "rename-finished", // a rename of a topic that began was left half done
  "reminder-rings", // a reminder was lost or rang early
  "cycle-refused", // a call cycle was not refused, or a chain without one was
  "quarantine-shown", // a quarantined actor has no dead letter to show
  "damage-named", // rot was passed over, or took down more than its slot
  "node-starts", // the node did not start, or did not stop in time
  "liveness", // after the faults, something never finished
  "linearizable", // 1: what clients saw of a register has no order that explains it
  "owner-appends", // 2: somebody appended who was not the owner of that epoch
  "record-changes", // 2: a slot's record changed in a way that nobody may change it
  "replicas-equal", // 4: replicas in sync that hold different data
  "members-only", // 10: a message was handed over from somebody who is no member
  "holders-apart", // after the faults, a node owns two shard-holders of a group while another could own one
  "slow-disk-spared", // a disk that is far slower than the others is waited for where nobody has to
  "older-is-said", // a directory came back on an older copy of its data, and a node does not say so
  "refusal-is-said", // the directory takes no change, and a node does not say why and what helps
  "fully-replicated", // 5: after the faults, a slot has fewer replicas than wanted
  "blob-kept", // an acknowledged blob is not on the disks of its slot, or not whole, or cannot be read
  "blob-left", // after the faults, a node has a blob that is not of its slots
  "memory-within-budget", // a model was loaded beyond the budget of memory, or some of it was not given back
  "busy-stays-loaded", // a model was unloaded whose calls ran
  "loaded-once", // a model was loaded twice, or called while it was not in memory
  "nobody-starves", // a call waited for longer than all that may come before it takes
  "file-kept", // a file that was posted is on too few disks, or is read as something else
  "file-settled", // copies of a file may go although a shard of its stripe is nowhere
  "file-left", // after the faults, what could be in stripes is copied, or something is kept for a message that is gone
  "shard-acknowledged", // a stripe is acknowledged with too few shards on disks or in inventories
  "shard-kept", // a shard that somebody refers to was deleted, or a stripe is lost or read as something else
  "shard-named", // an inventory names a shard as held that is on no disk
  "shard-released", // after the faults a holder still has a reference that was let go of
  "shard-quota", // a node has more shards than it may, beyond what it had when it was allowed less
  "shard-moved", // a holder was moved by plan without what its owner had for it
  "one-leader", // two voters lead a term of the replicated directory
  "leader-has-all", // a leader lacks an entry that is committed
  "logs-match", // two logs have different entries at one place of one term
  "applied-same", // two voters applied different entries at one place, or not in order
  "reads-of-now", // a read was answered from an older state than was known when it was asked
  "leader-not-deposed", // a voter began a term though no majority would have voted for it
  "rows-counted", // what a voter says that its rows take is not what they take
  "message-taken", // a node sent what its receiver takes for no message between nodes
  "shard-mended", // after the faults a shard that somebody refers to is not whole where it belongs
  "backup-true", // a snapshot brings back what its slots never had, or cannot be read
  "backup-chain", // a head has snapshots more or less than whoever made it may add or remove
  "backup-kept", // what a snapshot needs is not kept, or was deleted
  "backup-whole", // a run that was refused has left a snapshot, or one that was done none
  "backup-named", // a loss is not named, or something is called lost that is not
  "backup-erased", // what was erased is brought back
  "recall-once", // a recall has brought a message twice, unmarked or another, or has changed what lives
  "recall-whole", // a recall that is done lacks something, or has counted it twice
  "recall-agreed", // a recall of others' things was begun that nobody else agreed to
  "key-once", // two units, or two nodes of a manifest, have one key
  "backup-disks", // the disks of as many nodes as suffice, with the kit, do not bring back the newest snapshot
  "backup-left", // after the faults, holders keep for the backup what no snapshot needs
  "search-is-scan", // a search found other than a look at all that the asker may read
  "search-comes-back", // after the faults, a room was not searched again
  "search-erased", // after its time, what was deleted was in the files of an index
  "wanted-kept", // after the faults, a wanted model is on fewer nodes than it can be, or not in memory there
  "striped-there", // after the faults, a model that is wanted in stripes cannot be read from the storage nodes alone
  "striped-kept", // a model is said to be in stripes, some of which have an end
  "striped-needed", // after the faults, holders keep stripes of models that nobody needs
  "wanted-no-more", // a node pulled a model that nobody wants, that it may not keep, or that enough nodes keep
  "source-asked-once", // the source of a model was asked although another node was known to have it
  "answer-of-its-person", // a kept answer reached another than the person it was written for
  "answer-of-one", // an answer of a route is none that one of its models gave
  "ensemble-counted", // an answer of several models took another sum than they did
  "budget-holds", // more was taken of a budget than its limit, what calls took beyond their reservations, and what lost nodes held
  "usage-counted-once", // a ledger counted more calls than there were
  "usage-kept", // a call is missing from a ledger though its node was told that it is there, or lives
  "no-stray-error", // something threw where nobody catches
] as const;
export type CheckerName = (typeof checkerNames)[number];

/** What a token looks like, in JSON or in msgpack. */
export const tokenPattern = /t:[a-z0-9]+\.[0-9]+;/g;

/** A word that occurs once in the simulation. */
export const tokenOf = (client: string, serial: number): string => `t:${client}.${serial};`;

/** Knows what no fault can take back any more. */
export interface Durability {
  holds(token: string): boolean;
}

/** Reads what the node writes, with an own small reader of the journal's layout, and watches the log itself. */
export class JournalWatch implements DiskWatcher, Durability {
  /** Tokens that the disk cannot lose any more. */
  readonly durableTokens = new Set<string>();
  readonly #world: World;
  readonly #owner = new Map<string, number>();
  readonly #fence = new Map<string, number>();
  readonly #written = new Map<string, number>();
  readonly #durable = new Map<string, number>();
  onDurable: (() => void) | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  written(ops: readonly StoreOp[], by: Pulse): void {
    for (const op of ops) {
      if (op.type !== "put") continue;
      const slot = /^head\/(.*)$/.exec(op.key)?.[1];
      if (slot !== undefined) this.#headWritten(slot, op.value);
      for (const entry of entriesOf(op)) {
        const name = `${entry.slot} (${entry.epoch}, ${entry.seq})`;
        if ((this.#written.get(name) ?? entry.checksum) !== entry.checksum) this.#violate("entry-immutable", name);
        this.#written.set(name, entry.checksum);
        const epoch = `${entry.slot}@${entry.epoch}`;
        if ((this.#owner.get(epoch) ?? by.life) !== by.life) this.#violate("one-owner-per-epoch", name);
        this.#owner.set(epoch, by.life);
        const fence = this.#fence.get(entry.slot) ?? 0;
        if (entry.epoch < fence) this.#violate("append-above-fence", `${name} is below the fence ${fence}`);
      }
    }
  }

  durable(ops: readonly StoreOp[]): void {
    for (const op of ops) {
      if (op.type !== "put") continue;
      for (const token of asText(op.value).match(tokenPattern) ?? []) this.durableTokens.add(token);
      for (const entry of entriesOf(op)) {
        const name = `${entry.slot} ${entry.seq}`;
        if ((this.#durable.get(name) ?? entry.checksum) !== entry.checksum) {
          this.#violate("entry-immutable", `${name} was durable and is replaced by one of epoch ${entry.epoch}`);
        }
        this.#durable.set(name, entry.checksum);
      }
    }
    this.onDurable?.();
  }

  holds(token: string): boolean {
    return this.durableTokens.has(token);
  }

  /** A crash may take back a fence that was not synced. */
  crashed(): void {
    this.#fence.clear();
  }

  #headWritten(slot: string, value: Uint8Array): void {
    const { fence } = decode(value.subarray(4)) as { fence: number };
    const known = this.#fence.get(slot) ?? 0;
    if (fence < known) this.#violate("append-above-fence", `the fence of ${slot} fell from ${known} to ${fence}`);
    this.#fence.set(slot, fence);
  }

  #violate(checker: CheckerName, detail: string): void {
    this.#world.violate(checker, detail);
  }
}

export const asText = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

/** An entry as it lies on disk. */
export interface SeenEntry {
  readonly slot: string;
  readonly epoch: number;
  readonly seq: number;
  /** Of the entry and all before it: equal checksums mean the same entry after the same prefix. */
  readonly checksum: number;
  readonly payload: Uint8Array;
}

/** The entries that a batch puts into a log. */
function entriesOf(op: Extract<StoreOp, { type: "put" }>): SeenEntry[] {
  const slot = /^log\/(.+)\/[0-9]+$/.exec(op.key)?.[1];
  return slot === undefined ? [] : entriesIn(slot, op.value);
}

/** The entries in a chunk: frames of length, checksum, payload. */
export function entriesIn(slot: string, bytes: Uint8Array): SeenEntry[] {
  const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = [];
  for (let offset = 0; offset < chunk.length;) {
    const start = offset + 8;
    const [epoch, seq] = firstTwo(chunk, start);
    const end = start + chunk.readUInt32LE(offset);
    entries.push({ slot, epoch, seq, checksum: chunk.readUInt32LE(offset + 4), payload: chunk.subarray(start, end) });
    offset = end;
  }
  return entries;
}

/** The first two numbers of a msgpack array; decoding the whole entry would be a tenth of a simulation. */
function firstTwo(bytes: Buffer, start: number): [number, number] {
  let offset = start + 1; // the array's own byte
  const next = (): number => {
    const tag = bytes.readUInt8(offset);
    const size = tag === 0xcc ? 1 : tag === 0xcd ? 2 : tag === 0xce ? 4 : 0;
    const value = size === 0 ? tag : bytes.readUIntBE(offset + 1, size);
    offset += 1 + size;
    return value;
  };
  return [next(), next()];
}

/** What is known of the ledgers: which token stands where. Every sight of one must agree with all others, for ever. */
export class LedgerWatch {
  readonly #world: World;
  readonly #durability: Durability;
  readonly #at = new Map<string, string>();
  readonly #where = new Map<string, string>();
  readonly #acknowledged = new Map<ActorId, Map<number, string>>();
  readonly #refused = new Set<string>();
  readonly #answers = new Map<string, string>();
  readonly #sent = new Map<string, ActorId>();

  constructor(world: World, durability: Durability) {
    this.#world = world;
    this.#durability = durability;
  }

  /** The client is about to send these. */
  sending(ledger: ActorId, tokens: readonly string[]): void {
    for (const token of tokens) this.#sent.set(token, ledger);
  }

  /** Somebody outside was shown that `token` stands at `position`. */
  saw(ledger: ActorId, position: number, token: string, where: string): void {
    this.durable(token, where);
    if (this.#sent.get(token) !== ledger)
      this.#violate("acknowledged-kept", `${where}: ${token} was never sent to ${ledger}`);
    const place = `${ledger}#${position}`;
    const other = this.#at.get(place) ?? token;
    if (other !== token) this.#violate("acknowledged-kept", `${where}: ${place} was ${other} and is ${token}`);
    const elsewhere = this.#where.get(token) ?? place;
    if (elsewhere !== place) this.#violate("operation-once", `${where}: ${token} stands at ${elsewhere} and ${place}`);
    if (this.#refused.has(token)) this.#violate("refused-is-refused", `${where}: ${token} was refused`);
    this.#at.set(place, token);
    this.#where.set(token, place);
  }

  /** An output depends on `token`: by now it must be on disk. */
  durable(token: string, where: string): void {
    if (!this.#durability.holds(token)) {
      this.#violate("output-after-durable", `${where}: ${token} is not durable`);
    }
  }

  acknowledged(ledger: ActorId, first: number, tokens: readonly string[]): void {
    const known = this.#acknowledged.get(ledger) ?? new Map<number, string>();
    this.#acknowledged.set(ledger, known);
    for (const [index, token] of tokens.entries()) {
      this.saw(ledger, first + index, token, "reply");
      known.set(first + index, token);
    }
  }

  /** A refusal whose outcome says: it had no effect and will have none. */
  refusedForGood(tokens: readonly string[]): void {
    for (const token of tokens) {
      this.#refused.add(token);
      if (this.#where.has(token)) this.#violate("refused-is-refused", `${token} was seen before it was refused`);
    }
  }

  /** Each answer to one operation is the same. */
  answered(operation: string, result: Result<unknown>): void {
    if (!result.ok) return;
    const text = JSON.stringify(result.value);
    const first = this.#answers.get(operation) ?? text;
    if (first !== text) this.#violate("operation-once", `${operation} was answered ${first}, then ${text}`);
    this.#answers.set(operation, text);
  }

  /** The highest acknowledged position of a ledger now. */
  highest(ledger: ActorId): number {
    return Math.max(0, ...(this.#acknowledged.get(ledger)?.keys() ?? []));
  }

  /** Compares a ledger, read whole at the end, with all that was seen of it. */
  audit(ledger: ActorId, head: LedgerHead, rows: readonly (readonly [number, string])[]): void {
    for (const [index, [position, token]] of rows.entries()) {
      if (position !== head.floor + 1 + index)
        this.#violate("acknowledged-kept", `${ledger} lacks record ${head.floor + 1 + index}`);
      this.saw(ledger, position, token, "audit");
    }
    if (head.floor + rows.length !== head.count) {
      this.#violate(
        "acknowledged-kept",
        `${ledger} counts ${head.count} and has ${rows.length} records above ${head.floor}`,
      );
    }
    for (const [position, token] of this.#acknowledged.get(ledger) ?? []) {
      const kept = position <= head.floor || this.#at.get(`${ledger}#${position}`) === token;
      if (!kept || position > head.count) this.#violate("acknowledged-kept", `${ledger} lost ${token} at ${position}`);
    }
    const all = Array.from({ length: head.count }, (_, index) => this.#at.get(`${ledger}#${index + 1}`));
    // Where every position was seen by somebody, the folded state must have folded exactly that.
    if (all.every((token) => token !== undefined) && chainOf(all) !== head.chain) {
      this.#violate("acknowledged-kept", `the state of ${ledger} was not folded from its events`);
    }
  }

  /** The same for a room, which keeps all its messages; those of agents have no token of their own. */
  auditRows(room: ActorId, rows: readonly (readonly [number, string | undefined])[]): void {
    for (const [index, [position, token]] of rows.entries()) {
      if (position !== index + 1) this.#violate("acknowledged-kept", `${room} lacks message ${index + 1}`);
      if (token !== undefined) this.saw(room, position, token, "audit");
    }
    if (rows.length < this.highest(room)) {
      this.#violate("acknowledged-kept", `${room} has ${rows.length} messages, ${this.highest(room)} was acknowledged`);
    }
  }

  #violate(checker: CheckerName, detail: string): void {
    this.#world.violate(checker, detail);
  }
}
