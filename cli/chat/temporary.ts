/** A temporary conversation with an agent: this process alone has it, and nothing of it is kept anywhere. */
import { temporaryIdleMs, withinContext, type SaidHere } from "../../protocols/answering/temporary.ts";
import { ok } from "../../protocols/errors.ts";
import { cleaned } from "../../protocols/text/text.ts";
import type { Result } from "../../protocols/index.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Printer } from "./printer.ts";

/** Asks the node's interface of programs, in the person's name, and has no route keep the answer. */
export type AskModel = (body: object) => Promise<Result<unknown>>;

interface Completion {
  readonly choices?: readonly { readonly message?: { readonly content?: string | null } }[];
  readonly usage?: { readonly completion_tokens?: number };
}

/** One of them. */
export class Temporary {
  readonly agent: string;
  readonly #ask: AskModel;
  readonly #printer: Printer;
  #idle: NodeJS.Timeout | undefined;
  #said: readonly SaidHere[] = [];
  #usedAtMs = 0;
  #isOver = false;

  constructor(agent: string, ask: AskModel, printer: Printer) {
    this.agent = agent;
    this.#ask = ask;
    this.#printer = printer;
    const until = "until /done, until you go elsewhere, or until nothing is said for an hour";
    const words = `* Temporary: only this terminal has what is said to ${withoutControls(agent)}, ${until}.`;
    printer.remark(printer.dim(`${words} The agent uses no tools here.`));
  }

  /** Says something, and shows the answer when it is whole. */
  async say(text: string): Promise<Result<unknown>> {
    const { dim, show } = this.#printer;
    const sinceMs = Date.now();
    // A computer that slept rings late.
    if (this.#said.length > 0 && sinceMs - this.#usedAtMs > temporaryIdleMs) this.#forget();
    clearTimeout(this.#idle);
    const said = [...this.#said, { role: "user" as const, content: cleaned(text, "lines") }];
    const answer = await this.#ask({ model: `agent:${this.agent}`, messages: withinContext(said) });
    this.#usedAtMs = Date.now();
    if (this.#isOver) return ok(undefined);
    this.#idle = setTimeout(() => this.#forget(), temporaryIdleMs).unref();
    if (!answer.ok) return answer;
    const { choices, usage } = answer.value as Completion;
    const content = choices?.[0]?.message?.content ?? "";
    const tokens = usage?.completion_tokens;
    const took = { ms: this.#usedAtMs - sinceMs, ...(tokens !== undefined && { tokens }) };
    this.#said = [...said, { role: "assistant", content, took }];
    const facts = `${tokens === undefined ? "" : `${tokens} tokens, `}${(took.ms / 1_000).toFixed(1)} s`;
    const line = `${withoutControls(this.agent)}: ${withoutControls(content)} ${dim(`(${facts})`)}`;
    show({ answer: { text: content, ...took } }, line);
    return ok(undefined);
  }

  /** Forgets what was said. */
  clear(): void {
    clearTimeout(this.#idle);
    this.#said = [];
  }

  /** Forgets it all; an answer that is on its way is not shown. */
  end(): void {
    this.#isOver = true;
    this.clear();
  }

  #forget(): void {
    this.clear();
    const { remark, dim } = this.#printer;
    remark(dim("* Nothing was said for an hour: what was before is gone."));
  }
}
