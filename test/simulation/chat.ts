import type { ActorId, AgentHistory, AgentView, Posted, RoomHistory, RoomResumed } from "../../protocols/index.ts";
import { Caller, paced, type Entrance, type Pace } from "./caller.ts";
import type { CheckerName, LedgerWatch } from "./checkers.ts";
import type { ResumedStream, Stream } from "./follower.ts";
import { simulatedText } from "./runtime.ts";
import type { World } from "./world.ts";

/** The second workload: people who chat. The same faults, the real kinds: a room, users, agents. */

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
    const { type, message } = event as { type: string; message?: { seq: number; text: string } };
    if (type === "posted" && message) this.#around.ledgers.saw(lobby, message.seq, message.text, "room event");
  }

  async resume(after: number): Promise<ResumedStream | undefined> {
    for (;;) {
      const result = await this.#reader.untilKnown(lobby, { type: "resume", after });
      if (result === undefined) return undefined;
      if (result.ok) {
        const { head, events, more } = result.value as RoomResumed;
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
  readonly #said = new Set<string>();

  constructor(name: string, pace: Pace, room: RoomWatch, around: ChatSurroundings) {
    this.caller = new Caller(name, `user/${name}`, around);
    this.#agent = `agent/${name}.helper`;
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
    await paced(this.#around, this.#pace, () => this.#command());
    this.finished = true;
  }

  async #command(): Promise<void> {
    const { dice } = this.#around.world;
    const { caller } = this;
    const seq = 1 + dice.below(this.#around.ledgers.highest(lobby) + 1);
    switch (
      dice.weighted({ post: 10, react: 3, pin: 1, read: 3, say: 4, stop: 1, regenerate: 1, rooms: 2, history: 3 })
    ) {
      case "post":
        return this.#post();
      case "react":
        return void (await caller.untilKnown(lobby, { type: "react", seq, emoji: "+1", on: true }, caller.operation()));
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
    }
  }

  async #post(): Promise<void> {
    const { ledgers } = this.#around;
    const text = this.caller.token();
    ledgers.sending(lobby, [text]);
    const operation = this.caller.operation();
    const result = await this.caller.untilKnown(lobby, { type: "post", text }, operation);
    if (result === undefined) return;
    ledgers.answered(`${this.caller.name} ${operation}`, result);
    if (!result.ok) return ledgers.refusedForGood([text]);
    const { seq, at } = result.value as Posted;
    ledgers.acknowledged(lobby, seq, [text]);
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
    for (const { seq, text } of messages) ledgers.saw(lobby, seq, text, "history");
    if ((messages.at(-1)?.seq ?? 0) < known) {
      this.#violate("answer-not-stale", `the history ends at ${messages.at(-1)?.seq}, ${known} was acknowledged`);
    }
  }

  // --- the end -------------------------------------------------------------------------------------------------------

  /** True when the agent has answered all it was told. */
  async promisesKept(): Promise<boolean> {
    const found = await this.caller.untilKnown(this.#agent, { type: "describe" });
    return found?.ok !== true || !(found.value as AgentView).busy;
  }

  /** Reads the room and the conversation whole. */
  async audit(): Promise<void> {
    const { ledgers } = this.#around;
    const rows: (readonly [number, string])[] = [];
    for (;;) {
      const result = await this.caller.untilKnown(lobby, { type: "history", after: rows.at(-1)?.[0] ?? 0, limit: 20 });
      if (result?.ok !== true) return;
      const { messages, more } = result.value as RoomHistory;
      rows.push(...messages.map(({ seq, text }) => [seq, text] as const));
      if (!more || messages.length === 0) break;
    }
    ledgers.auditRows(lobby, rows);
    const told = await this.caller.untilKnown(this.#agent, { type: "history", limit: 200 });
    if (told?.ok !== true) return;
    const { turns } = told.value as AgentHistory;
    for (const text of this.#said) {
      const at = turns.findIndex((turn) => turn.role === "user" && turn.text === text);
      if (at < 0) this.#violate("acknowledged-kept", `${this.#agent} lost ${text}`);
      const answer = turns[at + 1];
      if (answer?.end === "complete" && answer.text.trim() !== simulatedText(text).join("").trim()) {
        this.#violate("generation-whole", `${this.#agent} answered "${answer.text}" to ${text}`);
      }
    }
  }

  #violate(checker: CheckerName, detail: string): void {
    this.#around.world.violate(checker, detail);
  }
}
