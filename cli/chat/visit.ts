import {
  clientLimits,
  type AnswerOf,
  type Client,
  type Follower,
  type ParametersOf,
  type Streams,
} from "../../client/index.ts";
import { failure, ok, refused } from "../../protocols/errors.ts";
import { stageWords } from "../../protocols/answering/words.ts";
import type {
  AgentEvent,
  AgentSignal,
  AgentState,
  AnswerStage,
  ConversationTurn,
  Failure,
  ModelInfo,
  Result,
  RoomEvent,
  RoomMessage,
  RoomSignal,
  RoomState,
} from "../../protocols/index.ts";
import { cliLimits } from "../limits.ts";
import { withoutControls } from "../terminal/printable.ts";
import { nameOf, type Names } from "./names.ts";
import type { Printer } from "./printer.ts";
import type { Here, Place, Request } from "./requests.ts";
import type { Screen } from "./screen.ts";
import {
  describeCauses,
  describeAgentEvent,
  describeTurn,
  describeMessage,
  describeRoomEvent,
  growDraft,
  type Draft,
  type Look,
} from "./view.ts";

/** One stay in a room or with an agent: it is followed from `enter` to `leave`, and everything of it is printed
 *  once. */
export class Visit implements Here {
  readonly place: Place;
  readonly #user: string;
  readonly #client: Pick<Client, "call" | "follow">;
  readonly #screen: Screen;
  readonly #printer: Printer;
  readonly #names: Names;
  readonly #look: Look;
  /** The members of the room: whom a text can call. */
  readonly #members = new Set<string>();
  /** What is printed when the names in it are known, one after the other. */
  #printing: Promise<void> = Promise.resolve();
  #unprinted = 0;
  readonly #models: () => Promise<Result<{ readonly models: readonly ModelInfo[] }>>;
  readonly #onRoom: (event: RoomEvent) => void;
  readonly #reactions = new Map<number, RoomMessage["reactions"]>();
  /** The topic of the room; undefined: none was told. */
  #topic: string | undefined;
  /** When the messages that were shown were edited last, or 0. */
  readonly #edited = new Map<number, number>();
  #unfollow = (): void => {};
  /** The oldest message or turn that was shown: history goes on before it. */
  #oldest: number | undefined;
  /** The newest one, so that a state loaded anew repeats none. */
  #newest: number | undefined;
  #draft: Draft | undefined;
  /** Answers that are awaited in the room, by the asked agent and the place: the person who asked. */
  readonly #awaited = new Map<string, { readonly seq: number; readonly by: string }>();
  /** A stop was asked for, and nothing new since then. */
  #isStopping = false;
  /** Of the answer that is being written, how often tools were called before these eyes. */
  #roundsSeen = 0;
  /** What the newest message to the agent followed. */
  #behind: number | undefined;
  /** Answers the agent owes: said and not yet answered. */
  #owed = 0;
  /** How far the room's stream must come to show what was posted, and how far it has come. */
  #postedAt = 0;
  #seenAt = 0;
  /** The person asked to leave: that the place cannot be followed then is no news. */
  #isLeaving = false;
  #isOver = false;
  #settled: () => void = () => {};

  constructor(
    place: Place,
    around: {
      readonly user: string;
      readonly client: Pick<Client, "call" | "follow">;
      readonly screen: Screen;
      readonly printer: Printer;
      readonly names: Names;
      models(): Promise<Result<{ readonly models: readonly ModelInfo[] }>>;
      /** Hears of each event of the room, once. */
      onRoom(event: RoomEvent): void;
    },
  ) {
    this.place = place;
    this.#user = around.user;
    this.#client = around.client;
    this.#screen = around.screen;
    this.#printer = around.printer;
    this.#names = around.names;
    const { who, said } = around.names;
    this.#look = { color: around.printer.color, who, said };
    this.#models = () => around.models();
    this.#onRoom = (event) => around.onRoom(event);
  }

  /** Follows the place; is back when its state was shown, or cannot be. `ended`: it cannot be followed any longer. */
  enter(ended: (reason: Failure) => void): Promise<Result<undefined>> {
    const { kind, key } = this.place;
    this.#screen.showDraft("", undefined);
    return kind === "room"
      ? this.#follow(
          `room/${key}`,
          (state) => this.#showRoom(state),
          (event) => this.#onRoomEvent(event),
          ended,
        )
      : this.#follow(
          `agent/${key}`,
          (state) => this.#showAgent(state),
          (event) => this.#onAgentEvent(event),
          ended,
        );
  }

  leave(): void {
    this.#unfollow();
    this.#isOver = true;
    this.#settled();
  }

  /** Sends a command to the place. */
  async send(asked: Request): Promise<Result<unknown>> {
    const { name } = asked;
    const owes = name === "agent.say" || name === "agent.regenerate";
    if (owes) this.#owe(1);
    this.#isLeaving = name === "room.leave";
    const parameters = await this.#withAccounts(asked);
    const answer = await this.#client.call(name, this.place.key, parameters);
    if (owes && !answer.ok) this.#owe(-1);
    if (name === "room.post" && answer.ok)
      this.#postedAt = Math.max(this.#postedAt, (answer.value as AnswerOf<"room.post">).at);
    if (name === "room.edit" && answer.ok) this.#saw(answer.value as AnswerOf<"room.edit">);
    return answer;
  }

  /** A text as it is sent: accounts in the places of the names by which somebody in the room is called. */
  async #withAccounts(asked: Request): Promise<Request["parameters"]> {
    if (asked.name !== "room.post" && asked.name !== "room.edit") return asked.parameters;
    const parameters = asked.parameters as ParametersOf<"room.post" | "room.edit">;
    return { ...parameters, text: await this.asSent(parameters.text) };
  }

  /** The text that is sent for what was typed: accounts in the places of names. */
  async asSent(typed: string): Promise<string> {
    const { text, several } = await this.#names.sent(typed, [...this.#members]);
    for (const name of several) {
      const all = this.#names.called(name, [...this.#members]).map((account) => `@${account}`);
      const says =
        `Several people here are called ${name}, so none of them is mentioned. Mention one by the account: ` +
        `${all.join(", ")}.`;
      this.#printer.remark(this.#printer.dim(`* ${withoutControls(says)}`));
    }
    return text;
  }

  editedAtMs(seq: number): number | undefined {
    return this.#edited.get(seq);
  }

  /** Remembers a message as it was shown. */
  #saw({ seq, reactions, editedAtMs = 0 }: RoomMessage): void {
    this.#reactions.set(seq, reactions);
    this.#edited.set(seq, editedAtMs);
  }

  hasReacted(seq: number, emoji: string): boolean {
    return this.#reactions.get(seq)?.[emoji]?.includes(`user/${this.#user}`) === true;
  }

  /** Shows what came before what was shown. */
  async showHistory(limit: number): Promise<Result<unknown>> {
    const { kind, key } = this.place;
    const { show, color } = this.#printer;
    const parameters = { limit, ...(this.#oldest !== undefined && { before: this.#oldest }) };
    if (kind === "room") {
      const answer = await this.#client.call("room.history", key, { ...parameters, roomOnly: true });
      if (!answer.ok) return answer;
      await this.#names.ready(answer.value.messages);
      for (const message of answer.value.messages) {
        this.#saw(message);
        show({ message }, describeMessage(message, this.#look));
      }
      this.#showedFrom(answer.value.messages[0]?.seq);
      return answer;
    }
    const answer = await this.#client.call("agent.history", key, parameters);
    if (!answer.ok) return answer;
    this.#behind ??= behindOf(answer.value.turns);
    for (const turn of answer.value.turns) show({ turn }, describeTurn(turn, key, color));
    this.#showedFrom(answer.value.turns[0]?.turn);
    return answer;
  }

  /** Shows the end of the branch that is shown now. */
  showAnew(): Promise<Result<unknown>> {
    this.#oldest = undefined;
    this.#behind = undefined;
    return this.showHistory(cliLimits.shownEntries);
  }

  saidBehind(): number | undefined {
    return this.#behind;
  }

  /** Shows messages of the room, wherever they are: around one, or of the thread of one, which is read then. */
  async showMessages(of: { readonly around: number } | { readonly thread: number }): Promise<Result<unknown>> {
    const { key } = this.place;
    const { show } = this.#printer;
    const parameters = "around" in of ? { around: of.around, roomOnly: true } : { thread: of.thread };
    const answer = await this.#client.call("room.history", key, { ...parameters, limit: cliLimits.shownEntries });
    if (!answer.ok) return answer;
    const { messages } = answer.value;
    if ("around" in of && messages.every(({ seq }) => seq !== of.around)) return refused(failure("NOT_FOUND"));
    await this.#names.ready(messages);
    for (const message of messages) {
      this.#saw(message);
      show({ message }, describeMessage(message, this.#look));
    }
    const last = messages.at(-1);
    if ("thread" in of && last !== undefined && this.#screen.interactive)
      void this.#client.call("room.markRead", key, { seq: last.seq, thread: of.thread });
    return answer;
  }

  /** Resolves when every post was seen and every answer has come, or has been waited for for long. */
  settled(): Promise<void> {
    if (this.#isSettled) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, cliLimits.settleTimeoutMs);
      this.#settled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  get #isSettled(): boolean {
    return this.#isOver || (this.#owed === 0 && this.#unprinted === 0 && this.#seenAt >= this.#postedAt);
  }

  #owe(change: number): void {
    this.#owed = Math.max(0, this.#owed + change);
    if (this.#isSettled) this.#settled();
  }

  #follow<Kind extends "room" | "agent">(
    topic: `${Kind}/${string}`,
    show: (state: Streams[Kind]["state"]) => void,
    hear: (event: Streams[Kind]["event"] | Streams[Kind]["signal"]) => void,
    ended: (reason: Failure) => void,
  ): Promise<Result<undefined>> {
    return new Promise((resolve) => {
      let reason = failure("ASK_TIMEOUT");
      const timer = setTimeout(() => settle(refused(reason)), clientLimits.answerTimeoutMs);
      let isIn: boolean | undefined;
      const settle = (result: Result<undefined>): void => {
        clearTimeout(timer);
        isIn ??= result.ok;
        resolve(result);
      };
      const follower: Follower<Streams[Kind]["state"], Streams[Kind]["event"], Streams[Kind]["signal"]> = {
        state: (state) => {
          const print = (): void => {
            show(state);
            settle(ok(undefined));
          };
          this.#whenNamed(
            "messages" in state ? [state.messages.slice(-cliLimits.shownEntries), state.members] : state,
            print,
          );
        },
        event: (event, at) =>
          this.#whenNamed(event, () => {
            hear(event);
            this.#seenAt = Math.max(this.#seenAt, at);
          }),
        signal: (signal) => this.#whenNamed(undefined, () => hear(signal)),
        held: (why) => void (reason = why),
        refused: (why) => {
          if (isIn !== true) settle(refused(why));
          else if (!this.#isLeaving) ended(why);
        },
      };
      this.#unfollow = this.#client.follow(topic, follower);
    });
  }

  /** Prints something when the names in it are known, behind all that came before it. */
  #whenNamed(shown: unknown, print: () => void): void {
    const end = (): void => {
      if (!this.#isOver) print();
      if (this.#isSettled) this.#settled();
    };
    if (this.#unprinted === 0 && this.#names.has(shown)) return end();
    this.#unprinted += 1;
    this.#printing = this.#printing
      .then(() => this.#names.ready(shown))
      .then(() => {
        this.#unprinted -= 1;
        end();
      });
  }

  // --- what is shown -------------------------------------------------------------------------------------------------

  /** What a state shows: where it was loaded anew, all that came since; at first its end to a person, and nothing to a
   *  pipe, whose reader has asked for what comes from now on (`/history` is for the rest). */
  #unseen<Entry>(entries: readonly Entry[], number: (entry: Entry) => number): readonly Entry[] {
    const shown = this.#newest;
    this.#newest = Math.max(shown ?? 0, ...entries.map(number));
    if (shown !== undefined) return entries.filter((entry) => number(entry) > shown);
    return this.#screen.interactive ? entries.slice(-cliLimits.shownEntries) : [];
  }

  /** A page of history begins here; undefined: it was empty. */
  #showedFrom(first: number | undefined): void {
    if (first === undefined) this.#printer.remark(this.#printer.dim("There is nothing older."));
    this.#oldest = first ?? this.#oldest;
  }

  /** The topic that the person writes in. */
  writesIn: string | undefined;

  topic(): string | undefined {
    return this.#topic;
  }

  /** The newest message of this person that is being answered. */
  awaited(): number | undefined {
    const own = [...this.#awaited.values()].filter(({ by }) => by === `user/${this.#user}`);
    return own.length === 0 ? undefined : Math.max(...own.map(({ seq }) => seq));
  }

  /** Stops the answer that the person waits for. False: they wait for none, or have stopped it already. */
  stopAwaited(): boolean {
    const { kind, key } = this.place;
    const seq = this.awaited();
    if (this.#isStopping || (kind === "room" ? seq === undefined : this.#owed === 0 && this.#draft === undefined))
      return false;
    this.#isStopping = true;
    this.#printer.remark(this.#printer.dim("* Stopping the answer. Ctrl-C again leaves."));
    if (kind === "agent") void this.#client.call("agent.stop", key, {});
    else void this.#client.call("room.stop", key, { seq: seq ?? 0 });
    return true;
  }

  #showDraft(author: string, draft: Draft | undefined, stage: AnswerStage = { stage: "writing" }): void {
    this.#draft = draft;
    this.#screen.showDraft(`${author} is ${stageWords(stage)}`, draft?.text);
  }

  /** Keeps who waits for whom: a message is answered, or asks. */
  #await({ seq, author, answers, mentions = [] }: RoomMessage): void {
    if (answers !== undefined) this.#awaited.delete(`${author}#${answers}`);
    if (author.startsWith("user/"))
      for (const one of mentions.filter((member) => member.startsWith("agent/")))
        this.#awaited.set(`${one}#${seq}`, { seq, by: author });
    this.#isStopping = false;
  }

  /** Says what was read, where a person has read it. */
  #markRead(seq: number): void {
    if (this.#screen.interactive) void this.#client.call("room.markRead", this.place.key, { seq });
  }

  #showRoom({ title, topic, messages, members, visibility, answering = [] }: RoomState): void {
    this.#awaited.clear();
    this.#topic = topic;
    this.#members.clear();
    for (const member of Object.keys(members)) this.#members.add(member);
    for (const { agent, seq, by } of answering) this.#awaited.set(`${agent}#${seq}`, { seq, by });
    const { show, headline, dim } = this.#printer;
    const lines = messages.filter(({ threadOnly }) => threadOnly !== true);
    const recent = this.#unseen(lines, ({ seq }) => seq);
    const other =
      visibility === "direct" ? Object.keys(members).filter((member) => member !== `user/${this.#user}`) : [];
    const name = other.length === 0 ? title || this.place.key : other.map((one) => this.#names.listed(one)).join(", ");
    headline(dim(withoutControls(`— ${name}${topic === "" ? "" : `: ${topic}`} —`)));
    for (const message of messages) this.#saw(message);
    for (const message of recent) show({ message }, describeMessage(message, this.#look));
    this.#oldest ??= recent[0]?.seq;
    if (this.#newest !== undefined && messages.length > 0) this.#markRead(this.#newest);
    const last = answering.at(-1);
    if (last !== undefined)
      this.#showDraft(nameOf(last.agent), { generation: last.generation ?? "", text: last.text ?? "" }, last);
  }

  #showAgent({ conversation, model, draft }: AgentState): void {
    const { show, headline, dim, color } = this.#printer;
    const { key } = this.place;
    const recent = this.#unseen(conversation, ({ turn }) => turn);
    this.#behind = behindOf(conversation);
    headline(dim(withoutControls(`— ${key}${model === "" ? "" : `, model ${model}`} —`)));
    for (const turn of recent) show({ turn }, describeTurn(turn, key, color));
    this.#oldest ??= recent[0]?.turn;
    this.#showDraft(nameOf(key), draft && { generation: draft.generation, text: draft.text }, draft);
  }

  #onRoomEvent(event: RoomEvent | RoomSignal): void {
    if (event.type === "typing") return;
    if (event.type === "draft")
      return this.#showDraft(
        nameOf(event.agent),
        event.done === true ? undefined : growDraft(this.#draft, event),
        placeOf(event),
      );
    this.#onRoom(event);
    if (event.type === "topicSet") this.#topic = event.topic;
    if (event.type === "joined") this.#members.add(event.member);
    if (event.type === "left") this.#members.delete(event.member);
    if ("messages" in event)
      for (const message of event.messages) {
        this.#newest = Math.max(this.#newest ?? 0, message.seq);
        this.#saw(message);
      }
    if ("message" in event) {
      this.#newest = Math.max(this.#newest ?? 0, event.message.seq);
      this.#saw(event.message);
      if (event.type === "posted") this.#await(event.message);
      if (event.type === "posted" && event.message.generation !== undefined) this.#showDraft("", undefined);
    }
    this.#printer.show({ event }, describeRoomEvent(event, this.#look));
    if (event.type === "posted" && /^(?:MODEL_|RUNTIME_)/.test(event.message.refused ?? "")) void this.#showCauses();
    // What is in a thread only is read there.
    if (event.type === "posted" && event.message.threadOnly !== true) this.#markRead(event.message.seq);
  }

  #onAgentEvent(event: AgentEvent | AgentSignal): void {
    const { show, color } = this.#printer;
    const { key } = this.place;
    if (event.type === "draft") {
      // Others of the conversation wait behind the one that is shown.
      if ((event.ahead ?? 0) > 0 && this.#draft !== undefined && this.#draft.generation !== event.generation) return;
      return this.#showDraft(nameOf(key), growDraft(this.#draft, event), placeOf(event));
    }
    // On a terminal the person sees what they typed; piped, only the answers matter.
    if (event.type === "said") this.#behind = behindOf([event.turn]);
    if (event.type === "generationStarted" && event.round !== undefined) this.#roundsSeen += 1;
    if (event.type !== "answered") return show({ event }, describeAgentEvent(event, color));
    this.#isStopping = false;
    this.#showDraft("", undefined);
    const rounds = event.turn.rounds?.slice(this.#roundsSeen);
    this.#roundsSeen = 0;
    this.#newest = Math.max(this.#newest ?? 0, event.turn.turn);
    show({ event }, describeTurn({ ...event.turn, rounds: rounds ?? [] }, key, color));
    // A pipe ends with the answer that it waits for.
    if (event.turn.end === "failed") void this.#showCauses().then(() => this.#owe(-1));
    else this.#owe(-1);
  }

  /** Why models cannot be used, below an answer that failed. The node tells it to those who may see the cluster, and to
   *  nobody else. */
  async #showCauses(): Promise<void> {
    const answer = await this.#models();
    if (!answer.ok) return;
    for (const line of describeCauses(answer.value.models)) this.#printer.remark(this.#printer.dim(line));
  }
}

/** What the newest message of its owner followed. */
function behindOf(turns: readonly ConversationTurn[]): number | undefined {
  const said = turns.findLast(({ role }) => role === "user");
  return said && (said.parent ?? said.turn - 1);
}

/** How far an answer is; a node of the version before says nothing of it, and tells pieces only. */
const placeOf = ({
  stage = "writing",
  ahead,
}: (RoomSignal & { readonly type: "draft" }) | AgentSignal): AnswerStage => ({
  stage,
  ...(ahead !== undefined && { ahead }),
});
