/** The log of one node, in memory: what is behind the last snapshot. */
import { assert } from "../../../../protocols/index.ts";
import type { Entry, Mark, Members } from "./messages.ts";

export class RaftLog<Data> {
  /** The place before the first entry, and who counted there. */
  #base: Mark;
  #entries: Entry<Data>[];
  /** The place of the last entry. */
  #last: Mark;
  /** The members that count, from which index on; the first are the base's. */
  #members: { readonly index: number; readonly members: Members }[];

  constructor(base: Mark & { readonly members: Members }, entries: readonly Entry<Data>[] = []) {
    this.#base = this.#last = { index: base.index, term: base.term };
    this.#members = [{ index: base.index, members: base.members }];
    this.#entries = [];
    this.append(entries);
  }

  get base(): Mark {
    return this.#base;
  }

  get last(): Mark {
    return this.#last;
  }

  /** The members that count now, and since which index. */
  get members(): { readonly index: number; readonly members: Members } {
    return this.#members.at(-1) as { index: number; members: Members };
  }

  /** The members that counted at an index that is here. */
  membersAt(index: number): Members {
    const found = this.#members.findLast((one) => one.index <= index) ?? this.#members[0];
    return (found as { members: Members }).members;
  }

  /** Begins anew behind a snapshot. */
  reset({ index, term, members }: Mark & { readonly members: Members }): void {
    this.#base = this.#last = { index, term };
    this.#members = [{ index, members }];
    this.#entries = [];
  }

  /** Undefined: it is not here, no more or not yet. */
  termAt(index: number): number | undefined {
    return index === this.#base.index ? this.#base.term : this.#entries[index - this.#base.index - 1]?.term;
  }

  /** Entries in [from, to), so many at most. */
  slice(from: number, to: number, max = Infinity): readonly Entry<Data>[] {
    const first = from - this.#base.index - 1;
    assert(first >= 0, "what is compacted is not asked for");
    return this.#entries.slice(first, Math.min(to - this.#base.index - 1, first + max));
  }

  append(entries: readonly Entry<Data>[]): void {
    let { index, term } = this.#last;
    for (const entry of entries) {
      assert(entry.index === index + 1, "a log has no gaps");
      ({ index, term } = entry);
      this.#entries.push(entry);
      if (entry.body.type === "members") this.#members.push({ index, members: entry.body.members });
    }
    if (entries.length > 0) this.#last = { index, term };
  }

  /** Takes back this entry and all behind it. */
  truncate(from: number): void {
    assert(from > this.#base.index, "what is compacted stays");
    this.#entries.length = Math.min(this.#entries.length, from - this.#base.index - 1);
    const { index, term } = this.#entries.at(-1) ?? this.#base;
    this.#last = { index, term };
    while (this.members.index >= from) this.#members.pop();
  }

  /** Forgets the entries up to this one. */
  compact(index: number): void {
    const term = this.termAt(index);
    if (term === undefined || index <= this.#base.index) return;
    this.#entries.splice(0, index - this.#base.index);
    this.#base = { index, term };
    while ((this.#members[1]?.index ?? Infinity) <= index) this.#members.shift();
  }

  /** The last place at or before `index` whose term is not after `term`: where two logs may begin to be the same. */
  lastBefore({ index, term }: Mark): Mark {
    let at = Math.min(index, this.last.index);
    while (at > this.#base.index && (this.termAt(at) as number) > term) at -= 1;
    return { index: at, term: this.termAt(at) ?? 0 };
  }
}
