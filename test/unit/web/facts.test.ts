import { notifyManager, QueryClient, QueryObserver } from "@tanstack/query-core";
import { expect } from "chai";
import { Facts } from "../../../web/src/live/facts.ts";

interface List {
  readonly rooms: readonly string[];
}

const key = ["rooms"];
const with_ =
  (name: string) =>
  (list: List): List =>
    list.rooms.includes(name) ? list : { rooms: [...list.rooms, name] };

/** A list that is shown, and whose answers the test holds back. */
function page(known?: List) {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  if (known !== undefined) queries.setQueryData(key, known);
  const facts = new Facts(queries);
  const questions: PromiseWithResolvers<List>[] = [];
  const shown: string[] = [];
  const observer = new QueryObserver<List>(queries, {
    queryKey: key,
    staleTime: 0,
    queryFn: () => {
      const question = Promise.withResolvers<List>();
      questions.push(question);
      return question.promise;
    },
  });
  // As the page does: what is shown is read when it is drawn.
  const draw = () => {
    const line = observer.getCurrentResult().data?.rooms.join();
    if (line !== undefined && shown.at(-1) !== line) shown.push(line);
  };
  const end = observer.subscribe(notifyManager.batchCalls(draw));
  return {
    queries,
    facts,
    questions,
    /** All that was on the screen, one after the other. */
    shown,
    answer: async (rooms: readonly string[]): Promise<void> => {
      questions.at(-1)?.resolve({ rooms });
      await turns();
    },
    close: (): void => {
      end();
      facts.close();
      queries.clear();
    },
  };
}

/** Answers, and what the cache shows a moment later, are there. */
async function turns(): Promise<void> {
  const drawn = Promise.withResolvers<void>();
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  notifyManager.schedule(drawn.resolve);
  await drawn.promise;
}

describe("facts that come by answers and by news", () => {
  it("keeps news that came while the first answer was held back", async () => {
    const { facts, shown, questions, answer, close } = page();
    facts.tell(key, with_("news"));
    await answer(["old"]);
    expect(shown).to.deep.equal(["old,news"]);
    expect(questions).to.have.length(1);
    close();
  });

  it("keeps news that came while a later answer was held back, and never shows the older state", async () => {
    const { facts, shown, answer, close } = page({ rooms: ["old"] });
    facts.tell(key, with_("news"));
    facts.tell(key, (list: List) => ({ rooms: list.rooms.filter((room) => room !== "old") }));
    await answer(["old", "other"]);
    await turns();
    expect(shown.at(-1)).to.equal("other,news");
    expect(shown).to.not.include("old,other");
    close();
  });

  it("asks again for news that do not say enough, once for all that came during a question", async () => {
    const { facts, shown, questions, answer, close } = page();
    for (let count = 0; count < 3; count += 1) facts.tell(key, () => undefined);
    expect(questions).to.have.length(1);
    await answer(["old"]);
    expect(questions).to.have.length(2);
    await answer(["old", "new"]);
    expect(questions).to.have.length(2);
    expect(shown.at(-1)).to.equal("old,new");
    close();
  });

  it("asks again when the first answer was called old while it was held back", async () => {
    const { queries, questions, shown, answer, close } = page();
    void queries.invalidateQueries({ queryKey: key });
    await answer(["old"]);
    expect(questions).to.have.length(2);
    await answer(["new"]);
    expect(shown.at(-1)).to.equal("new");
    close();
  });

  it("shows a fact that was told as a whole, and no older answer behind it", async () => {
    const { facts, shown, answer, close } = page();
    facts.know(key, { rooms: ["told"] });
    await turns();
    await answer(["old"]);
    expect(shown).to.deep.equal(["told"]);
    close();
  });

  it("puts what the page follows on top of every answer", async () => {
    const { facts, queries, shown, answer, close } = page();
    facts.over(key, with_("followed"));
    await answer(["old"]);
    void queries.invalidateQueries({ queryKey: key });
    await answer(["other"]);
    expect(shown).to.deep.equal(["old,followed", "other,followed"]);
    close();
  });

  it("puts a part in its place with the news that came while it was asked for, or asks for all", async () => {
    const { facts, questions, shown, answer, close } = page();
    await answer(["a"]);
    const part = Promise.withResolvers<string>();
    const put = (list: List, name: string): List | undefined =>
      list.rooms.length > 3 ? undefined : { rooms: [...list.rooms, name] };
    const asked = facts.part(key, () => part.promise, put);
    facts.tell(key, with_("news"));
    part.resolve("part");
    await asked;
    await turns();
    expect(shown.at(-1)).to.equal("a,news,part");
    await facts.part(
      key,
      () => Promise.resolve("late"),
      () => undefined,
    );
    expect(questions).to.have.length(2);
    close();
  });

  it("remembers a bounded number of news, and asks again beyond it", async () => {
    const { facts, questions, answer, close } = page();
    for (let count = 0; count < 10_000; count += 1) facts.tell(key, with_(`room ${count % 10}`));
    await answer(["old"]);
    expect(questions).to.have.length(2);
    close();
  });
});
