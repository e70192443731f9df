import { expect } from "chai";
import { handleSearch } from "../../../node/search/operations.ts";
import type { SearchParts } from "../../../node/search/ports.ts";
import { failure, ok, refused, type ErrorCode } from "../../../protocols/index.ts";

/** A search of somebody with one agent, which refuses to tell its conversations so. */
async function searchWhere(code: ErrorCode) {
  const searched: string[] = [];
  const parts = {
    kernel: {
      ask: async ({ message }: { message: { type: string } }) =>
        message.type === "describe" ? ok({ rooms: [], agents: ["agent/ada.helper"] }) : refused(failure(code)),
    },
    clock: { soon: (act: () => void) => act() },
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
