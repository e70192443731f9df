import { expect } from "chai";
import fc from "fast-check";
import { room } from "../../../actors/room/index.ts";
import { catalog } from "../../../actors/catalog/index.ts";
import { user } from "../../../actors/user/index.ts";
import type { Behavior } from "../../../actors/behavior.ts";
import { createRandom } from "../../../node/platform/index.ts";
import { createSearch, handleSearch, type Index, type Search } from "../../../node/search/index.ts";
import { indexHere } from "../../../node/search/place.ts";
import type { Hits } from "../../../node/search/ports.ts";
import { mergeHits, type Hit, type Position, type Query } from "../../../node/search/query.ts";
import { IndexLost } from "../../../node/search/worker.ts";
import {
  ok,
  type ActorId,
  type Asker,
  type FoundMessage,
  type SearchPage,
  type SlotId,
} from "../../../protocols/index.ts";
import { createEchoRuntime } from "../../../runtimes/echo/echo.ts";
import { examples } from "../../depth.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { postFiled } from "../../fixtures/filed.ts";
import { says } from "../../fixtures/linear-scan.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { Disk } from "../../world/index.ts";
import { createWorld, msPerTurn } from "../gateway/asking.ts";

const people = ["ada", "bob", "cat"];
// Ada is in all of them, the others in a few.
const rooms = ["den", "attic", "hall", "barn", "loft", "nook"];
const words = ["zebra", "Zébra", "zebras", "Grün", "東京都", "京都", "서울에서", "ab-cd", "cd"];
const texts = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 4 }).map((some) => some.join(" "));

type Step =
  | {
      readonly does: "post";
      readonly by: string;
      readonly room: string;
      readonly text: string;
      readonly answers: boolean;
      /** What stands in its file. Absent: it has none. */
      readonly filed?: string;
    }
  | { readonly does: "edit" | "delete"; readonly of: number; readonly text: string }
  | { readonly does: "join" | "leave" | "remove"; readonly by: string; readonly room: string }
  | { readonly does: "lose" }
  | {
      readonly does: "search";
      readonly by: string;
      readonly text: string;
      readonly from?: string;
      readonly limit: number;
    };

const who = fc.constantFrom(...people);
const where = fc.constantFrom(...rooms);
const searched = fc.oneof(
  fc.constantFrom(...words, "zebra*", "z*", '"zebra grün"', "京", "都", "서울", "cd grun", "nothing", "ab"),
  texts,
);
const post = fc.record(
  { does: fc.constant("post" as const), by: who, room: where, text: texts, answers: fc.boolean(), filed: texts },
  { requiredKeys: ["does", "by", "room", "text", "answers"] },
);
const search = fc.record(
  { does: fc.constant("search" as const), by: who, text: searched, from: who, limit: fc.integer({ min: 1, max: 3 }) },
  { requiredKeys: ["does", "by", "text", "limit"] },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: post, weight: 6 },
  { arbitrary: search, weight: 5 },
  fc.record({ does: fc.constantFrom("edit" as const, "delete" as const), of: fc.nat({ max: 12 }), text: texts }),
  fc.record({ does: fc.constantFrom("join" as const, "leave" as const, "remove" as const), by: who, room: where }),
  { arbitrary: fc.constant<Step>({ does: "lose" }), weight: 1 },
);

interface Written {
  readonly room: string;
  readonly seq: number;
  readonly by: string;
  text: string | undefined;
  readonly filed?: string | undefined;
}

/** What is put in the place of a part, to see that the property notices. */
interface Faults {
  readonly index?: (index: Index) => Index;
  /** Rooms answer whoever asks. */
  readonly forgetsWhoReads?: true;
  /** All rooms that a person was ever in are searched. */
  readonly remembersRooms?: true;
  /** Happens when the nodes have answered and the rooms were not asked yet. */
  readonly afterFind?: (said: Hits) => Promise<void>;
}

/** A node with an index that can be lost, and what people do there. */
async function openNode(faults: Faults) {
  const world = createWorld();
  const stopTime = world.flow(msPerTurn);
  const clock = world.clock();
  const store = new Disk(world).open({ life: 1, alive: true });
  const runtime = createEchoRuntime({ clock, tokenDelayMs: 0 });
  const common = { clock, random: createRandom(), log: quietLog, meter: quietMeter };
  const { peer } = await startAlone({
    ...common,
    store,
    behaviors: [room, user, catalog] as unknown as Behavior<never, never, never>[],
    engines: runtime.engines,
    limits: { kernel: { snapshotEntriesMax: 8 } as never },
  });
  // Fewer than the rooms: some people are looked for in the index itself, and others' hits are looked at by SQLite, or
  // by us.
  const make = (): Index => indexHere(undefined, { placesInIndex: 2, placesFiltered: 4 });
  let kept = make();
  let lost = false;
  const losing: Index = {
    ask: (type, asks) => {
      if (!lost) return kept.ask(type, asks);
      lost = false;
      kept = make();
      return Promise.reject(new IndexLost("it was removed"));
    },
    close: () => kept.close(),
  };
  const search: Search = createSearch({
    ...common,
    ...peer,
    node: "alone",
    index: faults.index?.(losing) ?? losing,
    slots: { committed: (slot) => peer.replication.committed(slot), cut: (slot) => peer.replication.cut(slot) },
    exchange: { ...peer.exchange, on: () => undefined },
    limits: { retryMs: 1, waitMs: 60_000 },
  });
  search.start();
  const ask = async (by: string, to: string, message: { readonly type: string; readonly [field: string]: unknown }) =>
    peer.kernel.ask({ to: to as ActorId, from: `user/${by}`, message, timeoutMs: 60_000 });
  const file = (to: string, post: Parameters<typeof postFiled>[1]) =>
    postFiled((from, message) => {
      const asked = { to: to as ActorId, from: from as "gateway", message, timeoutMs: 60_000 };
      return peer.kernel.ask(asked);
    }, post);
  const turns = { count: 0 };
  const everIn = new Set<string>();
  const { "search.messages": find } = handleSearch({
    kernel: {
      async ask(request) {
        const isHistory = ["history", "fileText"].includes(request.message.type);
        const from = faults.forgetsWhoReads && isHistory ? ("user/ada" as const) : request.from;
        const answer = await peer.kernel.ask({ ...request, from });
        if (!faults.remembersRooms || request.message.type !== "describe" || !answer.ok) return answer;
        for (const one of (answer.value as { rooms: string[] }).rooms) everIn.add(`${request.from} ${one}`);
        const known = [...everIn].filter((one) => one.startsWith(`${request.from} `)).map((one) => one.split(" ")[1]);
        return ok({ ...(answer.value as object), rooms: known });
      },
    },
    clock: {
      monotonicMs: () => clock.monotonicMs(),
      soon: (callback) => clock.soon(() => ((turns.count += 1), callback())),
    },
    limits: { askTimeoutMs: 60_000 },
    async find(query, places) {
      const said = await search.find(query, places);
      await faults.afterFind?.(said);
      return said;
    },
  });
  return {
    ask,
    file,
    turns,
    find: (by: string, fields: object) => find(fields, { actor: `user/${by}` } as unknown as Asker),
    async signUp(name: string) {
      const message = { type: "create", passwordHash: "argon", displayName: name };
      const made = await peer.kernel.ask({
        to: `user/${name}` as ActorId,
        from: "gateway",
        message,
        timeoutMs: 60_000,
      });
      expect(made.ok, JSON.stringify(made)).to.equal(true);
    },
    lose: () => void (lost = true),
    async stop() {
      await search.stop();
      await peer.stop(2_000);
      await runtime.stop(1_000);
      await store.close();
      await stopTime();
    },
  };
}

/** Takes the steps, and compares each search with a look at everything. */
async function follow(steps: readonly Step[], faults: Faults = {}): Promise<void> {
  const node = await openNode(faults);
  try {
    const written: Written[] = [];
    const members = new Map(rooms.map((one) => [one, new Set(["ada"])]));
    for (const name of people) await node.signUp(name);
    for (const one of rooms)
      expect((await node.ask("ada", `room/${one}`, { type: "create", visibility: "public" })).ok).to.equal(true);
    for (const one of steps) await take(node, { one, written, members });
  } finally {
    await node.stop();
  }
}

async function take(
  node: Awaited<ReturnType<typeof openNode>>,
  at: { readonly one: Step; readonly written: Written[]; readonly members: ReadonlyMap<string, Set<string>> },
): Promise<void> {
  const { one, written, members } = at;
  if (one.does === "lose") return node.lose();
  if (one.does === "post") {
    if (one.filed !== undefined) {
      const seq = await node.file(`room/${one.room}`, { ...one, words: one.filed, number: written.length + 1 });
      expect(seq !== undefined).to.equal(members.get(one.room)?.has(one.by));
      if (seq !== undefined) written.push({ ...one, seq });
      return;
    }
    const root = written.find((other) => other.room === one.room && other.text !== undefined);
    const replyTo = one.answers && root !== undefined ? { replyTo: root.seq } : {};
    const posted = await node.ask(one.by, `room/${one.room}`, { type: "post", text: one.text, ...replyTo });
    expect(posted.ok).to.equal(members.get(one.room)?.has(one.by));
    if (posted.ok) written.push({ ...one, seq: (posted.value as { seq: number }).seq });
    return;
  }
  if (one.does === "edit" || one.does === "delete") {
    const message = written[one.of];
    if (message?.text === undefined || members.get(message.room)?.has(message.by) !== true) return;
    const fields = one.does === "edit" ? { seq: message.seq, text: one.text } : { seq: message.seq };
    expect((await node.ask(message.by, `room/${message.room}`, { type: one.does, ...fields })).ok).to.equal(true);
    message.text = one.does === "edit" ? one.text : undefined;
    return;
  }
  if (one.does === "join" || one.does === "leave" || one.does === "remove") {
    if (one.by === "ada") return;
    const own = members.get(one.room) as Set<string>;
    if (one.does === "join") {
      if ((await node.ask(one.by, `room/${one.room}`, { type: "join" })).ok) own.add(one.by);
    } else if (own.delete(one.by)) {
      const [by, message] =
        one.does === "leave" ? [one.by, { type: "leave" }] : ["ada", { type: "remove", member: `user/${one.by}` }];
      expect((await node.ask(by, `room/${one.room}`, message)).ok).to.equal(true);
    }
    return;
  }
  if (one.does !== "search") return;
  const expected = written
    .filter(({ room: name, text, by, filed }) =>
      text !== undefined && members.get(name)?.has(one.by) && (one.from ?? by) === by
        ? says(filed === undefined ? text : `${text}\nnotes.txt`, one.text) ||
          (filed !== undefined && says(filed, one.text))
        : false,
    )
    .map(({ room: name, seq }) => `${name} ${seq}`);
  const found: string[] = [];
  for (let cursor: string | undefined, pages = 0; ; pages += 1) {
    const answer = await node.find(one.by, {
      text: one.text,
      limit: one.limit,
      ...(one.from !== undefined && { from: `user/${one.from}` }),
      ...(cursor !== undefined && { cursor }),
    });
    const page: SearchPage = answer.ok ? answer.value : expect.fail(JSON.stringify(answer.error));
    expect(page.unreachable).to.equal(undefined);
    if (page.misspelt === true) break;
    found.push(...page.found.map(({ room: name, seq }: FoundMessage) => `${name} ${seq}`));
    cursor = page.next;
    if (cursor === undefined || pages > 40) break;
    expect(members.get(cursor.split("/").at(-1) ?? "")?.has(one.by), `${one.by} reads of ${cursor}`).to.equal(true);
  }
  expect(found.toSorted(), `${one.by} ${one.text}`).to.deep.equal(expected.toSorted());
}

/** Another index has the entries: this one says where they end, and has nothing of them. */
function claimsTooEarly(index: Index): Index {
  const shadow = indexHere();
  return {
    ...index,
    async ask(type, asks) {
      if (type === "apply") {
        const { slot } = asks as { readonly slot: SlotId };
        const at = (await shadow.ask(type, asks)) as Position;
        // Its rows go with their position; then it is said to have those of the other.
        while (await index.ask("clear", { slot }));
        await index.ask("begin", { slot });
        await index.ask("settle", { slot, at });
        return at as never;
      }
      if (type !== "find") await shadow.ask(type, asks);
      return index.ask(type, asks);
    },
  };
}

describe("search equals a look at everything that the asker may read", () => {
  const histories = fc.array(step, { minLength: 10, maxLength: 40 });

  it("over random histories, with an index that is lost now and then", async () => {
    await fc.assert(
      fc.asyncProperty(histories, (steps) => follow(steps)),
      { numRuns: examples(240) },
    );
  });

  const ada = (text: string): Step => ({ does: "post", by: "ada", room: "den", text, answers: false });
  const look = (by: string, text = "zebra"): Step => ({ does: "search", by, text, limit: 3 });
  const noticed = async (steps: readonly Step[], faults: Faults): Promise<void> => {
    await follow(steps);
    const wrong = await follow(steps, faults).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(wrong).to.be.an("error");
  };

  it("notices a permission of the past", () =>
    noticed(
      [
        { does: "join", by: "bob", room: "den" },
        ada("zebra"),
        look("bob"),
        { does: "remove", by: "bob", room: "den" },
        look("bob"),
      ],
      { forgetsWhoReads: true, remembersRooms: true },
    ));

  it("is right where only the index knows a room of the past: the room itself refuses", () =>
    follow(
      [
        { does: "join", by: "bob", room: "den" },
        ada("zebra"),
        look("bob"),
        { does: "remove", by: "bob", room: "den" },
        look("bob"),
      ],
      { remembersRooms: true },
    ));

  it("names no place in a room of the past, however little fits on a page", () => {
    const past = ["attic", "hall", "barn", "loft", "nook"];
    const joins = [...past, "den"].map((one): Step => ({ does: "join", by: "bob", room: one }));
    const posts = past.flatMap((one): readonly Step[] => [
      { does: "post", by: "ada", room: one, text: "zebra", answers: false },
    ]);
    const removals = past.map((one): Step => ({ does: "remove", by: "bob", room: one }));
    return follow(
      [...joins, ada("zebra"), ada("zebra"), ...posts, look("bob"), ...removals, { ...look("bob"), limit: 1 } as Step],
      { remembersRooms: true },
    );
  });

  it("notices an edit that is not in the index", () =>
    noticed([ada("grün"), look("ada"), { does: "edit", of: 0, text: "zebra" }, look("ada")], {
      index: claimsTooEarly,
    }));

  it("notices a position that is claimed before the rows are there", () =>
    noticed([ada("grün"), look("ada"), ada("zebra"), look("ada")], {
      index: claimsTooEarly,
    }));

  it("notices an index that was lost and is not made anew", () =>
    noticed([ada("zebra"), look("ada"), { does: "lose" }, look("ada"), look("ada")], {
      index: (index) => ({
        ...index,
        ask: (type, asks) =>
          index.ask(type, asks).catch((error: unknown) => {
            if (!(error instanceof IndexLost)) throw error;
            return type === "find" ? ({ hits: [], more: false } as never) : index.ask(type, asks);
          }),
      }),
    }));
});

describe("search: what changes while it is looked for", () => {
  it("says of each slot how far it was searched first: what came later may have been passed over", async () => {
    const rounds: Hits[] = [];
    const node = await openNode({
      async afterFind(said) {
        if (rounds.push(said) > 1) return;
        await node.ask("ada", "room/den", { type: "delete", seq: 2 });
      },
    });
    try {
      await node.signUp("ada");
      await node.ask("ada", "room/den", { type: "create", visibility: "public" });
      for (const text of ["zebra one", "zebra two"]) await node.ask("ada", "room/den", { type: "post", text });
      const page = await node.find("ada", { text: "zebra", limit: 1 });
      expect(rounds.length).to.be.greaterThan(1);
      const [first, second] = rounds;
      expect(second?.covered).not.to.deep.equal(first?.covered);
      expect(page.ok && page.value.found.map(({ seq }) => seq)).to.deep.equal([1]);
      expect(page.ok && page.value.covered).to.deep.equal(first?.covered);
    } finally {
      await node.stop();
    }
  });

  it("answers a message once, where its slot is made anew while the index is asked", async () => {
    const seen: (readonly string[])[] = [];
    let losing = false;
    const node = await openNode({
      // The rows of a slot are there before it is settled.
      index: (index) => ({
        ...index,
        async ask(type, asks) {
          const answer = await index.ask(type, asks);
          if (type !== "find" || !losing) return answer;
          losing = false;
          return { ...(answer as object), at: new Map() } as never;
        },
      }),
      afterFind: async ({ hits }) => void seen.push(hits.map(({ actor, seq }) => `${actor} ${seq}`)),
    });
    try {
      await node.signUp("ada");
      await node.ask("ada", "room/den", { type: "create", visibility: "public" });
      for (const text of ["zebra one", "zebra two"]) await node.ask("ada", "room/den", { type: "post", text });
      losing = true;
      const page = await node.find("ada", { text: "zebra" });
      expect(page.ok && page.value.found.map(({ seq }) => seq)).to.deep.equal([2, 1]);
      expect(seen).to.deep.equal([["room/den 2", "room/den 1"]]);
    } finally {
      await node.stop();
    }
  });

  it("does not say that nothing has the very words where not all was searched", async () => {
    let losing = 0;
    const node = await openNode({
      index: (index) => ({
        ...index,
        async ask(type, asks) {
          const answer = await index.ask(type, asks);
          const isAsked = type === "find" && (asks as { readonly places: readonly unknown[] }).places.length > 0;
          if (!isAsked || losing === 0) return answer;
          losing -= 1;
          return { ...(answer as object), at: new Map() } as never;
        },
      }),
    });
    try {
      await node.signUp("ada");
      await node.ask("ada", "room/den", { type: "create", visibility: "public" });
      await node.ask("ada", "room/den", { type: "post", text: "zebra" });
      // Both rounds of one search find the slot half made; by the next one it is whole.
      losing = 2;
      const page = await node.find("ada", { text: "zebra" });
      expect(page.ok && page.value).to.deep.equal({ found: [], unreachable: ["room/den"], covered: [] });
    } finally {
      await node.stop();
    }
  });

  it("goes on where none of what was looked at fits, and does not say that nothing has the very words", async () => {
    const asked: (Hit | undefined)[] = [];
    let looks = 0;
    const node = await openNode({
      index: (index) => ({
        ...index,
        async ask(type, asks) {
          const answer = await index.ask(type, asks);
          const { query } = asks as { readonly query: Query };
          if (type !== "find" || looks === 0) return answer;
          looks -= 1;
          asked.push(query.behind);
          // It has looked at so many, and none fits.
          const end = { actor: "room/0" as ActorId, seq: 0, atMs: 10 ** 14 + looks };
          return { ...(answer as object), hits: [], more: true, end } as never;
        },
      }),
    });
    try {
      await node.signUp("ada");
      await node.ask("ada", "room/den", { type: "create", visibility: "public" });
      await node.ask("ada", "room/den", { type: "post", text: "zebra" });
      await node.find("ada", { text: "zebra" });
      for (const order of ["newest", "best"]) {
        looks = 2;
        const found = await node.find("ada", { text: "zebra", order });
        expect(found.ok && found.value.found.map(({ seq }) => seq), order).to.deep.equal([1]);
        expect(asked.splice(0).map((behind) => behind?.atMs)).to.deep.equal([undefined, 10 ** 14 + 1]);
        // With one typing error: what is not looked at yet may have the very word.
        looks = 4;
        const page = await node.find("ada", { text: "zebar", order });
        expect(page.ok && page.value.found, order).to.deep.equal([]);
        expect(page.ok && page.value.next, order).to.equal(`${10 ** 14}/0/room/0`);
        asked.splice(0);
      }
    } finally {
      await node.stop();
    }
  });

  it("looks again at a message that was edited: its links, whom it mentions, its author and time", async () => {
    let edits = false;
    const node = await openNode({
      async afterFind() {
        if (edits) await node.ask("ada", "room/den", { type: "edit", seq: 1, text: "zebra" });
        edits = false;
      },
    });
    try {
      await node.signUp("ada");
      await node.ask("ada", "room/den", { type: "create", visibility: "public" });
      for (const fields of [{ hasLink: true }, { mentionsMe: true }]) {
        await node.ask("ada", "room/den", { type: "post", text: "zebra" });
        const text = "zebra @ada https://example.org";
        expect((await node.ask("ada", "room/den", { type: "edit", seq: 1, text })).ok).to.equal(true);
        const before = await node.find("ada", fields);
        expect(before.ok && before.value.found.map(({ seq }) => seq)).to.deep.equal([1]);
        edits = true;
        const after = await node.find("ada", fields);
        expect(after.ok && after.value.found).to.deep.equal([]);
      }
    } finally {
      await node.stop();
    }
  });

  it("lets others go on between two texts", async () => {
    const node = await openNode({});
    try {
      await node.signUp("ada");
      await node.ask("ada", "room/den", { type: "create", visibility: "public" });
      for (let at = 0; at < 5; at += 1) await node.ask("ada", "room/den", { type: "post", text: "zebra" });
      await node.find("ada", { text: "zebra" });
      expect(node.turns.count).to.equal(5);
    } finally {
      await node.stop();
    }
  });

  it("takes what two nodes answer once", () => {
    const hit = { actor: "room/den" as ActorId, seq: 1, atMs: 5 };
    const older = { ...hit, seq: 2, atMs: 4 };
    const parts = [
      { hits: [hit], more: false },
      { hits: [hit, older], more: false },
    ];
    expect(mergeHits({ terms: [], limit: 2 }, parts)).to.deep.equal({ hits: [hit, older], more: false });
  });
});
