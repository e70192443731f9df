import { errorTable, type ActorId, type Result } from "../../protocols/index.ts";
import type { AlarmList, LedgerHead, LedgerPage, LedgerResumed, WriterList } from "./behaviors.ts";
import { askTimeoutMs, Caller, paced, type Entrance } from "./caller.ts";
import type { CheckerName, LedgerWatch } from "./checkers.ts";
import type { ResumedStream } from "./follower.ts";
import type { Plan } from "./plan.ts";
import { simulatedText } from "./runtime.ts";
import type { World } from "../world/index.ts";

/** What clients know together. */
export interface Surroundings {
  readonly world: World;
  readonly plan: Pick<Plan, "commandsPerClient" | "thinkMs" | "actors" | "poison"> & { readonly lingerMs?: number };
  readonly entrance: Entrance;
  readonly ledgers: LedgerWatch;
}

/** A client: sends commands one after the other, each until its outcome is known, and remembers what it was told. */
export class Client {
  readonly name: string;
  finished = false;
  readonly alarms = new Map<string, { readonly alarm: ActorId; readonly dueMs: number }>();
  readonly texts = new Map<string, { readonly writer: ActorId; readonly prompt: string }>();
  readonly #around: Surroundings;
  readonly #caller: Caller;

  constructor(name: string, around: Surroundings) {
    this.name = name;
    this.#around = around;
    this.#caller = new Caller(name, `user/${name}`, around);
  }

  /** Actors whose data was named as damaged. */
  get gaveUp(): ReadonlySet<ActorId> {
    return this.#caller.gaveUp;
  }

  /** Sends all its commands. */
  async run(): Promise<void> {
    const { commandsPerClient, thinkMs, lingerMs } = this.#around.plan;
    await paced(this.#around, { commands: commandsPerClient, thinkMs, lingerMs }, () => this.#command());
    this.finished = true;
  }

  async #command(): Promise<void> {
    const { dice } = this.#around.world;
    const { actors, poison } = this.#around.plan;
    const ledger = dice.pick(actors.ledgers);
    const kind = dice.weighted({
      append: 20,
      twice: 4,
      burst: 5,
      head: 8,
      page: 4,
      forward: 6,
      announce: 4,
      chain: 3,
      alarm: 5,
      write: 4,
      wave: 2,
      decline: 1,
      leave: 2,
      forget: 1,
      poison: poison ? 4 : 0,
    });
    switch (kind) {
      case "append":
        return this.#append(ledger, dice.chance(0.2) ? 3 : 1);
      case "twice":
        return this.#appendTwice(ledger);
      case "burst":
        return this.#burst(ledger);
      case "head":
        return this.#head(ledger);
      case "page":
        return this.#page(ledger);
      case "forward":
        return this.#forward(dice.pick(actors.relays), ledger);
      case "announce":
        return this.#announce(dice.pick(actors.relays), ledger);
      case "chain":
        return this.#chain();
      case "alarm":
        return this.#alarm(dice.pick(actors.alarms));
      case "write":
        return this.#write(dice.pick(actors.writers));
      case "wave":
      case "decline":
      case "leave":
      case "poison":
        await this.#caller.once(ledger, { type: kind });
        return;
      case "forget":
        await this.#caller.once(ledger, {
          type: "forget",
          through: Math.floor(this.#around.ledgers.highest(ledger) / 2),
        });
        return;
    }
  }

  // --- commands ------------------------------------------------------------------------------------------------------

  /** Appends one record, however often it must be sent. */
  append(ledger: ActorId): Promise<void> {
    return this.#append(ledger, 1);
  }

  async #append(ledger: ActorId, count: number): Promise<void> {
    const tokens = Array.from({ length: count }, () => this.#caller.token());
    this.#around.ledgers.sending(ledger, tokens);
    const operationId = this.#caller.operation();
    const result = await this.#caller.untilKnown(ledger, { type: "append", tokens }, operationId);
    if (result === undefined) return;
    this.#appended(ledger, tokens, operationId, result);
    // A late repetition, as a client sends that lost the answer: late enough for the actor to be elsewhere by then.
    const { dice } = this.#around.world;
    if (result.ok && dice.chance(0.15)) {
      await this.#around.world.sleep(dice.between(0, dice.pick([300, 1_500])));
      const again = await this.#caller.untilKnown(ledger, { type: "append", tokens }, operationId);
      if (again !== undefined) this.#appended(ledger, tokens, operationId, again);
    }
  }

  /** The same command twice at the same time. */
  async #appendTwice(ledger: ActorId): Promise<void> {
    const tokens = [this.#caller.token()];
    this.#around.ledgers.sending(ledger, tokens);
    const operationId = this.#caller.operation();
    const results = await Promise.all([
      this.#caller.untilKnown(ledger, { type: "append", tokens }, operationId),
      this.#caller.untilKnown(ledger, { type: "append", tokens }, operationId),
    ]);
    for (const result of results) if (result !== undefined) this.#appended(ledger, tokens, operationId, result);
  }

  /** Several commands without waiting and without repeating, at once or one after the other: what was taken was taken
   *  in the order sent. */
  async #burst(ledger: ActorId): Promise<void> {
    const { world, ledgers } = this.#around;
    const { dice } = world;
    const tokens = Array.from({ length: 2 + dice.below(8) }, () => this.#caller.token());
    const pauseMaxMs = dice.chance(0.5) ? dice.pick([10, 50, 200]) : 0;
    // Whoever is refused may go on at another node, and overtake itself.
    let refused = false;
    const send = async (token: string): Promise<number | undefined> => {
      const result = await this.#caller.once(ledger, { type: "append", tokens: [token] }, this.#caller.operation());
      refused ||= typeof result === "string" || !result.ok;
      if (typeof result === "string") return undefined;
      if (result.ok) {
        const { first } = result.value as { first: number };
        ledgers.acknowledged(ledger, first, [token]);
        return first;
      }
      if (errorTable[result.error.code].outcome !== "unknown") ledgers.refusedForGood([token]);
      return undefined;
    };
    const sent: Promise<number | undefined>[] = [];
    for (const token of tokens) {
      if (sent.length > 0 && pauseMaxMs > 0) await world.sleep(dice.between(0, pauseMaxMs));
      if (refused) break;
      ledgers.sending(ledger, [token]);
      sent.push(send(token));
    }
    const taken = await Promise.all(sent);
    const positions = taken.filter((position) => position !== undefined);
    if (positions.some((position, index) => position <= (positions[index - 1] ?? 0))) {
      this.#violate(
        "sender-order",
        `${this.name} sent ${tokens.join(" ")} to ${ledger}; they stand at ${positions.join(" ")}`,
      );
    }
  }

  async #head(ledger: ActorId): Promise<void> {
    const { ledgers } = this.#around;
    const known = ledgers.highest(ledger);
    const result = await this.#caller.once(ledger, { type: "head" });
    if (typeof result === "string" || !result.ok) return;
    const head = result.value as LedgerHead;
    if (head.last !== undefined) ledgers.saw(ledger, head.count, head.last, "head");
    if (head.count < known) {
      this.#violate(
        "answer-not-stale",
        `${ledger} answered count ${head.count} when ${known} was acknowledged before the question`,
      );
    }
  }

  async #page(ledger: ActorId): Promise<void> {
    const { ledgers, world } = this.#around;
    const known = ledgers.highest(ledger);
    const back = world.dice.chance(0.5);
    const after = back ? known + 1 : world.dice.below(known + 1);
    const result = await this.#caller.once(ledger, { type: "page", after, limit: 5, back });
    if (typeof result === "string" || !result.ok) return;
    const { rows } = result.value as LedgerPage;
    for (const [position, token] of rows) ledgers.saw(ledger, position, token, "page");
    const step = back ? -1 : 1;
    if (rows.some(([position], index) => index > 0 && position !== (rows[index - 1]?.[0] ?? 0) + step)) {
      this.#violate(
        "acknowledged-kept",
        `a page of ${ledger} has a gap: ${rows.map(([position]) => position).join(" ")}`,
      );
    }
    if (back && known > 0 && rows[0]?.[0] !== known && (await this.#floor(ledger)) < known) {
      this.#violate("answer-not-stale", `the last record of ${ledger} is ${rows[0]?.[0]}, ${known} was acknowledged`);
    }
  }

  async #forward(relay: ActorId, ledger: ActorId): Promise<void> {
    const token = this.#caller.token();
    this.#around.ledgers.sending(ledger, [token]);
    const operationId = this.#caller.operation();
    const message = { type: "forward", token, to: ledger, timeoutMs: askTimeoutMs / 2 };
    for (;;) {
      const result = await this.#caller.untilKnown(relay, message, operationId);
      if (result === undefined) return;
      // The relay passes on why the ledger refused; what was passed on is final only if that was.
      const again = !result.ok && !this.#around.entrance.rotten();
      if (!again) {
        this.#appended(ledger, [token], operationId, result);
        return;
      }
      await this.#caller.pause();
    }
  }

  async #announce(relay: ActorId, ledger: ActorId): Promise<void> {
    const token = this.#caller.token();
    const result = await this.#caller.untilKnown(
      relay,
      { type: "announce", token, to: ledger },
      this.#caller.operation(),
    );
    if (result?.ok === true) this.#around.ledgers.durable(token, "reply to announce");
  }

  async #chain(): Promise<void> {
    const { world, plan, entrance } = this.#around;
    const path = Array.from({ length: 1 + world.dice.below(4) }, () => world.dice.pick(plan.actors.relays));
    const [first, ...rest] = path;
    const calm = !entrance.faulty();
    const timeoutMs = askTimeoutMs / 2;
    const result = await this.#caller.once(first as ActorId, { type: "chain", path: rest, timeoutMs });
    if (typeof result === "string") return;
    const cyclic = new Set(path).size < path.length;
    if (cyclic && result.ok) this.#violate("cycle-refused", `${path.join(" > ")} was answered`);
    if (calm && !cyclic && !result.ok && result.error.code === "CALL_CYCLE") {
      this.#violate("cycle-refused", `${path.join(" > ")} has no cycle and was refused`);
    }
  }

  async #alarm(alarm: ActorId): Promise<void> {
    const { world } = this.#around;
    const id = `${this.name}-${this.#caller.nextSerial()}`;
    const message = {
      type: "set",
      id,
      delayMs: Math.floor(world.dice.between(0, 1_500)),
      rings: 1 + world.dice.below(3),
    };
    const result = await this.#caller.untilKnown(alarm, message, this.#caller.operation());
    if (result?.ok === true) this.alarms.set(id, { alarm, dueMs: (result.value as { dueMs: number }).dueMs });
    if (result?.ok !== true || !world.dice.chance(0.2)) return;
    // Taken back, or too late for that: either way it is no longer waited for.
    this.alarms.delete(id);
    await this.#caller.untilKnown(alarm, { type: "unset", id }, this.#caller.operation());
  }

  async #write(writer: ActorId): Promise<void> {
    const { world } = this.#around;
    const id = `${this.name}-${this.#caller.nextSerial()}`;
    const prompt = `p${id}`;
    const result = await this.#caller.untilKnown(writer, { type: "write", id, prompt }, this.#caller.operation());
    if (result?.ok !== true) return;
    this.texts.set(id, { writer, prompt });
    if (world.dice.chance(0.2)) await this.#caller.once(writer, { type: "cancel", id });
  }

  // --- the end: what must be there -----------------------------------------------------------------------------------

  /** Alarms that must ring and texts that must end, whether anybody asks for them or not. */
  expected(): readonly string[] {
    return [...this.alarms.keys(), ...this.texts.keys()];
  }

  /** True when nothing of what it was promised is still to come. Call when the faults are over. */
  async promisesKept(): Promise<boolean> {
    const alarms = await this.#lists<AlarmList>(new Set([...this.alarms.values()].map(({ alarm }) => alarm)));
    const texts = await this.#lists<WriterList>(new Set([...this.texts.values()].map(({ writer }) => writer)));
    for (const [id, { alarm }] of this.alarms) {
      const list = alarms.get(alarm);
      if (list !== undefined && !list.rung.includes(id)) return false;
    }
    for (const [id, { writer, prompt }] of this.texts) {
      const list = texts.get(writer);
      if (list === undefined) continue;
      const end = list.finished[id];
      if (end === undefined) return false;
      const whole = simulatedText(prompt).join("");
      if (end.end === "complete" ? end.text !== whole : !whole.startsWith(end.text)) {
        this.#violate("call-whole", `${id} ended ${end.end} with "${end.text}" of "${whole}"`);
      }
    }
    return true;
  }

  /** What alarms and texts are still missing, for the report. */
  describeMissing(): string {
    return `${this.name}: alarms ${[...this.alarms.keys()].join(" ")}; texts ${[...this.texts.keys()].join(" ")}`;
  }

  async #lists<T>(actors: ReadonlySet<ActorId>): Promise<Map<ActorId, T>> {
    const lists = new Map<ActorId, T>();
    for (const actor of actors) {
      const result = await this.#caller.untilKnown(actor, { type: "list" });
      if (result?.ok === true) lists.set(actor, result.value as T);
    }
    return lists;
  }

  /** Reads a ledger whole and compares it with all that is known of it. */
  async audit(ledger: ActorId): Promise<void> {
    const { ledgers } = this.#around;
    const found = await this.#caller.untilKnown(ledger, { type: "head" });
    if (found?.ok !== true) return;
    const head = found.value as LedgerHead;
    const rows: (readonly [number, string])[] = [];
    for (let after = head.floor; after < head.count;) {
      const result = await this.#caller.untilKnown(ledger, { type: "page", after, limit: 20, back: false });
      if (result?.ok !== true) return;
      const page = (result.value as LedgerPage).rows;
      rows.push(...page);
      if (page.length === 0) break;
      after = page.at(-1)?.[0] ?? head.count;
    }
    ledgers.audit(ledger, head, rows);
  }

  /** The events of a ledger after a cursor; undefined when the ledger is damaged. */
  async resume(ledger: ActorId, after: number): Promise<ResumedStream | undefined> {
    const result = await this.#caller.untilKnown(ledger, { type: "resume", after });
    return result?.ok === true ? (result.value as LedgerResumed) : undefined;
  }

  // --- sending -------------------------------------------------------------------------------------------------------

  #appended(ledger: ActorId, tokens: readonly string[], operation: string, result: Result<unknown>): void {
    const { ledgers } = this.#around;
    ledgers.answered(`${this.name} ${operation}`, result);
    if (result.ok) ledgers.acknowledged(ledger, (result.value as { first: number }).first, tokens);
    else if (result.error.outcome === "failed" && result.error.details?.["relayed"] !== true)
      ledgers.refusedForGood(tokens);
  }

  async #floor(ledger: ActorId): Promise<number> {
    const result = await this.#caller.untilKnown(ledger, { type: "head" });
    return result?.ok === true ? (result.value as LedgerHead).floor : Infinity;
  }

  #violate(checker: CheckerName, detail: string): void {
    this.#around.world.violate(checker, detail);
  }
}
