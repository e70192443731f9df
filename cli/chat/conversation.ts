import type {
  AgentEvent,
  AgentSignal,
  AgentState,
  CommandsOf,
  Failure,
  ParametersOf,
  Result,
  RoomEvent,
  RoomMessage,
  RoomSignal,
  RoomState,
} from "../../protocols/index.ts";
import { failure, ok, refused, unreachedNodes } from "../../protocols/errors.ts";
import {
  clientLimits,
  type Activity,
  type Client,
  type Follower,
  type Link,
  type Streams,
} from "../../client/index.ts";
import { cleaned } from "../../protocols/text.ts";
import type { CatalogRow } from "../../protocols/index.ts";
import { cliLimits } from "../limits.ts";
import { didYouMean } from "../suggest.ts";
import { paint } from "../output.ts";
import { describeCommands, parseLine, type Line } from "./commands.ts";
import type { Screen } from "./screen.ts";
import {
  describeAgentEvent,
  describeMessage,
  describeResults,
  describeRoom,
  describeRoomEvent,
  describeTurn,
  growDraft,
  nameOf,
  type Draft,
} from "./view.ts";
import { jsonLine, withoutControls } from "../printable.ts";

/** What one line came to. */
export interface Step {
  readonly failure?: Failure;
  readonly end?: "quit" | "signOut";
}

/** Where the person is and what they see. */
export interface Conversation {
  /** Goes to the room or agent named on the command line. */
  begin(place: { readonly room: string | undefined; readonly agent: string | undefined }): Promise<Failure | undefined>;
  take(line: string): Promise<Step>;
  /** Resolves when every post was seen and every answer has come; with `follow` it does not resolve. */
  settled(follow: boolean): Promise<void>;
  onActivity(activity: Activity): void;
  onLink(link: Link): void;
}

type Place =
  | { readonly kind: "nowhere" }
  | { readonly kind: "room"; readonly key: string }
  | { readonly kind: "agent"; readonly key: string };

const done: Step = {};

/** Builds a conversation over a client that is connected. */
export function createConversation(options: {
  readonly user: string;
  readonly client: Pick<Client, "at" | "call" | "follow" | "link">;
  readonly screen: Screen;
  readonly json: boolean;
  /** Rooms that anybody may join. */
  publicRooms(): Promise<Result<{ readonly rows: readonly CatalogRow[] }>>;
}): Conversation {
  const { user, client, screen, json } = options;
  const { color } = screen;
  let place: Place = { kind: "nowhere" };
  let oldest: number | undefined;
  /** The newest message or turn that was shown here, so that a state loaded anew repeats none. */
  let newest: number | undefined;
  let link = client.link;
  let nodeName = client.at.name;
  let unfollow = (): void => {};
  let draft: Draft | undefined;
  /** Answers the agent owes: said and not yet answered. */
  let owed = 0;
  /** How far the room's stream must come to show what was posted, and how far it has come. */
  let postedAt = 0;
  let seenAt = 0;
  let settled: (() => void) | undefined;
  const reactions = new Map<number, RoomMessage["reactions"]>();

  const dim = (text: string): string => paint(color, "dim", text);
  /** For people only; with --json these lines have no place on standard output. */
  const remark = (text: string): void => {
    if (!json) screen.print(text);
  };
  /** Where one has come to: a person wants to see that, a pipe has named it. */
  const headline = (text: string): void => {
    if (screen.interactive) remark(text);
  };
  const show = (entry: object, text: string | undefined): void => {
    if (json) screen.print(jsonLine(entry));
    else if (text !== undefined) screen.print(text);
  };
  const failed = <T>(result: Result<T>): Step => (result.ok ? done : { failure: result.error });

  function showPrompt(): void {
    const { name, amongMany } = client.at;
    const node = amongMany ? `[${client.link.status === "open" ? withoutControls(name) : "no node"}] ` : "";
    screen.setPrompt(`${node}${place.kind === "nowhere" ? "" : `${place.kind === "agent" ? "@" : ""}${place.key}`}> `);
  }

  /** What a state shows: where it was loaded anew, all that came since; at first its end to a person, and nothing to a pipe, whose
   *  reader has asked for what comes from now on (`/history` is for the rest). */
  function unseen<Entry>(entries: readonly Entry[], number: (entry: Entry) => number): readonly Entry[] {
    const shown = newest;
    newest = Math.max(newest ?? 0, ...entries.map(number));
    if (shown !== undefined) return entries.filter((entry) => number(entry) > shown);
    return screen.interactive ? entries.slice(-cliLimits.shownEntries) : [];
  }

  const isSettled = (): boolean => owed === 0 && seenAt >= postedAt;

  function owe(change: number): void {
    owed = Math.max(0, owed + change);
    if (isSettled()) settled?.();
  }

  async function goTo(next: Exclude<Place, { readonly kind: "nowhere" }>): Promise<Step> {
    unfollow();
    place = next;
    newest = undefined;
    oldest = undefined;
    draft = undefined;
    owed = 0;
    postedAt = 0;
    seenAt = 0;
    screen.showDraft("", undefined);
    const answer =
      next.kind === "room"
        ? await follow(`room/${next.key}`, showRoom, onRoomEvent)
        : await follow(`agent/${next.key}`, showAgent, onAgentEvent);
    if (!answer.ok) leave();
    showPrompt();
    return failed(answer);
  }

  /** Follows the topic of the place; is back when its state was shown, or cannot be. */
  function follow<Kind extends "room" | "agent">(
    topic: `${Kind}/${string}`,
    show: (state: Streams[Kind]["state"]) => void,
    hear: (event: Streams[Kind]["event"] | Streams[Kind]["signal"]) => void,
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
        state(state) {
          show(state);
          settle(ok(undefined));
        },
        event(event, at) {
          hear(event);
          seenAt = Math.max(seenAt, at);
          if (isSettled()) settled?.();
        },
        signal: hear,
        held: (why) => void (reason = why),
        refused(why) {
          if (isIn !== true) return settle(refused(why));
          remark(dim(`* You can no longer follow ${nameOf(topic)} (${why.code})`));
          leave();
          showPrompt();
          owe(-owed);
        },
      };
      unfollow = client.follow(topic, follower);
    });
  }

  /** Is nowhere from now on. */
  function leave(): void {
    unfollow();
    unfollow = () => {};
    place = { kind: "nowhere" };
  }

  /** What is not there is named, with how it comes to be. */
  const absent = ({ failure: reason, ...step }: Step, says: string): Step =>
    reason === undefined
      ? step
      : { ...step, failure: reason.code === "NOT_FOUND" ? { ...reason, message: says } : reason };

  async function enterRoom(room: string): Promise<Step> {
    const joined = await client.call("room.join", room, {});
    if (!joined.ok && joined.error.code !== "ALREADY_DONE")
      return absent({ failure: joined.error }, await noRoom(room, joined.error));
    return goTo({ kind: "room", key: room });
  }

  /** What is said of a room that is not there, with those that are. */
  async function noRoom(room: string, { code }: Failure): Promise<string> {
    if (code !== "NOT_FOUND") return "";
    const [mine, open] = await Promise.all([client.call("user.rooms", user, {}), options.publicRooms()]);
    const known = [
      ...(mine.ok ? mine.value.rooms.map((row) => row.room) : []),
      ...(open.ok ? open.value.rows.map(({ key }) => key) : []),
    ];
    return [`There is no room ${room}.`, didYouMean(room, known) ?? [], `/create ${room} creates it.`].flat().join(" ");
  }

  const agentKey = (name: string): string => (name.includes(".") ? name : `${user}.${name}`);

  async function say(text: string): Promise<Step> {
    if (place.kind === "nowhere") return wrong("Choose a room with /join ROOM or an agent with /agent NAME.");
    if (place.kind === "room") return post({ text });
    owe(1);
    const answer = await client.call("agent.say", place.key, { text: cleaned(text, "lines") });
    if (!answer.ok) owe(-1);
    return failed(answer);
  }

  async function post(parameters: { readonly text: string; readonly replyTo?: number }): Promise<Step> {
    if (place.kind !== "room") return wrong("Go to a room first: /join ROOM.");
    const answer = await client.call("room.post", place.key, {
      ...parameters,
      text: cleaned(parameters.text, "lines"),
    });
    if (!answer.ok) return { failure: answer.error };
    postedAt = Math.max(postedAt, answer.value.at);
    return done;
  }

  function wrong(reason: string): Step {
    // The person reads what was wrong with the line, not that a request did not fit.
    return { failure: { ...failure("BAD_REQUEST"), message: reason } };
  }

  async function inRoom<Name extends CommandsOf<"room">>(
    command: Name,
    parameters: ParametersOf<`room.${Name}`>,
  ): Promise<Step> {
    if (place.kind !== "room") return wrong("Go to a room first: /join ROOM.");
    return failed(await client.call(`room.${command}`, place.key, parameters));
  }

  async function withAgent(command: "stop" | "regenerate" | "clear"): Promise<Step> {
    if (place.kind !== "agent") return wrong("Talk to an agent first: /agent NAME.");
    return failed(await client.call(`agent.${command}`, place.key, {}));
  }

  /** `Lunch? | Pizza | Soup`. */
  async function askPoll(line: string, multiple: boolean): Promise<Step> {
    const [question = "", ...options] = line.split("|").map((part) => cleaned(part.trim(), "line"));
    if (options.length < 2) return wrong("A poll needs a question and two options: /poll Lunch? | Pizza | Soup");
    return inRoom("poll", { question, options, ...(multiple && { multiple }) });
  }

  /** The numbers of options, from 1: `1 3`, or `1,3`. */
  async function vote(seq: number, numbers: string): Promise<Step> {
    const words = numbers.split(/[\s,]+/).filter((word) => word !== "");
    const unreadable = words.find((word) => !/^[1-9]\d?$/.test(word));
    if (unreadable !== undefined) return wrong(`${unreadable} is not the number of an option.`);
    return inRoom("vote", { seq, choices: [...new Set(words.map((word) => Number(word) - 1))] });
  }

  async function showResults(seq: number): Promise<Step> {
    if (place.kind !== "room") return wrong("Go to a room first: /join ROOM.");
    const answer = await client.call("room.pollResults", place.key, { seq });
    if (!answer.ok) return { failure: answer.error };
    show({ results: answer.value }, describeResults(answer.value, color));
    return done;
  }

  async function onNumber(word: string, act: (seq: number) => Promise<Step>): Promise<Step> {
    const seq = Number(word.replace(/^#/, ""));
    return Number.isSafeInteger(seq) && seq > 0 ? act(seq) : wrong(`${word} is not the number of a message.`);
  }

  async function runCommand(line: Extract<Line, { type: "command" }>): Promise<Step> {
    const [first = "", second = ""] = line.words;
    switch (line.name) {
      case "help":
        remark(describeCommands());
        return done;
      case "rooms":
        return listRooms();
      case "join":
        return enterRoom(first);
      case "create": {
        const made = await client.call("room.create", first, {
          visibility: "public",
          ...(line.rest !== "" && { title: line.rest }),
        });
        return made.ok ? goTo({ kind: "room", key: first }) : { failure: made.error };
      }
      case "leave": {
        const step = await inRoom("leave", line.rest === "" ? {} : { successor: `user/${line.rest}` });
        if (step.failure === undefined) {
          leave();
          showPrompt();
        }
        return step;
      }
      case "direct":
        return openDirect(first);
      case "invite":
        return inRoom("invite", { member: first.includes(".") ? `agent/${first}` : `user/${first}` });
      case "reply":
        return onNumber(first, (seq) => post({ text: line.rest, replyTo: seq }));
      case "edit":
        return onNumber(first, (seq) => inRoom("edit", { seq, text: line.rest }));
      case "delete":
        return onNumber(first, (seq) => inRoom("delete", { seq }));
      case "react":
        return onNumber(first, (seq) =>
          inRoom("react", { seq, emoji: second, on: reactions.get(seq)?.[second]?.includes(`user/${user}`) !== true }),
        );
      case "poll":
      case "multipoll":
        return askPoll(line.rest, line.name === "multipoll");
      case "vote":
        return onNumber(first, (seq) => vote(seq, line.rest));
      case "results":
        return onNumber(first, showResults);
      case "close":
        return onNumber(first, (seq) => inRoom("closePoll", { seq }));
      case "who":
        return showMembers();
      case "topic":
        return inRoom("setTopic", { topic: line.rest });
      case "history":
        return showHistory(line.rest);
      case "agents":
        return listAgents();
      case "agent":
        return openAgent(first, line.rest);
      case "stop":
        return withAgent("stop");
      case "regenerate": {
        owe(1);
        const step = await withAgent("regenerate");
        if (step.failure !== undefined) owe(-1);
        return step;
      }
      case "clear":
        return withAgent("clear");
      case "signout":
        return { end: "signOut" };
      case "quit":
        return { end: "quit" };
    }
  }

  async function openAgent(name: string, persona: string): Promise<Step> {
    if (persona !== "" && !name.includes(".")) {
      const made = await client.call("user.createAgent", user, { name, persona });
      if (!made.ok) return { failure: made.error };
    }
    return enterAgent(name);
  }

  async function enterAgent(name: string): Promise<Step> {
    const key = agentKey(name);
    const own = key.startsWith(`${user}.`) ? key.slice(user.length + 1) : undefined;
    const step = await goTo({ kind: "agent", key });
    if (step.failure?.code !== "NOT_FOUND") return step;
    if (own === undefined) return absent(step, `There is no agent ${key}.`);
    const mine = await client.call("user.describe", user, {});
    const known = mine.ok ? mine.value.agents.map((agent) => nameOf(agent).slice(user.length + 1)) : [];
    const meant = didYouMean(own, known) ?? [];
    return absent(step, [`You have no agent ${own}.`, meant, `/agent ${own} PERSONA creates it.`].flat().join(" "));
  }

  async function openDirect(name: string): Promise<Step> {
    // Sorted, so that both people find the same room.
    const key = `dm.${[user, name].toSorted().join(".")}`;
    const made = await client.call("room.create", key, { visibility: "direct", with: `user/${name}` });
    if (!made.ok && made.error.code !== "NAME_TAKEN" && made.error.code !== "ALREADY_DONE")
      return { failure: made.error };
    return goTo({ kind: "room", key });
  }

  async function listRooms(): Promise<Step> {
    const answer = await client.call("user.rooms", user, {});
    if (!answer.ok) return { failure: answer.error };
    const { rooms, unreachable } = answer.value;
    for (const room of rooms) show({ room }, describeRoom(room, color));
    for (const room of unreachable) show({ unreachable: room }, dim(`${withoutControls(room)} does not answer now`));
    const open = await options.publicRooms();
    if (!open.ok) return { failure: open.error };
    const others = open.value.rows.filter((row) => !rooms.some((mine) => mine.room === row.key));
    for (const row of others) show({ public: row }, dim(withoutControls(`${row.key} is public: /join ${row.key}`)));
    if (rooms.length + others.length === 0) remark(dim("There is no room yet. /create ROOM creates one."));
    return done;
  }

  async function showMembers(): Promise<Step> {
    if (place.kind !== "room") return wrong("Go to a room first: /join ROOM.");
    const answer = await client.call("room.describe", place.key, {});
    if (!answer.ok) return { failure: answer.error };
    for (const [member, { role }] of Object.entries(answer.value.members))
      show({ member, role }, `${nameOf(member)}${role === "member" ? "" : dim(` ${role}`)}`);
    return done;
  }

  async function listAgents(): Promise<Step> {
    const answer = await client.call("user.describe", user, {});
    if (!answer.ok) return { failure: answer.error };
    const { agents } = answer.value;
    for (const agent of agents) show({ agent }, nameOf(agent));
    if (agents.length === 0) remark(dim("You have no agent. /agent NAME PERSONA creates one."));
    return done;
  }

  async function showHistory(count: string): Promise<Step> {
    if (place.kind === "nowhere") return wrong("Go to a room or an agent first.");
    const limit = /^\d{1,3}$/.test(count) ? Math.min(200, Math.max(1, Number(count))) : cliLimits.shownEntries;
    const parameters = { limit, ...(oldest !== undefined && { before: oldest }) };
    if (place.kind === "room") {
      const answer = await client.call("room.history", place.key, parameters);
      if (!answer.ok) return { failure: answer.error };
      for (const message of answer.value.messages) show({ message }, describeMessage(message, color));
      return showedFrom(answer.value.messages[0]?.seq);
    }
    const answer = await client.call("agent.history", place.key, parameters);
    if (!answer.ok) return { failure: answer.error };
    for (const turn of answer.value.turns) show({ turn }, describeTurn(turn, place.key, color));
    return showedFrom(answer.value.turns[0]?.turn);
  }

  /** A page of history begins here; undefined: it was empty. */
  function showedFrom(first: number | undefined): Step {
    if (first === undefined) remark(dim("There is nothing older."));
    oldest = first ?? oldest;
    return done;
  }

  function showRoom({ title, topic: about, messages }: RoomState): void {
    if (place.kind !== "room") return;
    const recent = unseen(messages, ({ seq }) => seq);
    headline(dim(withoutControls(`— ${title === "" ? place.key : title}${about === "" ? "" : `: ${about}`} —`)));
    for (const message of messages) reactions.set(message.seq, message.reactions);
    for (const message of recent) show({ message }, describeMessage(message, color));
    oldest ??= recent[0]?.seq;
    if (newest !== undefined && messages.length > 0 && screen.interactive)
      void client.call("room.markRead", place.key, { seq: newest });
  }

  function showAgent({ conversation, model, draft: writing }: AgentState): void {
    if (place.kind !== "agent") return;
    const recent = unseen(conversation, ({ turn }) => turn);
    headline(dim(withoutControls(`— ${place.key}${model === "" ? "" : `, model ${model}`} —`)));
    for (const turn of recent) show({ turn }, describeTurn(turn, place.key, color));
    oldest ??= recent[0]?.turn;
    draft = writing === undefined ? undefined : { generation: writing.generation, text: writing.text };
    screen.showDraft(nameOf(place.key), draft?.text);
  }

  function onRoomEvent(event: RoomEvent | RoomSignal): void {
    if (event.type === "typing") return;
    if (event.type === "draft") {
      draft = event.done === true ? undefined : growDraft(draft, event);
      screen.showDraft(nameOf(event.agent), draft?.text);
      return;
    }
    if ("message" in event) {
      newest = Math.max(newest ?? 0, event.message.seq);
      reactions.set(event.message.seq, event.message.reactions);
      if (event.type === "posted" && event.message.generation !== undefined) {
        draft = undefined;
        screen.showDraft("", undefined);
      }
    }
    show({ event }, describeRoomEvent(event, color));
    if (event.type === "posted" && place.kind === "room" && screen.interactive)
      void client.call("room.markRead", place.key, { seq: event.message.seq });
  }

  function onAgentEvent(event: AgentEvent | AgentSignal): void {
    if (place.kind !== "agent") return;
    if (event.type === "draft") {
      draft = growDraft(draft, event);
      screen.showDraft(nameOf(place.key), draft?.text);
      return;
    }
    if (event.type === "answered") {
      draft = undefined;
      screen.showDraft("", undefined);
      newest = Math.max(newest ?? 0, event.turn.turn);
      show({ event }, describeTurn(event.turn, place.key, color));
      owe(-1);
      return;
    }
    // On a terminal the person sees what they typed; piped, only the answers matter.
    show({ event }, describeAgentEvent(event, color));
  }

  return {
    async begin({ room, agent }) {
      showPrompt();
      if (screen.interactive) {
        const { name, amongMany } = client.at;
        const where = amongMany ? `, at the node ${withoutControls(name)}` : "";
        remark(dim(`Signed in as ${user}${where}. /help lists the commands.`));
      }
      if (agent !== undefined) return (await enterAgent(agent)).failure;
      if (room !== undefined) return (await enterRoom(room)).failure;
      return screen.interactive ? (await listRooms()).failure : undefined;
    },
    async take(text) {
      const line = parseLine(text);
      switch (line.type) {
        case "nothing":
          return done;
        case "wrong":
          return wrong(line.reason);
        case "say":
          return say(line.text);
        case "command":
          return runCommand(line);
      }
    },
    settled(follow) {
      if (follow) return new Promise(() => {});
      if (isSettled()) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, cliLimits.settleTimeoutMs);
        settled = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
    onActivity({ room, author, mentioned }) {
      if (!screen.interactive) return;
      remark(dim(`* ${nameOf(author)} wrote in ${nameOf(room)}${mentioned ? " and mentioned you" : ""}`));
    },
    onLink(next) {
      const before = link;
      link = next;
      showPrompt();
      if (next.status !== "open") {
        if (before.status === "open" && next.status === "waiting")
          remark(dim(`* the connection was lost (${withoutControls(next.reason.code)}); trying again`));
        return;
      }
      const known = before.status === "open" && before.hello === next.hello ? before : undefined;
      if (known === undefined) {
        const { name } = client.at;
        const moved = name !== nodeName;
        nodeName = name;
        remark(dim(`* connected ${moved ? `to ${withoutControls(name)}` : "again"}; nothing was missed`));
      }
      if (next.degraded !== undefined && next.degraded !== known?.degraded) {
        const unreached = unreachedNodes(next.degraded.reason);
        const others = unreached.length === 0 ? "the other nodes" : withoutControls(unreached.join(", "));
        remark(dim(`* ${withoutControls(client.at.name)} cannot reach ${others}; looking for a node that can`));
      }
      if (next.away !== undefined && next.away !== known?.away)
        remark(dim(`* ${withoutControls(next.away)}, which serves this, does not answer; trying again`));
    },
  };
}
