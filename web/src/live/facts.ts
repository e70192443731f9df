import { hashKey, type Query, type QueryCacheNotifyEvent, type QueryClient, type QueryKey } from "@tanstack/query-core";

/** What a fact is after a piece of news. Undefined: the news do not say enough, and the node is asked again. News that
 *  are told twice change nothing the second time. */
type Change<Fact> = (known: Fact) => Fact | undefined;

/** More pieces of news than this during one question, and it is asked again. */
const meanwhileMax = 200;

/** The news that come while an answer is waited for. */
class Meanwhile {
  #news: Change<unknown>[] = [];
  #isMissed = false;

  add(change: Change<unknown>): void {
    if (this.#news.length < meanwhileMax) this.#news.push(change);
    else this.miss();
  }

  /** Something happened that only the node can tell. */
  miss(): void {
    this.#isMissed = true;
    this.#news = [];
  }

  /** The answer, with what came since it was asked for. */
  onTop(answer: unknown): unknown {
    if (this.#isMissed) return undefined;
    let fact: unknown = answer;
    for (const change of this.#news) {
      fact = change(fact);
      if (fact === undefined) return undefined;
    }
    return fact;
  }
}

/** What the page knows both by answers of the node (queries) and by news of it (events, signals).
 *
 *  Invariant: news that came after a question was asked are not lost by its answer. An answer shows how things were at
 *  any moment since the question, and it may come late; so the news that came meanwhile are put on top of it, or the
 *  node is asked again. */
export class Facts {
  readonly #queries: QueryClient;
  /** By the hashes of their keys: of each question that is under way, what came meanwhile. */
  readonly #asked = new Map<string, Set<Meanwhile>>();
  readonly #ofQueries = new WeakMap<Query, Meanwhile>();
  readonly #over = new Map<string, Change<unknown>>();
  readonly close: () => void;

  constructor(queries: QueryClient) {
    this.#queries = queries;
    this.close = queries.getQueryCache().subscribe((event) => this.#onCache(event));
  }

  /** Tells a piece of news: to what is known, and to every question that is under way. */
  tell<Fact>(key: QueryKey, change: Change<Fact>): void {
    for (const meanwhile of this.#asked.get(hashKey(key)) ?? []) meanwhile.add(change as Change<unknown>);
    const known = this.#queries.getQueryData<Fact>(key);
    if (known === undefined) return;
    const next = change(known);
    if (next === undefined) this.#askAgain(key);
    else if (next !== known) this.#queries.setQueryData(key, next);
  }

  /** Tells the whole of a fact. */
  know<Fact>(key: QueryKey, fact: Fact): void {
    this.tell(key, () => fact);
    this.#queries.setQueryData(key, fact);
  }

  /** What the page knows better than any answer: it is put on top of all of them. */
  over<Fact>(key: QueryKey, change: (answer: Fact) => Fact): void {
    this.#over.set(hashKey(key), change as Change<unknown>);
  }

  /** Asks for a part of a fact, and puts it in its place. */
  async part<Fact, Part>(
    key: QueryKey,
    ask: () => Promise<Part | undefined>,
    put: (known: Fact, part: Part) => Fact | undefined,
  ): Promise<void> {
    const meanwhile = this.#begin(hashKey(key));
    const part = await ask().finally(() => this.#end(hashKey(key), meanwhile));
    if (part === undefined) return;
    this.tell<Fact>(key, (known) => {
      const next = put(known, part);
      return next && (meanwhile.onTop(next) as Fact | undefined);
    });
  }

  #onCache(event: QueryCacheNotifyEvent): void {
    if (event.type !== "updated" && event.type !== "removed") return;
    const { query } = event;
    const meanwhile = this.#ofQueries.get(query);
    const action = event.type === "updated" ? event.action : undefined;
    // With an answer known, code that says that it is old asks again, and the question under way is dropped. The first
    // question goes on.
    if (action?.type === "invalidate" && query.state.data === undefined) meanwhile?.miss();
    const isAnswer = action?.type === "success" && action.manual !== true;
    if (action?.type !== "fetch" && action?.type !== "error" && action !== undefined && !isAnswer) return;
    if (meanwhile !== undefined) this.#end(query.queryHash, meanwhile);
    this.#ofQueries.delete(query);
    if (action?.type === "fetch") this.#ofQueries.set(query, this.#begin(query.queryHash));
    if (isAnswer && meanwhile !== undefined) this.#answered(query, meanwhile);
  }

  /** Before anybody is shown the answer. */
  #answered({ queryKey, queryHash, state }: Query, meanwhile: Meanwhile): void {
    const told = meanwhile.onTop(state.data);
    const fact = told === undefined ? state.data : told;
    const next = this.#over.get(queryHash)?.(fact) ?? fact;
    if (next !== state.data) this.#queries.setQueryData(queryKey, next);
    if (told === undefined) this.#askAgain(queryKey);
  }

  /** One question at a time: what is under way ends first. */
  #askAgain(key: QueryKey): void {
    void this.#queries.invalidateQueries({ queryKey: key, exact: true }, { cancelRefetch: false });
  }

  #begin(hash: string): Meanwhile {
    const meanwhile = new Meanwhile();
    const asked = this.#asked.get(hash) ?? new Set();
    this.#asked.set(hash, asked.add(meanwhile));
    return meanwhile;
  }

  #end(hash: string, meanwhile: Meanwhile): void {
    const asked = this.#asked.get(hash);
    asked?.delete(meanwhile);
    if (asked?.size === 0) this.#asked.delete(hash);
  }
}
