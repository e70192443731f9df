/** What every engine that writes text promises, as one suite. `runtime.test.ts` runs it on the echo, on the echo in an
 *  inference host and on llama.cpp in one. */
import { expect } from "chai";
import {
  errorTable,
  isSignOfLife,
  type GenerationAnswer,
  type GenerationPart,
  type GenerationRequest,
  type Result,
} from "../../protocols/index.ts";
import type { LocalEngine, Running } from "../../runtimes/engine.ts";
import type { Spoken } from "../fixtures/engine-answers.ts";

/** A runtime under test and what is known of its two models. */
export interface RuntimeSubject {
  readonly runtime: LocalEngine<"generate">;
  /** The default model: gives a known answer to a known question. */
  readonly brief: { readonly model: string; readonly question: string; readonly answer: string };
  /** A model and a question whose answer takes some seconds. `passage` occurs early in it. */
  readonly lengthy: { readonly model: string; readonly question: string; readonly passage: string };
  /** Generations of one model that run at once, and that wait beyond those. */
  readonly slots: number;
  readonly queuedMax: number;
  readonly contextTokens: number;
}

/** How a generation ended. */
export type Ended = Result<GenerationAnswer>;

/** Everything that came of one generation. */
export interface Heard {
  readonly generation: Running;
  readonly said: readonly Spoken[];
  /** Resolves with the end; rejects when something comes behind it. */
  readonly last: Promise<Ended>;
  /** Resolves when the first text is there. */
  readonly firstText: Promise<void>;
  text(): string;
  tokens(): number;
}

export type Ask = Partial<GenerationRequest> & { readonly question?: string };

/** Far more than any call takes, on a machine of any speed. Tests of the time that a call may take name their own. */
export const ampleMs = 600_000;

/** Asks and listens. The likeliest token is taken, where the test does not say otherwise: what is sampled without a
 *  seed is another text each time, which may end otherwise now and then. */
export function listen(runtime: Pick<LocalEngine<"generate">, "call">, ask: Ask): Heard {
  const said: Spoken[] = [];
  const last = Promise.withResolvers<Ended>();
  const firstText = Promise.withResolvers<void>();
  let asked = false;
  const { question = "Hello.", sampling, ...fields } = ask;
  const request: GenerationRequest = {
    id: "test",
    model: "",
    messages: [{ role: "user", content: question }],
    timeoutMs: ampleMs,
    ...fields,
    sampling: { temperature: 0, ...sampling },
  };
  const generation = runtime.call(request, (one) => {
    if (!asked) last.reject(new Error("something was said inside the call"));
    if (said.some(({ type }) => type === "answered"))
      last.reject(new Error(`something came behind the end: ${JSON.stringify(one)}`));
    said.push(one);
    if (one.type === "answered") last.resolve(one.result);
    else if (!isSignOfLife(one.part)) firstText.resolve();
  });
  asked = true;
  const texts = (): GenerationPart[] => said.flatMap((one) => (one.type === "part" ? [one.part] : []));
  return {
    generation,
    said,
    last: last.promise,
    firstText: firstText.promise,
    text: () =>
      texts()
        .map((part) => part.text)
        .join(""),
    tokens: () => texts().reduce((sum, part) => sum + part.tokens, 0),
  };
}

/** The code of a failure; fails the test on an answer. */
export function codeOf(ended: Result<unknown>): string {
  if (ended.ok) throw new Error(`expected a failure, got ${JSON.stringify(ended)}`);
  expect(ended.error.outcome).to.equal(errorTable[ended.error.code].outcome);
  return ended.error.code;
}

/** The answer of a generation; fails the test on a failure. */
export function answerOf(ended: Ended): GenerationAnswer {
  if (!ended.ok) throw new Error(`expected an answer, got ${JSON.stringify(ended)}`);
  return ended.value;
}

/** How an answer ended; fails the test on a failure. */
export const endOf = (ended: Ended): string => answerOf(ended).end;

/** The suite. `start` is called once; the runtime is stopped by the last test. */
export function describeRuntime(name: string, start: () => Promise<RuntimeSubject>): void {
  describe(`the runtime port on ${name}`, () => {
    let subject: RuntimeSubject;
    const ask = (fields: Ask = {}): Heard => listen(subject.runtime, { ...subject.brief, ...fields });
    const askLengthy = (fields: Ask = {}): Heard => listen(subject.runtime, { ...subject.lengthy, ...fields });
    const fill = (count: number): Heard[] => Array.from({ length: count }, () => askLengthy());
    const cancelAll = async (all: readonly Heard[]): Promise<void> => {
      for (const { generation } of all) generation.cancel();
      await Promise.all(all.map((one) => one.last));
    };

    before(async function () {
      subject = await start();
    });
    after(() => subject.runtime.stop(0));

    it("lists its models, the default one first, ready", () => {
      const models = subject.runtime.models();
      expect(models[0]?.model).to.equal(subject.brief.model);
      for (const model of models) expect(model).to.include({ state: "ready", contextTokens: subject.contextTokens });
    });

    it("answers in texts and one last part that counts the tokens", async () => {
      const heard = ask();
      const last = answerOf(await heard.last);
      expect(heard.text()).to.equal(subject.brief.answer);
      expect(last).to.include({ end: "complete", completionTokens: heard.tokens() });
      expect(last).to.have.property("promptTokens").greaterThan(0);
    });

    it("takes the empty model name for the default model", async () => {
      const heard = ask({ model: "" });
      await heard.last;
      expect(heard.text()).to.equal(subject.brief.answer);
    });

    it("refuses a model that it does not have", async () => {
      expect(codeOf(await ask({ model: "no-such-model" }).last)).to.equal("MODEL_NOT_FOUND");
    });

    it("refuses too many, too long or empty stop texts", async () => {
      for (const stop of [Array.from({ length: 9 }, () => "x"), ["x".repeat(65)], [""]])
        expect(codeOf(await ask({ stop }).last)).to.equal("BAD_REQUEST");
    });

    it("ends with length after the most tokens allowed", async () => {
      for (const maxTokens of [1, 2, 7]) {
        const heard = askLengthy({ sampling: { maxTokens } });
        expect(answerOf(await heard.last)).to.include({ end: "length", completionTokens: maxTokens });
        expect(heard.tokens()).to.be.at.most(maxTokens);
      }
    });

    it("ends before a stop text and shows no part of it", async () => {
      const { passage } = subject.lengthy;
      const heard = askLengthy({ stop: [passage, "never said by anyone"] });
      expect(endOf(await heard.last)).to.equal("complete");
      const whole = askLengthy({ sampling: { maxTokens: 60 } });
      await whole.last;
      expect(whole.text()).to.include(passage);
      expect(heard.text()).to.equal(whole.text().slice(0, whole.text().indexOf(passage)));
    });

    it("says what it held back when the stop text does not come", async () => {
      const { answer } = subject.brief;
      const heard = ask({ stop: [`${answer.slice(-3)}and more`] });
      expect(endOf(await heard.last)).to.equal("complete");
      expect(heard.text()).to.equal(answer);
    });

    it("gives the same answer to the same seed", async () => {
      const twice = [1, 2].map(() => ask({ sampling: { seed: 42, temperature: 2 } }));
      await Promise.all(twice.map((heard) => heard.last));
      expect(twice[0]?.text()).to.equal(twice[1]?.text());
    });

    it("refuses a prompt that leaves no room for a token", async () => {
      const heard = ask({ question: "word ".repeat(subject.contextTokens + 1) });
      const last = await heard.last;
      expect(codeOf(last)).to.equal("CONTEXT_TOO_LONG");
      expect(last).to.have.nested.property("error.details.contextTokens", subject.contextTokens);
    });

    it("ends with length where the context ends", async () => {
      const probe = ask({ question: "w", sampling: { maxTokens: 1 } });
      const overhead = answerOf(await probe.last).promptTokens - 1;
      const wanted = 5;
      // One token a word in the echo, one a byte in the model of bytes.
      const unit = (await measure(" w")) - overhead;
      const count = Math.floor((subject.contextTokens - wanted - overhead) / unit);
      const heard = askLengthy({ question: " w".repeat(count) });
      const last = answerOf(await heard.last);
      expect(last.end).to.equal("length");
      expect(last.promptTokens + last.completionTokens).to.equal(subject.contextTokens);
      expect(last.completionTokens).to.be.at.least(wanted);
    });
    async function measure(question: string): Promise<number> {
      return answerOf(await ask({ question, sampling: { maxTokens: 1 } }).last).promptTokens;
    }

    it("stops at once when it is cancelled before it starts", async () => {
      const heard = askLengthy();
      heard.generation.cancel();
      expect(answerOf(await heard.last)).to.deep.equal({ end: "stopped", promptTokens: 0, completionTokens: 0 });
      expect(heard.said).to.have.length(1);
    });

    // How much is written behind it is counted where the model is in the test's process (`cancelled.test.ts`): a
    // process writes on until it hears of it.
    it("stops when it is cancelled in the middle, also twice", async () => {
      const heard = askLengthy();
      await heard.firstText;
      heard.generation.cancel();
      heard.generation.cancel();
      const last = answerOf(await heard.last);
      expect(last.end).to.equal("stopped");
      expect(last).to.have.property("completionTokens").greaterThan(0);
      heard.generation.cancel();
    });

    it("does nothing when it is cancelled after its end", async () => {
      const heard = ask();
      await heard.last;
      heard.generation.cancel();
      const next = ask();
      await next.last;
      expect(heard.said.filter(({ type }) => type === "answered")).to.have.length(1);
    });

    it("is cancelled from within a part", async () => {
      const ended = Promise.withResolvers<Ended>();
      const generation = subject.runtime.call(
        {
          id: "test",
          model: subject.lengthy.model,
          messages: [{ role: "user", content: subject.lengthy.question }],
          sampling: {},
          timeoutMs: ampleMs,
        },
        (said) => {
          if (said.type === "part") generation.cancel();
          else ended.resolve(said.result);
        },
      );
      expect(endOf(await ended.promise)).to.equal("stopped");
    });

    it("stops at once when it is cancelled in the queue, and leaves its place to another", async () => {
      const running = fill(subject.slots);
      await Promise.all(running.map((heard) => heard.firstText));
      const waiting = fill(subject.queuedMax);
      const refusal = await askLengthy().last;
      expect(codeOf(refusal)).to.equal("MODEL_BUSY");
      expect(refusal).to.have.nested.property("error.details.retryAfterMs").greaterThan(0);
      waiting[0]?.generation.cancel();
      const next = askLengthy();
      expect(endOf(await waiting[0]!.last)).to.equal("stopped");
      expect(next.said).to.have.length(0);
      await cancelAll([...running, ...waiting.slice(1), next]);
    });

    it("starts those who wait in the order they came", async () => {
      const running = fill(subject.slots);
      await Promise.all(running.map((heard) => heard.firstText));
      const order: number[] = [];
      const waiting = fill(Math.min(3, subject.queuedMax));
      for (const [index, heard] of waiting.entries()) void heard.firstText.then(() => order.push(index));
      for (const [index, heard] of waiting.entries()) {
        running[index]?.generation.cancel();
        await heard.firstText;
      }
      expect(order).to.deep.equal([...waiting.keys()]);
      await cancelAll([...running, ...waiting]);
      // None had to run to its end before the next could start.
      for (const heard of [...running, ...waiting]) expect(endOf(await heard.last)).to.equal("stopped");
    });

    it("fails what takes longer than its time, running or waiting, and goes on", async () => {
      const running = fill(subject.slots);
      await Promise.all(running.map((heard) => heard.firstText));
      const waiting = askLengthy({ timeoutMs: 30 });
      const last = await waiting.last;
      expect(codeOf(last)).to.equal("GENERATION_TIMEOUT");
      expect(waiting.said).to.have.length(1);
      await cancelAll(running);

      const slow = askLengthy({ timeoutMs: 60 });
      expect(codeOf(await slow.last)).to.equal("GENERATION_TIMEOUT");
      const next = ask();
      await next.last;
      expect(next.text()).to.equal(subject.brief.answer);
    });

    it("fails at once what has no time at all", async () => {
      for (const timeoutMs of [0, -5]) expect(codeOf(await ask({ timeoutMs }).last)).to.equal("GENERATION_TIMEOUT");
      expect(endOf(await ask().last)).to.equal("complete");
    });

    it("answers many at once, each completely and once", async () => {
      const all = Array.from({ length: subject.slots + subject.queuedMax }, () => ask());
      const ends = await Promise.all(all.map((heard) => heard.last));
      for (const end of ends) expect(endOf(end)).to.equal("complete");
      for (const heard of all) expect(heard.text()).to.equal(subject.brief.answer);
    });

    it("goes on when a listener throws", async () => {
      const other = ask();
      subject.runtime.call(
        { id: "t", model: "", messages: [{ role: "user", content: "x" }], sampling: {}, timeoutMs: ampleMs },
        () => {
          throw new Error("thrown by a listener, on purpose");
        },
      );
      await other.last;
      const next = ask();
      await next.last;
      expect(next.text()).to.equal(subject.brief.answer);
    });

    it("stops: ends what runs, refuses what waits and what comes", async () => {
      const running = fill(subject.slots);
      await Promise.all(running.map((heard) => heard.firstText));
      const waiting = askLengthy();
      const stopped = subject.runtime.stop(5_000);
      const late = ask();
      expect(codeOf(await waiting.last)).to.equal("STOPPING");
      expect(codeOf(await late.last)).to.equal("STOPPING");
      for (const heard of running) expect(endOf(await heard.last)).to.equal("stopped");
      await stopped;
      await subject.runtime.stop(5_000);
      expect(codeOf(await ask().last)).to.equal("STOPPING");
    });
  });
}
