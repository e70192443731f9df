import type {
  ActorId,
  AgentEvent,
  AgentHistory,
  AgentState as AgentSnapshot,
  AgentView,
  PollResults,
  Posted,
  RoomEvent,
  RoomHistory,
  RoomMessage,
  Resumed,
  RoomState,
  ToolRound,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import { actorLimits } from "../../actors/limits.ts";
import { Caller, paced, type Entrance, type Pace } from "./caller.ts";
import type { CheckerName, LedgerWatch } from "./checkers.ts";
import type { ResumedStream, Stream } from "./follower.ts";
import { faultInSimulated, judgeMentions } from "./mentions.ts";
import { simulatedCalls, simulatedText } from "./runtime.ts";
import type { World } from "../world/index.ts";

/** The second workload: people who chat. The same faults, the real kinds: a room, users, agents. */

/** Once everything else is quiet, a mention is settled within this. */
const mentionMsMax = 60_000;

export const lobby: ActorId = "room/lobby";

/** What people know together. */
export interface ChatSurroundings {
  readonly world: World;
  readonly entrance: Entrance;
  readonly ledgers: LedgerWatch;
}

const tokensOf = (text: string): readonly string[] => text.match(/t:[a-z0-9]+\.[0-9]+;/g) ?? [];

/** What is known of the room's stream: an event at a position is the same for everybody, for ever. */
export class RoomWatch implements Stream {
  readonly topic = lobby;
  readonly #events = new Map<number, string>();
  readonly #answers = new Map<number, string>();
  readonly #reader: Caller;
  readonly #around: ChatSurroundings;
  #highest = 0;

  constructor(reader: Caller, around: ChatSurroundings) {
    this.#reader = reader;
    this.#around = around;
  }

  told(at: number): void {
    this.#highest = Math.max(this.#highest, at);
  }

  highest(): number {
    return this.#highest;
  }

  saw(at: number, event: unknown): void {
    const text = JSON.stringify(event);
    const known = this.#events.get(at) ?? text;
    if (known !== text) this.#around.world.violate("stream-whole", `${lobby}@${at} was ${known} and is ${text}`);
    this.#events.set(at, text);
    for (const token of tokensOf(text)) this.#around.ledgers.durable(token, `${lobby}@${at}`);
    const { type, message } = event as { type: string; message?: RoomMessage };
    if (type === "posted" && message) this.reads(message, "room event");
  }

  /** Somebody reads a message; gives its token, if a person wrote it. */
  reads({ seq, author, text }: RoomMessage, where: string): string | undefined {
    const [token] = tokensOf(text);
    if (author.startsWith("user/") && token !== undefined) {
      this.#around.ledgers.saw(lobby, seq, token, where);
      return token;
    }
    const known = this.#answers.get(seq) ?? text;
    if (known !== text)
      this.#around.world.violate("acknowledged-kept", `${where}: ${lobby}#${seq} was ${known} and is ${text}`);
    this.#answers.set(seq, text);
    return undefined;
  }

  async resume(after: number): Promise<ResumedStream | undefined> {
    for (;;) {
      const result = await this.#reader.untilKnown(lobby, { type: "resume", after });
      if (result === undefined) return undefined;
      if (result.ok) {
        const { head, events, more } = result.value as Resumed<RoomState, RoomEvent>;
        return { head, events: events?.map(({ at, event }) => [at, event] as const), more: more ?? false };
      }
      // Before it has joined: nothing to read yet.
      await this.#reader.pause();
    }
  }
}

/** A person with an agent. Sends commands until their outcome is known; at the end everything acknowledged is there. */
export class Person {
  readonly caller: Caller;
  finished = false;
  readonly #around: ChatSurroundings;
  readonly #room: RoomWatch;
  readonly #pace: Pace;
  readonly #agent: ActorId;
  /** Comes and goes; only rooms talk to it. */
  readonly #scribe: ActorId;
  readonly #said = new Set<string>();
  /** The last acknowledged vote in each poll. */
  readonly #votes = new Map<number, readonly number[]>();
  #owedSinceMs: number | undefined;

  constructor(name: string, pace: Pace, room: RoomWatch, around: ChatSurroundings) {
    this.caller = new Caller(name, `user/${name}`, around);
    this.#agent = `agent/${name}.helper`;
    this.#scribe = `agent/${name}.scribe`;
    this.#pace = pace;
    this.#room = room;
    this.#around = around;
  }

  async run(): Promise<void> {
    const { caller } = this;
    const gateway = new Caller(caller.name, "gateway", this.#around);
    const account = { type: "create", displayName: caller.name, passwordHash: "$argon2id$simulated" };
    await gateway.untilKnown(caller.sender as ActorId, account, `sign-up-${caller.name}`);
    await caller.untilKnown(lobby, { type: "create", title: "Lobby" }, caller.operation());
    await caller.untilKnown(lobby, { type: "join" }, caller.operation());
    await caller.untilKnown(caller.sender as ActorId, { type: "createAgent", name: "helper" }, caller.operation());
    await caller.untilKnown(lobby, { type: "invite", member: this.#agent }, caller.operation());
    await paced(this.#around, this.#pace, () => this.#command());
    this.finished = true;
  }

  async #command(): Promise<void> {
    const { dice } = this.#around.world;
    const { caller } = this;
    const seq = 1 + dice.below(this.#around.ledgers.highest(lobby) + 1);
    switch (
      dice.weighted({
        post: 10,
        react: 3,
        poll: 1,
        vote: 3,
        close: 1,
        pin: 1,
        read: 3,
        say: 4,
        stop: 1,
        regenerate: 1,
        rooms: 2,
        history: 3,
        scribe: 2,
      })
    ) {
      case "post":
        return this.#post();
      case "react":
        return void (await caller.untilKnown(
          lobby,
          { type: "react", seq, emoji: seq % 2 === 0 ? "❤" : "❤️", on: true },
          caller.operation(),
        ));
      case "poll":
        return this.#poll();
      case "vote":
        return this.#vote(1 + dice.below(seq));
      case "close":
        return void (await caller.untilKnown(lobby, { type: "closePoll", seq }, caller.operation()));
      case "pin":
        return void (await caller.untilKnown(lobby, { type: "pin", seq, on: true }, caller.operation()));
      case "read":
        return void (await caller.untilKnown(lobby, { type: "markRead", seq }, caller.operation()));
      case "say":
        return this.#say();
      case "stop":
        return void (await caller.once(this.#agent, { type: "stop" }, caller.operation()));
      case "regenerate":
        return void (await caller.once(this.#agent, { type: "regenerate" }, caller.operation()));
      case "rooms":
        return void (await caller.once(caller.sender as ActorId, { type: "rooms" }));
      case "history":
        return this.#history();
      case "scribe":
        return this.#moveScribe();
    }
  }

  async #moveScribe(): Promise<void> {
    const { caller } = this;
    const member = this.#scribe;
    const agent = member.slice("agent/".length);
    const own = caller.sender as ActorId;
    switch (this.#around.world.dice.weighted({ come: 3, leave: 1, end: 1 })) {
      case "come":
        await caller.untilKnown(own, { type: "createAgent", name: "scribe" }, caller.operation());
        return void (await caller.untilKnown(lobby, { type: "invite", member }, caller.operation()));
      case "leave":
        return void (await caller.untilKnown(lobby, { type: "remove", member }, caller.operation()));
      case "end":
        return void (await caller.untilKnown(own, { type: "deleteAgent", agent }, caller.operation()));
    }
  }

  /** Nobody, or some of those who may be there. */
  #mentions(): string {
    const { dice } = this.#around.world;
    if (dice.chance(0.4)) return "";
    return Array.from(
      { length: 1 + dice.below(2) },
      () => ` @p${dice.below(3)}.${dice.pick(["helper", "helper", "scribe"])}`,
    ).join("");
  }

  #post(): Promise<void> {
    const { ledgers } = this.#around;
    const { dice } = this.#around.world;
    const replyTo = dice.chance(0.2) ? 1 + dice.below(ledgers.highest(lobby) + 1) : undefined;
    return this.#write((token) => ({
      type: "post",
      text: token + this.#mentions(),
      ...(replyTo !== undefined && { replyTo }),
    }));
  }

  #poll(): Promise<void> {
    const multiple = this.#around.world.dice.chance(0.5);
    return this.#write((question) => ({ type: "poll", question, options: ["a", "b", "c"], multiple }));
  }

  /** Votes in a message that is perhaps a poll, for what is perhaps allowed. */
  async #vote(seq: number): Promise<void> {
    const { dice } = this.#around.world;
    const choices = [0, 1, 2, 3].filter(() => dice.chance(0.3));
    // Until the outcome is known, it may be the old vote or the new one.
    const before = this.#votes.get(seq);
    this.#votes.delete(seq);
    const result = await this.caller.untilKnown(lobby, { type: "vote", seq, choices }, this.caller.operation());
    if (result?.ok === true) this.#votes.set(seq, choices);
    else if (result !== undefined && before !== undefined) this.#votes.set(seq, before);
  }

  /** Sends a message, known by its token from then on. */
  async #write(commandWith: (token: string) => Message): Promise<void> {
    const { ledgers } = this.#around;
    const token = this.caller.token();
    ledgers.sending(lobby, [token]);
    const operation = this.caller.operation();
    const command = commandWith(token);
    const result = await this.caller.untilKnown(lobby, command, operation);
    if (result === undefined) return;
    ledgers.answered(`${this.caller.name} ${operation}`, result);
    if (!result.ok) return ledgers.refusedForGood([token]);
    const { seq, at } = result.value as Posted;
    ledgers.acknowledged(lobby, seq, [token]);
    this.#room.told(at);
  }

  async #say(): Promise<void> {
    const text = this.caller.token();
    const result = await this.caller.untilKnown(this.#agent, { type: "say", text }, this.caller.operation());
    if (result?.ok !== true) return;
    this.#around.ledgers.durable(text, "reply to say");
    this.#said.add(text);
  }

  async #history(): Promise<void> {
    const { ledgers } = this.#around;
    const known = ledgers.highest(lobby);
    const result = await this.caller.once(lobby, { type: "history", limit: 10 });
    if (typeof result === "string" || !result.ok) return;
    const { messages } = result.value as RoomHistory;
    for (const message of messages) this.#room.reads(message, "history");
    if ((messages.at(-1)?.seq ?? 0) < known) {
      this.#violate("answer-not-stale", `the history ends at ${messages.at(-1)?.seq}, ${known} was acknowledged`);
    }
  }

  // --- the end -------------------------------------------------------------------------------------------------------

  /** True when the agent has answered all it was told, and every mention in the room is settled. */
  async promisesKept(): Promise<boolean> {
    const found = await this.caller.untilKnown(this.#agent, { type: "describe" });
    if (found?.ok === true && (found.value as AgentView).busy) return false;
    const { world, entrance } = this.#around;
    const messages = await this.#readRoom();
    // Where data is damaged, an agent may be out of reach for good.
    if (messages === undefined || entrance.rotten()) return true;
    const { open, wrong } = judgeMentions(messages, faultInSimulated);
    if (wrong !== undefined) this.#violate("mention-settled", wrong);
    this.#owedSinceMs = open.length === 0 ? undefined : (this.#owedSinceMs ?? world.nowMs);
    if (this.#owedSinceMs !== undefined && world.nowMs - this.#owedSinceMs > mentionMsMax)
      this.#violate("mention-settled", `nobody settles ${open.join(", ")}`);
    return open.length === 0;
  }

  /** All messages; undefined when the room's data is damaged. */
  async #readRoom(): Promise<readonly RoomMessage[] | undefined> {
    const read: RoomMessage[] = [];
    for (;;) {
      const result = await this.caller.untilKnown(lobby, { type: "history", after: read.at(-1)?.seq ?? 0, limit: 20 });
      if (result?.ok !== true) return undefined;
      const { messages, more } = result.value as RoomHistory;
      read.push(...messages);
      if (!more || messages.length === 0) return read;
    }
  }

  /** Reads the room and the conversation whole. */
  async audit(): Promise<void> {
    const { ledgers } = this.#around;
    const messages = await this.#readRoom();
    if (messages === undefined) return;
    ledgers.auditRows(
      lobby,
      messages.map((message) => [message.seq, this.#room.reads(message, "audit")]),
    );
    for (const [seq, choices] of this.#votes) {
      const found = await this.caller.untilKnown(lobby, { type: "pollResults", seq });
      if (found?.ok !== true) continue;
      const { poll, choices: kept } = found.value as PollResults;
      if (poll.closedAtMs === undefined && JSON.stringify(kept) !== JSON.stringify(choices))
        this.#violate("acknowledged-kept", `${lobby}#${seq} has the vote ${kept.join()}, not ${choices.join()}`);
    }
    const told = await this.caller.untilKnown(this.#agent, { type: "history", limit: 200 });
    if (told?.ok !== true) return;
    const { turns } = told.value as AgentHistory;
    for (const text of this.#said) {
      const at = turns.findIndex((turn) => turn.role === "user" && turn.text === text);
      if (at < 0) this.#violate("acknowledged-kept", `${this.#agent} lost ${text}`);
      const answer = turns[at + 1];
      const whole = simulatedText(text).join("").trim();
      if (answer?.end === "length" && (simulatedCalls(text) !== "always" || !answer.text.includes("I stopped here: ")))
        this.#violate("answer-ends-once", `${this.#agent} answered "${answer.text}" to ${text}`);
      if (answer?.end === "complete" && answer.text.trim() !== whole) {
        this.#violate("call-whole", `${this.#agent} answered "${answer.text}" to ${text}`);
      }
    }
    await this.#auditAnswers();
  }

  /** Reads the agent's events from the beginning, where they are kept: each answer ends once, with the rounds that it
   *  went through. */
  async #auditAnswers(): Promise<void> {
    const rounds = new Map<string, ToolRound[]>();
    const ended = new Set<string>();
    const asked = new Map<number, string>();
    const answered = new Map<number, string>();
    for (let after = 0; ;) {
      const result = await this.caller.untilKnown(this.#agent, { type: "resume", after });
      if (result?.ok !== true) return;
      const { events = [], more } = result.value as Resumed<AgentSnapshot, AgentEvent>;
      for (const { at, event } of events) {
        after = at;
        if (event.type === "said") asked.set(event.turn.turn, event.turn.text);
        if (event.type !== "generationStarted" && event.type !== "answered") continue;
        const { generation } = event;
        const wrong = (what: string) => this.#violate("answer-ends-once", `${generation}@${at} ${what}`);
        if (ended.has(generation)) wrong("goes on after its end");
        const before = rounds.get(generation) ?? [];
        if (event.type === "generationStarted") {
          rounds.set(generation, event.round === undefined ? before : [...before, event.round]);
          if (before.length > actorLimits.toolRoundsMax) wrong(`called tools ${before.length} times`);
          const results = event.round?.calls.map(({ result }) => result) ?? [];
          if (event.round && results.join() !== String(2 * before.length)) wrong(`was told ${results.join()}`);
          continue;
        }
        ended.add(generation);
        const { turn } = event;
        // Stopped before its first word: the answer before it stays.
        const stays = answered.get(turn.turn) === JSON.stringify(turn);
        answered.set(turn.turn, JSON.stringify(turn));
        if (stays) continue;
        const isWhole = turn.end === "complete" || turn.end === "length";
        if (isWhole && JSON.stringify(turn.rounds ?? []) !== JSON.stringify(before))
          wrong("has not the rounds it went through");
        const calls = simulatedCalls(asked.get(turn.parent ?? turn.turn - 1) ?? "");
        const due = calls === "always" ? actorLimits.toolRoundsMax : calls === "never" ? 0 : calls;
        if (isWhole && before.length !== due) wrong(`called tools ${before.length} times, not ${due}`);
      }
      if (more !== true) return;
    }
  }

  #violate(checker: CheckerName, detail: string): void {
    this.#around.world.violate(checker, detail);
  }
}
