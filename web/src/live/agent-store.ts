import type {
  AgentConversations,
  AgentUsage,
  AnswerOf,
  CommandsOf,
  ConversationTurn,
  Failure,
  ParametersOf,
  Result,
} from "../../../protocols/index.ts";
import { cleaned } from "../../../protocols/text/text.ts";
import {
  emptyAgent,
  foldAgent,
  isShownTurn,
  readHere,
  type AgentInput,
  type AgentModel,
  type AttachedFile,
  type Kept,
  type PendingSay,
} from "../model/index.ts";
import { newOperationId, type Client } from "../wire/index.ts";
import { notices } from "./notices.ts";
import { TopicStore } from "./topic-store.ts";
import { UnsentStore } from "./unsent-store.ts";

const historyPage = 50;

/** One agent's direct conversation that this page follows, and what can be done in it. */
export class AgentStore {
  readonly agent: string;
  readonly store = new TopicStore<AgentModel, AgentInput>(emptyAgent, foldAgent);
  readonly #client: Client;
  readonly #unsent: UnsentStore<PendingSay>;
  readonly #unfollow: () => void;
  readonly #stopping = new Set<string>();
  #loadingOlder: Promise<void> | undefined;
  /** What waits for the node, in order. */
  #held: readonly Omit<PendingSay, "status" | "afterSeq">[] = [];
  #stopWaiting: (() => void) | undefined;
  #isClosed = false;

  constructor(client: Client, agent: string, kept: Kept) {
    this.#client = client;
    this.agent = agent;
    this.#unsent = new UnsentStore(kept, `agent/${agent}`);
    const says = this.#unsent.all(Date.now());
    this.store.apply({ type: "restored", says });
    const topic = `agent/${agent}` as const;
    const hear = (input: AgentInput): void => {
      const hadGap = this.store.latest.gap;
      this.store.apply(input);
      // The draft travels best effort, and another path is not told whole; the state has what is missing.
      if (this.store.latest.gap && !hadGap) client.reload(topic);
    };
    this.#unfollow = client.follow(topic, {
      state: (state) => this.store.apply({ type: "state", state }),
      event: (event) => hear({ type: "event", event }),
      signal: (signal) => hear({ type: "signal", signal }),
      refused: (reason) => this.store.apply({ type: "refused", reason }),
    });
    for (const say of says) if (say.status === "waiting") this.#enqueue(say);
  }

  close(): void {
    this.#isClosed = true;
    this.#stopWaiting?.();
    this.#unfollow();
  }

  /** Whether something was said here that the node has not taken: it waits while the page is closed. */
  get hasUnsent(): boolean {
    return this.store.latest.pending.some((say) => say.status !== "accepted");
  }

  say(
    written: string,
    {
      pictures = [],
      sounds = [],
      files = [],
      shown = [],
      parent = this.store.latest.look?.turns.at(-1)?.turn,
    }: Pick<PendingSay, "pictures" | "sounds" | "files" | "shown" | "parent"> = {},
  ): Omit<PendingSay, "status" | "afterSeq" | "files"> {
    const text = cleaned(written, "lines");
    const operationId = newOperationId();
    const say = {
      operationId,
      text,
      atMs: Date.now(),
      ...(pictures.length > 0 && { pictures }),
      ...(sounds.length > 0 && { sounds }),
      ...(shown.length > 0 && { shown }),
      ...(parent !== undefined && { parent }),
    };
    this.store.apply({ type: "saying", say: { ...say, ...(files.length > 0 && { files }) } }, "now");
    if (files.length === 0) this.#enqueue(say);
    return say;
  }

  /** The files of a message that waited for them are at the node. */
  filesUp(say: Omit<PendingSay, "status" | "afterSeq" | "files">, files: readonly AttachedFile[]): void {
    const whole = { ...say, ...(files.length > 0 && { files }) };
    this.store.apply({ type: "filesUp", say: whole }, "now");
    this.#enqueue(whole);
  }

  #enqueue(say: Omit<PendingSay, "status" | "afterSeq">): void {
    this.#keep(say.operationId);
    if (this.#client.link.status === "open" && this.#held.length === 0) return void this.#send(say);
    this.#held = [...this.#held, say];
    this.store.apply({ type: "held", operationId: say.operationId }, "now");
    this.#stopWaiting ??= this.#client.onLink(({ status }) => {
      if (status === "open") this.#release();
    });
  }

  /** The node is there: what waited goes out in its order. What another tab has sent or taken back meanwhile does
   *  not. */
  #release(): void {
    const held = this.#held;
    this.#held = [];
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
    if (this.#isClosed) return;
    for (const say of held) {
      const { operationId } = say;
      this.store.apply({ type: this.#unsent.has(operationId) ? "released" : "discarded", operationId }, "now");
      if (this.#unsent.has(operationId)) void this.#send(say);
    }
  }

  retry(operationId: string): void {
    const say = this.store.latest.pending.find((pending) => pending.operationId === operationId);
    if (say === undefined) return;
    this.store.apply({ type: "retrying", operationId }, "now");
    this.#enqueue(say);
  }

  /** What it would have taken along does not stay at the node. */
  discard(operationId: string): void {
    const say = this.store.latest.pending.find((one) => one.operationId === operationId);
    this.#held = this.#held.filter((one) => one.operationId !== operationId);
    const ids = say?.status === "failed" || say?.held ? (say.files ?? []).flatMap(({ id }) => id ?? []) : [];
    if (ids.length > 0) void import("./uploads.ts").then(({ giveUp }) => giveUp(ids)).catch(() => undefined);
    this.store.apply({ type: "discarded", operationId }, "now");
    this.#keep(operationId);
  }

  /** Stops what is answered, and what is on its way to be: that is stopped when it has come. */
  stopAll(): void {
    for (const { operationId, status } of this.store.latest.pending)
      if (status !== "failed") this.#stopping.add(operationId);
    void this.change("stop", {});
  }

  #keep(operationId: string): void {
    this.#unsent.keep(operationId, this.store.latest.pending);
  }

  async #send({
    operationId,
    text,
    pictures = [],
    sounds = [],
    files = [],
    shown: known = [],
    parent,
  }: Omit<PendingSay, "status" | "afterSeq">): Promise<void> {
    const named = (all: readonly { readonly hash: string; readonly text: string }[]) =>
      all.map((one) => ({ hash: one.hash, text: cleaned(one.text.trim(), "line") }));
    const shown = pictures.length > 0 && { pictures: named(pictures) };
    const where = parent !== undefined && { parent };
    const ids = [...known, ...files].flatMap(({ id }) => id ?? []);
    const said = {
      text,
      ...shown,
      ...(sounds.length > 0 && { sounds: named(sounds) }),
      ...(ids.length > 0 && { files: ids }),
      ...where,
    };
    const result = await this.#client.call("agent.say", this.agent, said, { operationId });
    if (this.#stopping.delete(operationId) && result.ok) void this.change("stop", {});
    if (result.ok) {
      this.store.apply({ type: "said", operationId });
      if (parent !== undefined) this.store.apply({ type: "chosen", turn: result.value.turn });
    } else this.store.apply({ type: "sayFailed", operationId, failure: result.error });
    this.#keep(operationId);
  }

  /** Loads one more page of the conversation; calls during a load share it. */
  loadOlder(): Promise<void> {
    this.#loadingOlder ??= this.#loadOlder().finally(() => {
      this.#loadingOlder = undefined;
    });
    return this.#loadingOlder;
  }

  async #loadOlder(): Promise<void> {
    const { look } = this.store.latest;
    const { turns, older } = readHere(this.store.latest);
    const before = turns[0]?.turn;
    if (before === undefined || !older) return;
    const parameters = { before, limit: historyPage, ...(look !== undefined && { of: before }) };
    const result = await this.#client.call("agent.history", this.agent, parameters);
    if (result.ok) this.store.apply({ type: "older", before, history: result.value }, "now");
    else notices.fail(result.error, "look");
  }

  /** Reads the path of a turn: where that is not the one that is shown, in a look of this page's own. False: there is
   *  no such turn. */
  async lookAt(turn: number): Promise<boolean> {
    if (isShownTurn(this.store.latest, turn)) {
      this.store.apply({ type: "lookedAway" }, "now");
      return true;
    }
    const result = await this.#client.call("agent.history", this.agent, { of: turn, limit: historyPage });
    if (!result.ok) notices.fail(result.error, "look");
    else this.store.apply({ type: "looked", of: turn, history: result.value }, "now");
    return result.ok && result.value.turns.length > 0;
  }

  /** Back to the path that is shown. */
  lookAway(): void {
    this.store.apply({ type: "lookedAway" }, "now");
  }

  /** Shows the newest branch that has a turn, here and in every tab. */
  async choose(turn: number): Promise<void> {
    const result = await this.change("branch", { turn });
    if (result.ok) this.store.apply({ type: "chosen", turn: result.value.leaf }, "now");
  }

  /** Has an answer written anew: of the path that is shown the last one. */
  async regenerate(turn: number): Promise<void> {
    const result = await this.change("regenerate", this.store.latest.look === undefined ? {} : { turn });
    if (result.ok) this.store.apply({ type: "chosen", turn: result.value.turn }, "now");
  }

  /** The turn with a number, on whichever path it is; undefined: it is gone. Throws, as queries do. */
  async turn(turn: number): Promise<ConversationTurn | undefined> {
    const known = readHere(this.store.latest).turns.find((one) => one.turn === turn);
    if (known !== undefined) return known;
    const result = await this.#client.call("agent.history", this.agent, { of: turn, before: turn + 1, limit: 1 });
    if (!result.ok) throw new Error(result.error.message);
    return result.value.turns.find((one) => one.turn === turn);
  }

  /** What the agent took of models. Throws, as queries do, when it cannot be said. */
  async usage(): Promise<AgentUsage> {
    const result = await this.#client.call("agent.usage", this.agent, {});
    if (!result.ok) throw new Error(result.error.message);
    return result.value;
  }

  /** The conversations with the agent, with the first one alone, too. Throws, as queries do. */
  async conversations(): Promise<AgentConversations> {
    const result = await this.#client.call("agent.conversations", this.agent, {});
    if (!result.ok) throw new Error(result.error.message);
    return result.value;
  }

  /** stop, regenerate, clear, update; a refusal is shown. */
  async change<Name extends CommandsOf<"agent", "changes">>(
    command: Name,
    parameters: ParametersOf<`agent.${Name}`>,
    /** Takes a refusal that has its own place. */
    on?: (refusal: Failure) => boolean,
  ): Promise<Result<AnswerOf<`agent.${Name}`>>> {
    const result = await this.#client.call(`agent.${command}`, this.agent, parameters);
    if (!result.ok && result.error.code !== "ALREADY_DONE" && on?.(result.error) !== true) notices.fail(result.error);
    return result;
  }
}
