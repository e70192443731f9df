import type { Mutation } from "./mutation.ts";

/** What the index of messages does. Each is a fault that the simulator must find (mutation.ts). */
export const ofSearch: readonly Mutation[] = [
  {
    name: "shows what is in rooms that a person was in once, by the right of another",
    file: "node/search/operations.ts",
    find: "const places = placesOf(view.value as UserView, own, input);",
    replace: `
      const past = (globalThis.past ??= {});
      const rooms = [...new Set([...(past[reader] ?? []), ...view.value.rooms])];
      past[reader] = rooms;
      const { kernel } = at;
      const nameOf = ({ from, message }) => (["history", "fileText"].includes(message.type) ? "user/ada" : from);
      at = { ...at, kernel: { ask: (asked) => kernel.ask({ ...asked, from: nameOf(asked) }) } };
      const places = placesOf({ ...view.value, rooms }, own, input);`,
    caughtBy: ["search-is-scan"],
    seeds: 20,
    search: true,
  },
  {
    name: "forgets what an edit has made of a message",
    file: "node/search/table.ts",
    find: "if (before?.said === row.said && before.tags === row.tags) return false;",
    replace: "if (before !== undefined) return false;",
    caughtBy: ["search-is-scan", "search-erased"],
    seeds: 40,
    search: true,
  },
  {
    name: "keeps the text of a file whose message was deleted",
    file: "node/search/table.ts",
    find: 'if (change.type === "gone") return change;',
    replace: 'if (change.type === "gone") return { ...change, part: 0 };',
    caughtBy: ["search-erased"],
    seeds: 20,
    search: true,
  },
  {
    name: "does not read texts of files again where an index is made anew",
    file: "node/search/projection.ts",
    find: '["room", "text", searchLimits.textsAtOnce],',
    replace: "",
    caughtBy: ["search-is-scan", "search-comes-back"],
    seeds: 20,
    search: true,
  },
  {
    name: "says that the index has an entry whose rows it does not have",
    file: "node/search/worker.ts",
    find: "table.apply(slot, from, changes, at);",
    replace: "table.apply(slot, from, changes.slice(1), at);",
    caughtBy: ["search-is-scan", "search-erased"],
    seeds: 20,
    search: true,
  },
  {
    name: "passes over entries that change records",
    file: "node/storage/log-index.ts",
    find: "while (this.#chunks[end]?.records === false && lastOf(end) <= throughSeq) end += 1;",
    replace: "while (this.#chunks[end] !== undefined && lastOf(end) <= throughSeq) end += 1;",
    caughtBy: ["search-is-scan", "search-erased"],
    seeds: 20,
    search: true,
  },
  {
    name: "does not make an index anew that was lost",
    file: "node/search/projection.ts",
    find: "for (const one of this.#slots.values()) [one.at, one.woken] = [undefined, true];",
    replace: "",
    caughtBy: ["search-comes-back"],
    seeds: 20,
    search: true,
  },
  {
    name: "leaves the rows of a slot where it was before",
    file: "node/search/projection.ts",
    find: "if (slots.isElsewhere(slot)) await this.#clear(slot, followed);",
    replace: "",
    caughtBy: ["search-erased"],
    seeds: 40,
    search: true,
  },
  {
    name: "leaves what was deleted in the log of writes",
    file: "node/search/table.ts",
    find: 'this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");',
    replace: "",
    caughtBy: ["search-erased"],
    seeds: 10,
    search: true,
  },
];
