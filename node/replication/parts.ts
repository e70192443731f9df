/** Values of owners that fit no message, joined from their parts as these come in, and bounded as a whole. */
import { assert, failure, ok, refused, type Result, type SlotId } from "../../protocols/index.ts";
import type { NodeId } from "../ports/index.ts";

/** Parts of one value or run of rows, until the last arrives. */
interface Assembly {
  readonly from: NodeId;
  readonly slot: SlotId;
  readonly sending: number;
  parts: Uint8Array[];
  bytes: number;
  /** Its parts were thrown away to make room: its sender hears so with the next. */
  cut: boolean;
}

/** One part. A sender sends one value after the other, each under a number of its own. */
interface Part {
  readonly slot: SlotId;
  readonly sending: number;
  readonly data: Uint8Array;
  readonly last: boolean;
}

export class Parts {
  readonly #assemblies = new Map<string, Assembly>();
  #bytes = 0;
  readonly #bytesMax: number;

  constructor({ partsBytesMax }: { readonly partsBytesMax: number }) {
    this.#bytesMax = partsBytesMax;
  }

  /** Joins parts; the value when the last one is there. Error: TOO_LARGE. */
  join(kind: "snapshot" | "rows", from: NodeId, { slot, sending, data, last }: Part): Result<Uint8Array | undefined> {
    const key = `${from} ${slot} ${kind}`;
    const known = this.#assemblies.get(key);
    // Parts of another sending are of one that was given up.
    const assembly = known?.sending === sending ? known : { from, slot, sending, parts: [], bytes: 0, cut: false };
    if (known !== assembly) this.#bytes -= known?.bytes ?? 0;
    assembly.parts.push(data);
    assembly.bytes += data.length;
    this.#bytes += data.length;
    this.#assemblies.set(key, assembly);
    if (this.#bytes > this.#bytesMax) this.#cutMost();
    const tooLarge = assembly.cut;
    if (!last && !tooLarge) return ok(undefined);
    this.#assemblies.delete(key);
    this.#bytes -= assembly.bytes;
    assert(this.#bytes >= 0, "parts are counted while they are held");
    if (tooLarge) return refused(failure("TOO_LARGE", { partsBytesMax: this.#bytesMax }));
    return ok(assembly.parts.length === 1 ? data : Buffer.concat(assembly.parts, assembly.bytes));
  }

  /** Drops those of sendings with which nobody goes on. */
  drop(isGivenUp: (assembly: { readonly from: NodeId; readonly slot: SlotId }) => boolean): void {
    for (const [key, assembly] of this.#assemblies) {
      if (!isGivenUp(assembly)) continue;
      this.#assemblies.delete(key);
      this.#bytes -= assembly.bytes;
    }
  }

  /** Makes room at the cost of the peer that takes most: a peer that fills it must not keep the others out. */
  #cutMost(): void {
    const taken = new Map<NodeId, number>();
    for (const { from, bytes } of this.#assemblies.values()) taken.set(from, (taken.get(from) ?? 0) + bytes);
    const [most] = [...taken].toSorted(([, one], [, other]) => other - one)[0] ?? [];
    for (const assembly of this.#assemblies.values()) {
      if (assembly.from !== most) continue;
      this.#bytes -= assembly.bytes;
      assembly.parts = [];
      assembly.bytes = 0;
      assembly.cut = true;
    }
  }
}
