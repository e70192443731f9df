/** Reads a range of a view once and in order, for a caller that asks for one part of it after the other: an iterator
 *  for each part takes longer than to read it.
 *
 *      asked:   a …… b        c … d              what lies before a part is dropped when what follows needs the room
 *      held:            │ rows of some pages │ ◄─ the next page, when a part goes beyond it */
import type { StorePage, StoreRange, StoreView } from "../ports/index.ts";
import { storageReads } from "./limits.ts";

type Row = StorePage[number];

/** What pages are read from. */
type Scanned = Pick<StoreView, "range" | "scan">;

/** Reads all of a range, and tells of each key. What gives the same rows once more has kept them where they are few;
 *  else it is the view. */
export async function readKept(
  view: Scanned,
  range: Pick<StoreRange, "gte" | "lt">,
  key: (key: string) => void,
): Promise<Scanned> {
  const kept: StorePage[] = [];
  let bytes = 0;
  for await (const page of view.scan?.(range, storageReads.aheadBytes) ?? pagesOf(view, range)) {
    for (const row of page) {
      key(row[0]);
      bytes += row[0].length + row[1].length;
    }
    if (bytes <= storageReads.keptBytes) kept.push(page);
    else kept.length = 0;
  }
  if (bytes > storageReads.keptBytes) return view;
  return {
    range: (asked) => view.range(asked),
    // What was given is given up.
    async *scan() {
      for (let page = kept.shift(); page !== undefined; page = kept.shift()) yield page;
    },
  };
}

export class ReadAhead {
  readonly #pages: AsyncGenerator<StorePage, void>;
  readonly #skipped: (key: string) => void;
  #rows: Row[] = [];
  #at = 0;
  /** Everything before it was given up. */
  #floor: string;

  /** `skipped` hears of each row when it is given up. */
  constructor(view: Scanned, range: Pick<StoreRange, "gte" | "lt">, skipped: (key: string) => void = () => undefined) {
    this.#floor = range.gte;
    this.#skipped = skipped;
    this.#pages = view.scan?.(range, storageReads.aheadBytes) ?? pagesOf(view, range);
  }

  /** The rows of a part, up to the one with which there are so many, or so many bytes; undefined: it was given up
   *  already. */
  async take(part: {
    readonly gte: string;
    readonly lt: string;
    readonly rows: number;
    readonly bytes: number;
  }): Promise<Row[] | undefined> {
    if (part.gte < this.#floor) return undefined;
    await this.#seek(part.gte);
    const found: Row[] = [];
    let bytes = 0;
    for (let at = this.#at; found.length < part.rows && bytes < part.bytes; at += 1) {
      if (at >= this.#rows.length) {
        // What is held moves to the beginning.
        at -= this.#at;
        if (!(await this.#more())) break;
      }
      const row = this.#rows[at];
      if (row === undefined || row[0] >= part.lt) break;
      found.push(row);
      bytes += row[1].length;
    }
    return found;
  }

  /** Gives up what is left. */
  async rest(): Promise<void> {
    do this.#at = this.#rows.length;
    while (await this.#more());
  }

  async close(): Promise<void> {
    await this.#pages.return();
  }

  /** To the first row whose key is not less. */
  async #seek(key: string): Promise<void> {
    while (this.#at > 0 && (this.#rows[this.#at - 1] as Row)[0] >= key) this.#at -= 1;
    for (;;) {
      for (; this.#at < this.#rows.length; this.#at += 1) if ((this.#rows[this.#at] as Row)[0] >= key) return;
      if (!(await this.#more())) return;
    }
  }

  /** Gives up what lies before, and reads the next page. */
  async #more(): Promise<boolean> {
    for (let at = 0; at < this.#at; at += 1) this.#skipped((this.#rows[at] as Row)[0]);
    const last = this.#rows[this.#at - 1];
    if (last !== undefined) this.#floor = `${last[0]}\0`;
    const kept = this.#rows.slice(this.#at);
    this.#at = 0;
    const { value } = await this.#pages.next();
    this.#rows = value === undefined ? kept : kept.concat(value);
    return value !== undefined;
  }
}

async function* pagesOf(
  view: Pick<Scanned, "range">,
  { gte, lt }: Pick<StoreRange, "gte" | "lt">,
): AsyncGenerator<StorePage, void> {
  for (let from = gte; ;) {
    const page = await view.range({ gte: from, lt, limit: storageReads.pageRows });
    if (page.length > 0) yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < storageReads.pageRows) return;
    from = `${last[0]}\0`;
  }
}
