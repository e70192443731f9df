import { expect } from "chai";
import { handleSearch } from "../../../node/search/operations.ts";
import { searchLimits } from "../../../node/search/limits.ts";
import type { SearchParts } from "../../../node/search/ports.ts";
import { failure, ok, refused, type ActorId, type ErrorCode } from "../../../protocols/index.ts";

/** A search of somebody with one agent, which refuses to tell its conversations so. */
async function searchWhere(code: ErrorCode) {
  const searched: string[] = [];
  const parts = {
    kernel: {
      ask: async ({ message }: { message: { type: string } }) =>
        message.type === "describe" ? ok({ rooms: [], agents: ["agent/ada.helper"] }) : refused(failure(code)),
    },
    clock: { soon: (act: () => void) => act(), monotonicMs: () => 0 },
    limits: { askTimeoutMs: 1 },
    find: async (_query: unknown, places: readonly string[]) => {
      searched.push(...places);
      return { hits: [], more: false, covered: [], unreachable: [] };
    },
  } as unknown as SearchParts;
  const asked = { text: "zebra" };
  const page = await handleSearch(parts)["search.messages"](asked, { actor: "user/ada" } as never);
  return { page, searched };
}

describe("a search beside a node of the version before", () => {
  it("takes an agent that knows no list for one with the first conversation alone, and no other refusal", async () => {
    const older = await searchWhere("BAD_REQUEST");
    expect(older.page).to.deep.equal(ok({ found: [], covered: [] }));
    expect(older.searched).to.include("agent/ada.helper");
    const away = await searchWhere("UNREACHABLE");
    expect(away.page).to.deep.include({ ok: true });
    expect(JSON.stringify(away.page)).to.include('"unreachable":["agent/ada.helper"]');
  });
});

describe("a search of somebody with many agents", () => {
  it("asks a few of them at a time, for two seconds, and names those that it did not reach", async () => {
    const agents = Array.from({ length: 40 }, (_, at) => `agent/ada.a${at}`);
    const now = { ms: 0, asking: 0, most: 0, asked: 0 };
    const parts = {
      kernel: {
        async ask({ message, timeoutMs }: { message: { type: string }; timeoutMs: number }) {
          if (message.type === "describe") return ok({ rooms: [], agents });
          now.asked += 1;
          now.most = Math.max(now.most, (now.asking += 1));
          await Promise.resolve();
          // Each one is silent until its time is over.
          now.ms += timeoutMs / searchLimits.agentsAskedAtOnceMax;
          now.asking -= 1;
          return refused(failure("ASK_TIMEOUT"));
        },
      },
      clock: { soon: (act: () => void) => act(), monotonicMs: () => now.ms },
      limits: { askTimeoutMs: 500 },
      find: async () => ({ hits: [], more: false, covered: [], unreachable: [] }),
    } as unknown as SearchParts;
    const page = await handleSearch(parts)["search.messages"]({ text: "zebra" }, { actor: "user/ada" } as never);
    expect(now.most).to.equal(searchLimits.agentsAskedAtOnceMax);
    expect(now.ms).to.be.at.most(searchLimits.agentsAskedMsMax);
    expect(now.asked).to.be.below(agents.length);
    expect(page).to.have.deep.nested.property("value.unreachable", agents.toSorted());
  });
});

describe("a page of a search in files", () => {
  /** Two messages each in some rooms, whose files have the words; `text`: what a room answers for one. */
  async function searchIn(rooms: number, text: (room: string, timeoutMs: number) => Promise<unknown>) {
    const names = Array.from({ length: rooms }, (_, at) => `room/r${at}` as ActorId);
    const asked: string[] = [];
    const now = { ms: 0 };
    const hits = names.flatMap((actor) => [1, 2].map((seq) => ({ actor, seq, atMs: seq })));
    const parts = {
      kernel: {
        async ask({ to, message, timeoutMs }: { to: string; message: Record<string, unknown>; timeoutMs: number }) {
          if (message["type"] === "describe") return ok({ rooms: names, agents: [] });
          if (message["type"] === "fileText") asked.push(to);
          if (message["type"] === "fileText") return text(to, timeoutMs);
          const seq = (message["after"] as number) + 1;
          const files = [{ id: `f${seq}`, name: "a.txt" }];
          return ok({ messages: [{ seq, author: "user/ada", atMs: seq, text: "", files }] });
        },
      },
      clock: { soon: setImmediate, monotonicMs: () => now.ms },
      limits: { askTimeoutMs: 60_000 },
      find: async () => ({ hits, more: false, covered: [], unreachable: [] }),
    } as unknown as SearchParts;
    const page = handleSearch(parts)["search.messages"]({ text: "zebra" }, { actor: "user/ada" } as never);
    return { page, asked, now };
  }

  it("asks a few rooms at a time, and keeps the order of what was found", async () => {
    const waiting: (() => void)[] = [];
    const { page, asked } = await searchIn(10, async () => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return ok({ id: "f", text: "a zebra" });
    });
    const settle = async (): Promise<void> => {
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    await settle();
    expect(asked).to.have.length(8);
    for (let round = 0; round < 10; round += 1) {
      for (const answer of waiting.splice(0)) answer();
      await settle();
    }
    const found = (await page) as { value: { found: readonly { room: string; seq: number }[] } };
    const expected = Array.from({ length: 10 }, (_, at) => [`r${at} 1`, `r${at} 2`]).flat();
    expect(found.value.found.map(({ room, seq }) => `${room} ${seq}`)).to.deep.equal(expected);
  });

  it("asks no room again that did not answer, and none after its time", async () => {
    const away = await searchIn(2, async (room) =>
      room === "room/r0" ? refused(failure("UNREACHABLE")) : ok({ id: "f", text: "a zebra" }),
    );
    expect(await away.page).to.nested.include({ "value.unreachable[0]": "room/r0", "value.found.length": 2 });
    expect(away.asked.toSorted()).to.deep.equal(["room/r0", "room/r1", "room/r1"]);
    const late = await searchIn(1, async (_room, timeoutMs) => {
      late.now.ms += timeoutMs;
      return ok({ id: "f", text: "a zebra" });
    });
    expect(await late.page).to.nested.include({ "value.unreachable[0]": "room/r0", "value.found.length": 1 });
    expect(late.asked).to.have.length(1);
  });
});
