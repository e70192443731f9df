import { expect } from "chai";
import type { FoundMessage, SearchPage } from "../../../protocols/index.ts";
import { startFixture, type Fixture } from "../gateway/fixture.ts";

describe("search: what a person is answered", () => {
  let fixture: Fixture;
  let ada: string;
  let bob: string;

  const as =
    (token: string) =>
    async (method: string, path: string, body?: unknown): Promise<unknown> => {
      const answer = await fixture.request(method, `/api/v1${path}`, { token, body });
      expect(answer.status, JSON.stringify(answer.body)).to.be.within(200, 299);
      return answer.body;
    };
  const find = async (token: string, fields: object): Promise<SearchPage> =>
    (await as(token)("POST", "/search", fields)) as SearchPage;
  const placesOf = ({ found }: SearchPage): readonly string[] =>
    found.map(({ room, agent, seq }) => `${room ?? agent} ${seq}`);
  const marked = ({ text, marks }: FoundMessage): readonly string[] =>
    marks.map(([start, end]) => text.slice(start, end));

  before(async () => {
    fixture = await startFixture();
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
    for (const room of ["den", "attic"]) await as(ada)("POST", "/rooms", { room, visibility: "public" });
    await as(bob)("POST", "/rooms/den/join");
    for (const text of ["The répository is at https://example.org", "Größe 東京都に行く", "hello @bob, the repo"])
      await as(ada)("POST", "/rooms/den/messages", { text });
    await as(ada)("POST", "/rooms/attic/messages", { text: "a repository in the attic" });
    await as(bob)("POST", "/rooms/den/messages", { text: "I forgot the repository", replyTo: 1 });
    await as(ada)("POST", "/agents", { name: "helper" });
    await as(ada)("POST", "/agents/ada.helper/say", { text: "what is a repository?" });
  });

  it("finds words, phrases, beginnings and runs of signs, the newest first, and says where the words are", async () => {
    const page = await find(ada, { text: "repository" });
    expect(placesOf(page)[0]).to.match(/^ada\.helper /);
    expect(placesOf(page).slice(-3)).to.deep.equal(["den 4", "attic 1", "den 1"]);
    expect(page.found.at(-1)).to.include({ room: "den", author: "user/ada" });
    expect(marked(page.found.at(-1) as FoundMessage)).to.deep.equal(["répository"]);
    expect(placesOf(await find(ada, { text: "repo*", room: "den" }))).to.deep.equal(["den 4", "den 3", "den 1"]);
    expect(placesOf(await find(ada, { text: '"the repo"' }))).to.deep.equal(["den 3"]);
    expect(placesOf(await find(ada, { text: "GROSSE" }))).to.deep.equal(["den 2"]);
    const [tokyo] = (await find(ada, { text: "京都" })).found;
    expect(tokyo && marked(tokyo)).to.deep.equal(["京都"]);
    expect(placesOf(await find(ada, { text: "forgot den" }))).to.deep.equal([]);
  });

  it("finds a word with a typing error where nothing has the very word, and says so", async () => {
    const page = await find(ada, { text: "forogt" });
    expect(page).to.include({ misspelt: true });
    expect(placesOf(page)).to.deep.equal(["den 4"]);
    expect(await find(ada, { text: "forgot" })).not.to.have.property("misspelt");
  });

  it("narrows by author, link, mention, thread, time and place", async () => {
    expect(placesOf(await find(ada, { text: "repository", from: "user/bob" }))).to.deep.equal(["den 4"]);
    expect(placesOf(await find(ada, { hasLink: true }))).to.deep.equal(["den 1"]);
    expect(placesOf(await find(bob, { mentionsMe: true }))).to.deep.equal(["den 3"]);
    expect(placesOf(await find(ada, { text: "the", room: "den", thread: 1 }))).to.deep.equal(["den 4", "den 1"]);
    expect(placesOf(await find(ada, { text: "repository", agent: "ada.helper" }))[0]).to.match(/^ada\.helper/);
    const [newest] = (await find(ada, { text: "forgot" })).found;
    const { atMs = 0 } = newest ?? {};
    expect(placesOf(await find(ada, { text: "the", room: "den", before: atMs }))).to.deep.equal(["den 3", "den 1"]);
    expect(placesOf(await find(ada, { text: "the", room: "den", after: atMs }))).to.deep.equal(["den 4"]);
  });

  it("narrows by reaction", async () => {
    expect(placesOf(await find(ada, { hasReaction: true }))).to.deep.equal([]);
    const thumb = `/rooms/den/messages/2/reactions/${encodeURIComponent("👍")}`;
    await as(bob)("PUT", thumb);
    expect(placesOf(await find(ada, { hasReaction: true }))).to.deep.equal(["den 2"]);
    expect(placesOf(await find(ada, { text: "repo*", hasReaction: true }))).to.deep.equal([]);
    await as(bob)("DELETE", thumb);
    expect(placesOf(await find(ada, { hasReaction: true }))).to.deep.equal([]);
  });

  it("finds parts of words in Chinese, Japanese and Korean, and what stands between their signs", async () => {
    await as(ada)("POST", "/rooms", { room: "signs", visibility: "public" });
    const texts = ["重跑gen-itgc后再看结果", "明日は東京都庁でカラオケ", "서울에서만났습니다", "ﾊﾝｶｸｶﾅ"];
    for (const text of texts) await as(ada)("POST", "/rooms/signs/messages", { text });
    const seqs = async (text: string) => (await find(ada, { text, room: "signs" })).found.map(({ seq }) => seq);
    for (const text of ["重跑", "itgc", "gen", "结果", "再看", "果"]) expect(await seqs(text), text).to.deep.equal([1]);
    for (const text of ["京都", "都庁", "カラ", "ラオ", "庁", "は東"])
      expect(await seqs(text), text).to.deep.equal([2]);
    for (const text of ["서울", "에서", "만났", "다"]) expect(await seqs(text), text).to.deep.equal([3]);
    expect(await seqs("ハンカク")).to.deep.equal([4]);
    for (const text of ["跑重", "都京", "울서", "结重"]) expect(await seqs(text), text).to.deep.equal([]);
  });

  it("goes on where a page ended", async () => {
    const places: string[] = [];
    for (let cursor: string | undefined, pages = 0; pages < 5; pages += 1) {
      const page = await find(ada, { text: "re*", room: "den", limit: 1, ...(cursor !== undefined && { cursor }) });
      places.push(...placesOf(page));
      cursor = page.next;
      if (cursor === undefined) break;
    }
    expect(places).to.deep.equal(["den 4", "den 3", "den 1"]);
  });

  it("finds nothing of what others said elsewhere, of what was deleted, and of what an edit has replaced", async () => {
    expect(placesOf(await find(bob, { text: "repository" }))).to.deep.equal(["den 4", "den 1"]);
    await as(ada)("POST", "/rooms/den/messages", { text: "zebra one" });
    await as(ada)("POST", "/rooms/den/messages", { text: "zebra two" });
    expect(placesOf(await find(bob, { text: "zebra" }))).to.deep.equal(["den 6", "den 5"]);
    await as(ada)("PATCH", "/rooms/den/messages/5", { text: "a horse" });
    await as(ada)("DELETE", "/rooms/den/messages/6");
    expect(placesOf(await find(bob, { text: "zebra" }))).to.deep.equal([]);
    expect(placesOf(await find(bob, { text: "horse" }))).to.deep.equal(["den 5"]);
  });

  it("finds nothing in a room that one has left, and does not search it", async () => {
    await as(bob)("POST", "/rooms/attic/join");
    expect(placesOf(await find(bob, { text: "attic" }))).to.deep.equal(["attic 1"]);
    await as(ada)("DELETE", "/rooms/attic/members/user%2Fbob");
    expect(placesOf(await find(bob, { text: "attic" }))).to.deep.equal([]);
    const answer = await fixture.request("POST", "/api/v1/search", { token: bob, body: { text: "a", room: "attic" } });
    expect([answer.status, answer.body.error.code]).to.deep.equal([403, "NOT_A_MEMBER"]);
  });

  it("takes every text for words, and refuses what is too long or no cursor", async () => {
    const hostile = [
      '" OR 1',
      "NEAR(a b)",
      "a AND NOT (b",
      "col:x",
      "^a",
      "{a b}:c",
      "-a",
      "*",
      '"',
      "''--",
      "a\0b",
      "\ud800",
      "NEAR(".repeat(80),
      '"a '.repeat(100),
      "* ".repeat(200),
    ];
    for (const text of hostile) await find(ada, { text });
    for (const text of ["*", "* *", '"', '""', "---", "​"]) expect((await find(ada, { text })).found).to.deep.equal([]);
    for (const body of [
      { text: "a".repeat(10_000) },
      { text: "a ".repeat(10_000) },
      { text: "a", cursor: "x" },
      { thread: 1 },
      { text: 1 },
      { limit: 51 },
    ]) {
      const answer = await fixture.request("POST", "/api/v1/search", { token: ada, body });
      expect([answer.status, answer.body.error.code], JSON.stringify(body).slice(0, 40)).to.deep.equal([
        400,
        "BAD_REQUEST",
      ]);
    }
    const body = { text: "a* ".repeat(350_000) };
    const answer = await fixture.request("POST", "/api/v1/search", { token: ada, body });
    expect([answer.status, answer.body.error.code]).to.deep.equal([413, "TOO_LARGE"]);
  });
});
