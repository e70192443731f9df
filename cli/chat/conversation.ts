import type { Call } from "../../client/call.ts";
import type { Activity, Client, Link } from "../../client/index.ts";
import { failure, ok, refused, type Failure, type Result } from "../../protocols/errors.ts";
import { groupKey, groupsOfPeopleMax } from "../../protocols/kinds/room-group.ts";
import { isOwnRoom } from "../../protocols/kinds/room-own.ts";
import type {
  CatalogRow,
  CatchUp,
  FoundMessage,
  MessageSearch,
  ModelInfo,
  RoomEvent,
  SearchPage,
} from "../../protocols/index.ts";
import { agentOfKey } from "../../protocols/answering/conversation-key.ts";
import { wireLimits } from "../../protocols/limits.ts";
import { normalEmoji } from "../../protocols/text/emoji.ts";
import { cleaned } from "../../protocols/text/text.ts";
import { sought } from "../../protocols/text/names.ts";
import { cliLimits } from "../limits.ts";
import { Account } from "./account.ts";
import { Attached } from "./attached.ts";
import { withoutControls } from "../terminal/printable.ts";
import { didYouMean } from "../models/suggest.ts";
import { CatchingUp } from "./catching-up.ts";
import { describeCommands, parseLine, type CommandName, type Line } from "./commands.ts";
import type { FilePort } from "./files.ts";
import { linkNews, type LinkAt } from "./link-news.ts";
import { listGroups, listVersions } from "./lists.ts";
import { isOfLinks, Links, wayIn } from "./links.ts";
import { deletesSeveral, isOfModeration, moderate } from "./moderation.ts";
import { describeMail, describeRules, mailOf, notifyOf } from "./notify.ts";
import { compare } from "./compare.ts";
import { isOfConversations, runConversations, type OfConversations } from "./conversations.ts";
import { isOfShared, Shared } from "./shared.ts";
import { Temporary, type AskModel } from "./temporary.ts";
import { runBranches } from "./branches.ts";
import { isOwn } from "./own.ts";
import { createPrinter, type Printer } from "./printer.ts";
import { noRoom, onNumber, requestOf, type Here, type Place, type Request, type Wrong } from "./requests.ts";
import type { Screen } from "./screen.ts";
import { Finder, placeOf } from "./search.ts";
import { nameOf, type Names } from "./names.ts";
import { describePresence, describeResults, describeRoom, describeThread, type Look } from "./view.ts";
import { namesPerson, partnerIn, withAccount } from "./person.ts";
import { describeTopic, topicsOf } from "./topics.ts";
import { Visit } from "./visit.ts";

/** What one line came to. */
interface Step {
  readonly failure?: Failure;
  readonly end?: "quit" | "signOut";
}

/** Where the person is and what they see. */
interface Conversation {
  /** Goes to the room or agent named on the command line. */
  begin(place: { readonly room: string | undefined; readonly agent: string | undefined }): Promise<Failure | undefined>;
  take(line: string): Promise<Step>;
  /** Resolves when every post was seen and every answer has come; with `follow` it does not resolve. */
  settled(follow: boolean): Promise<void>;
  onActivity(activity: Activity): void;
  onLink(link: Link): void;
}

const done: Step = {};

/** What is said of a change that rested on something else than what is there now. */
const changedMeanwhile: Readonly<Partial<Record<Request["name"], string>>> = {
  "room.edit":
    "The message was changed in the meantime, and your edit was not saved. Its present text is above; use " +
    "/edit again to replace it.",
  "room.setTopic":
    "The topic was changed in the meantime. Yours was not set; the present one is above. Use /about again.",
};

const wrong = ({ wrong: message }: Wrong): Step =>
  // The person reads what was wrong with the line, not that a request did not fit.
  ({ failure: { ...failure("BAD_REQUEST"), message } });

const stepOf = (result: Result<unknown>): Step => (result.ok ? done : { failure: result.error });

/** What is not there is named, with how it comes to be. */
const absent = (reason: Failure, says: string): Step => ({
  failure: reason.code === "NOT_FOUND" ? { ...reason, message: says } : reason,
});

const cameTo = (came: Result<unknown> | Wrong): Step => ("wrong" in came ? wrong(came) : stepOf(came));

/** A conversation of several people, by the first number that is free; gives its key. */
async function openGroup(
  client: Pick<Client, "call">,
  user: string,
  names: readonly string[],
): Promise<Result<string>> {
  const people = names.map((name) => `user/${name}`).filter((one) => one !== `user/${user}`);
  for (let nth = 1; nth <= groupsOfPeopleMax; nth += 1) {
    const key = groupKey([`user/${user}`, ...people], nth);
    const made = await client.call("room.create", key, { visibility: "direct", people });
    if (made.ok) return ok(key);
    if (made.error.code !== "NAME_TAKEN") return made;
  }
  return refused(failure("NAME_TAKEN"));
}

/** Says who is here and where, and what waits for them. */
function greet({ at }: Pick<Client, "at">, user: string, { remark, dim }: Printer, account: Account): void {
  const where = at.amongMany ? `, at the node ${withoutControls(at.name)}` : "";
  remark(dim(`Signed in as ${user}${where}. /help lists the commands.`));
  void account.own.tell();
}

/** Goes where a message is that was found last. */
async function goToFound(
  one: FoundMessage | Wrong,
  at: {
    goTo(place: Place): Promise<Step>;
    showMessages(word: string, of: "around" | "thread"): Promise<Step>;
  },
): Promise<Step> {
  if ("wrong" in one) return wrong(one);
  const step = await at.goTo(placeOf(one));
  if (step.failure !== undefined || one.room === undefined) return step;
  const isApart = one.threadOnly === true;
  return at.showMessages(String(isApart ? one.replyTo : one.seq), isApart ? "thread" : "around");
}

/** Writes the files of a message into the folder where the command was begun. */
async function save(
  { room, seq }: { readonly room: string; readonly seq: number },
  {
    client,
    files,
    printer,
  }: { readonly client: Pick<Client, "call">; readonly files: FilePort; readonly printer: Printer },
): Promise<Step> {
  const read = await client.call("room.history", room, { after: seq - 1, limit: 1 });
  if (!read.ok) return stepOf(read);
  const message = read.value.messages.find((one) => one.seq === seq);
  if (message?.files === undefined) return wrong({ wrong: `Message #${seq} has no files.` });
  for (const file of message.files) {
    const saved = await files.save(file, room);
    if (!saved.ok) return stepOf(saved);
    printer.show({ saved: saved.value, file }, printer.dim(`Saved ${withoutControls(saved.value)}`));
  }
  return done;
}

/** Says what the person is told of, or sets it. */
async function notify(
  line: string,
  at: {
    readonly account: Account;
    readonly client: Pick<Client, "call">;
    readonly user: string;
    readonly place: Place | undefined;
    readonly printer: Printer;
  },
): Promise<Step> {
  const { rules } = at.account;
  const nowMs = Date.now();
  if (line.trim() === "") {
    const lines = describeRules(rules, nowMs).map((text) => withoutControls(text));
    at.printer.show({ notifications: rules }, lines.join("\n"));
    return done;
  }
  const room = at.place?.kind === "room" ? at.place.key : undefined;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const asked = notifyOf(line, { room, rules, nowMs, zone });
  return "wrong" in asked ? wrong(asked) : stepOf(await at.client.call(asked.name, at.user, asked.fields));
}

/** Says what the person gets by mail while they are away, or sets it. */
async function notifyByMail(
  words: readonly string[],
  { operation, printer }: { readonly operation: Call; readonly printer: Printer },
): Promise<Step> {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const asked = words.length === 0 ? undefined : mailOf(words, zone);
  if (asked !== undefined && "wrong" in asked) return wrong(asked);
  const answer = await (asked === undefined ? operation("digest.show") : operation("digest.set", asked));
  if (!answer.ok) return stepOf(answer);
  const lines = describeMail(answer.value).map((text) => withoutControls(text));
  printer.show({ mail: answer.value }, lines.join("\n"));
  return done;
}

/** Rings for a message in the room where the person is, as they have said. */
async function heardHere(
  event: RoomEvent,
  { room, account, screen }: { readonly room: string; readonly account: Account; readonly screen: Screen },
): Promise<void> {
  if (event.type === "posted" && (await account.toldHere(room, event)) === "notice") screen.ring();
}

/** Tells the person of a message in another room, as they have said. */
async function hear(
  news: Activity,
  at: { readonly account: Account; readonly screen: Screen; readonly printer: Printer; readonly names: Names },
): Promise<void> {
  const { room, author, mentioned, edited } = news;
  const { telling, any } = await at.account.toldElsewhere(news);
  if (!at.screen.interactive || any === "nothing") return;
  if (telling === "notice") at.screen.ring();
  const did = edited === true ? "edited a message" : "wrote";
  const { remark, dim } = at.printer;
  const end = mentioned ? " and mentioned you" : "";
  await at.names.ready(author);
  remark(dim(`* ${at.names.who(author)} ${did} in ${nameOf(room)}${end}`));
}

/** Goes to a room, by its name or a link into it. */
async function enter(
  word: string,
  at: {
    readonly links: Links;
    goTo(place: Place): Promise<Step>;
    enterRoom(room: string): Promise<Step>;
  },
): Promise<Step> {
  const way = wayIn(word);
  if (way === undefined) return at.enterRoom(sought(word));
  const joined = await at.links.join(way);
  if ("wrong" in joined) return wrong(joined);
  return joined.ok ? at.goTo({ kind: "room", key: way.room }) : stepOf(joined);
}

/** Where somebody is who has entered nothing yet. */
const nowhere: Here = {
  place: undefined,
  hasReacted: () => false,
  editedAtMs: () => undefined,
  topic: () => undefined,
  awaited: () => undefined,
  saidBehind: () => undefined,
};

/** What a conversation is made of. */
interface ConversationOptions {
  readonly user: string;
  readonly client: Pick<Client, "at" | "call" | "follow" | "link" | "look">;
  readonly screen: Screen;
  readonly json: boolean;
  /** How people are called. */
  readonly names: Names;
  /** Rooms that anybody may join. */
  publicRooms(): Promise<Result<{ readonly rows: readonly CatalogRow[] }>>;
  search(fields: MessageSearch): Promise<Result<SearchPage>>;
  /** What was missed. */
  readonly missed: () => Promise<Result<CatchUp>>;
  readonly files: FilePort;
  readonly operation: Call;
  models(): Promise<Result<{ readonly models: readonly ModelInfo[] }>>;
  readonly askModel: AskModel;
}

type WithAgents = Extract<CommandName, (typeof apart)[number] | "share" | "shared" | "unshare"> | OfConversations;
const apart = ["compare", "temporary", "done"] as const;

/** Whether a command is about conversations with agents, and no request to one. */
const isWithAgents = (name: CommandName, place: Place | undefined): name is WithAgents =>
  apart.some((one) => one === name) || isOfShared(name) || isOfConversations(name, place);

const reading = [
  "history",
  "show",
  "thread",
  "catchup",
  "search",
  "found",
  "threads",
  "topics",
] as const satisfies readonly CommandName[];
type OfReading = (typeof reading)[number];

const isOfReading = (name: CommandName): name is OfReading => reading.some((one) => one === name);

/** What may be done in a temporary conversation: what leaves it, or only looks elsewhere. All else would be done to the
 *  conversation behind it, which is kept. */
const besideTemporary: ReadonlySet<CommandName> = new Set<CommandName>([
  ...(["done", "temporary", "clear", "help", "quit", "signout"] as const),
  ...(["join", "agent", "direct", "conversation", "found", "rooms", "agents", "conversations"] as const),
]);
const notInTemporary = (name: CommandName): Wrong => ({
  wrong: `/${name} would be done to what is kept, not to what is temporary. /done first, which ends this one.`,
});

/** What a command comes to in a temporary conversation; undefined: what it always comes to. */
function inTemporary(temporary: Temporary, name: CommandName, { remark, dim }: Printer): Step | undefined {
  if (!besideTemporary.has(name)) return wrong(notInTemporary(name));
  if (name !== "clear") return undefined;
  temporary.clear();
  remark(dim("* Cleared: what was said here is gone."));
  return done;
}

/** Lets Ctrl-C stop what is done: the first one stops it, the second one leaves. */
function stoppable(screen: Screen, { remark, dim }: Printer, stopElse: () => boolean) {
  let stopDoing: (() => void) | undefined;
  screen.onInterrupt(() => {
    const stop = stopDoing;
    stopDoing = undefined;
    if (stop === undefined) return stopElse();
    remark(dim("* Stopping both answers. Ctrl-C again leaves."));
    stop();
    return true;
  });
  return async <Came>(stop: () => void, act: () => Promise<Came>): Promise<Came> => {
    stopDoing = stop;
    return act().finally(() => (stopDoing = undefined));
  };
}

function catchingUp({ client, names, missed }: ConversationOptions, finder: Finder, printer: Printer): CatchingUp {
  const keep = (found: readonly FoundMessage[]): void => finder.keep(found);
  return new CatchingUp(() => missed(), client, { printer, names, keep });
}

/** What a list is asked and shown with. */
interface Listing extends Pick<ConversationOptions, "user" | "client" | "names"> {
  readonly printer: Printer;
  readonly look: Look;
}

async function setStatus(typed: string, { client, user }: Listing): Promise<Step> {
  const [first = "", ...others] = typed.split(" ");
  const emoji = normalEmoji(first);
  const text = cleaned((emoji === undefined ? typed : others.join(" ")).trim(), "line");
  const status = { ...(emoji !== undefined && { emoji }), ...(text !== "" && { text }) };
  return stepOf(await client.call("user.setStatus", user, status));
}

async function listAgents({ client, user, printer: { show, remark, dim } }: Listing): Promise<Step> {
  const answer = await client.call("user.describe", user, {});
  if (!answer.ok) return stepOf(answer);
  const { agents } = answer.value;
  for (const agent of agents) show({ agent }, nameOf(agent));
  if (agents.length === 0) remark(dim("You have no agent. /agent NAME PERSONA creates one."));
  return done;
}

async function listTopics(room: string, find: string, { client, printer }: Listing): Promise<Step> {
  const { show, remark, dim } = printer;
  const answer = await topicsOf(client, room, find);
  if (!answer.ok) return stepOf(answer);
  const { topics, more } = answer.value;
  for (const topic of topics) show({ topic }, describeTopic(topic));
  if (topics.length === 0) remark(dim("There is no such topic yet. /topic TOPIC and a message begin one."));
  if (more) remark(dim("There are more: /topics LETTERS finds them by their names."));
  return done;
}

async function listThreads(room: string, { client, names, look, printer }: Listing): Promise<Step> {
  const { show, remark, dim } = printer;
  const answer = await client.call("room.threads", room, {});
  if (!answer.ok) return stepOf(answer);
  const { threads } = answer.value;
  await names.ready(threads);
  for (const thread of threads) show({ thread }, describeThread(thread, look));
  if (threads.length === 0) remark(dim("There is no thread yet. /reply N TEXT begins one."));
  return done;
}

async function showMembers(room: string, { client, names, printer: { show, dim } }: Listing): Promise<Step> {
  const answer = await client.call("room.describe", room, {});
  const members = answer.ok ? Object.entries(answer.value.members) : [];
  await names.ready(members.map(([member]) => member));
  const people = members.map(([member]) => member).filter((member) => member.startsWith("user/"));
  const looked = await client.look(people.slice(0, wireLimits.peopleLookedAtMax).map(nameOf));
  void client.look([]);
  const present = new Map(looked.ok ? looked.value.map((one) => [`user/${one.user}`, one]) : []);
  for (const [member, { role }] of members) {
    const presence = present.get(member);
    const beside = [role === "member" ? [] : role, presence ? describePresence(presence) : []].flat();
    show(
      { member, role, ...(presence && { presence }) },
      `${names.listed(member)}${dim(beside.map((part) => ` ${part}`).join(","))}`,
    );
  }
  return stepOf(answer);
}

async function listRooms(
  { client, user, names, look, printer: { show, remark, dim } }: Listing,
  publicRooms: ConversationOptions["publicRooms"],
): Promise<Step> {
  const answer = await client.call("user.rooms", user, {});
  if (!answer.ok) return stepOf(answer);
  const { unreachable } = answer.value;
  const rooms = answer.value.rooms.filter(({ room }) => !isOwnRoom(room));
  await names.ready(rooms.flatMap(({ room }) => partnerIn(room, user) ?? []));
  for (const room of rooms) show({ room }, describeRoom(room, look, partnerIn(room.room, user)));
  for (const room of unreachable) show({ unreachable: room }, dim(`${withoutControls(room)} does not answer now`));
  const open = await publicRooms();
  if (!open.ok) return stepOf(open);
  const others = open.value.rows.filter((row) => !rooms.some((mine) => mine.room === row.key));
  for (const row of others) show({ public: row }, dim(withoutControls(`${row.key} is public: /join ${row.key}`)));
  if (rooms.length + others.length === 0) remark(dim("There is no room yet. /create ROOM creates one."));
  return done;
}

async function showResults(room: string, seq: number, { client, look, printer: { show } }: Listing): Promise<Step> {
  const answer = await client.call("room.pollResults", room, { seq });
  if (answer.ok) show({ results: answer.value }, describeResults(answer.value, look));
  return stepOf(answer);
}

function atNumber(said: string, use: Parameters<typeof onNumber<Step | Promise<Step>>>[1]): Step | Promise<Step> {
  const step = onNumber(said, use);
  return "wrong" in step ? wrong(step) : step;
}

/** Builds a conversation over a client that is connected. */
export function createConversation(options: ConversationOptions): Conversation {
  const { user, client, screen, names } = options;
  const printer = createPrinter(screen, options.json);
  const { color, dim, remark } = printer;
  const finder = new Finder((fields) => options.search(fields), { me: `user/${user}`, printer, names });
  const catching = catchingUp(options, finder, printer);
  const look: Look = { color, who: names.who, said: names.said };
  const listing: Listing = { user, client, names, printer, look };
  let visit: Visit | undefined;
  let saidOfAbout = false;
  let temporary: Temporary | undefined;
  const attached = new Attached(options.files, { ask, cameTo, printer });
  let shown: LinkAt = { link: client.link, node: client.at.name };
  const links = new Links(client, options.operation, { printer, names });
  const sharing = new Shared(options.operation, () => client.at.url, printer);
  const account = new Account(client, user, printer, names);
  const whileStoppable = stoppable(screen, printer, () => temporary === undefined && visit?.stopAwaited() === true);

  function showPrompt(): void {
    const { name, amongMany } = client.at;
    const node = amongMany ? `[${client.link.status === "open" ? withoutControls(name) : "no node"}] ` : "";
    const here = visit === undefined ? "" : `${visit.place.kind === "agent" ? "@" : ""}${visit.place.key}`;
    const place = temporary === undefined ? here : `@${temporary.agent} (temporary)`;
    screen.setPrompt(`${node}${place}> `);
  }

  // --- where the person is -------------------------------------------------------------------------------------------

  async function goTo(place: Place): Promise<Step> {
    endTemporary();
    visit?.leave();
    const onRoom = (event: RoomEvent) => void heardHere(event, { room: place.key, account, screen });
    const models = () => options.models();
    const next = new Visit(place, { user, client, screen, printer, names, models, onRoom });
    visit = next;
    const answer = await next.enter((reason) => {
      remark(dim(`* You can no longer follow ${nameOf(`${place.kind}/${place.key}`)} (${reason.code})`));
      leave();
    });
    if (!answer.ok && visit === next) leave();
    showPrompt();
    return stepOf(answer);
  }

  /** Is nowhere from now on. */
  function leave(): void {
    visit?.leave();
    visit = undefined;
    showPrompt();
  }

  async function enterRoom(room: string): Promise<Step> {
    const joined = await client.call("room.join", room, {});
    if (joined.ok || joined.error.code === "ALREADY_DONE") return goTo({ kind: "room", key: room });
    if (joined.error.code !== "NOT_FOUND") return stepOf(joined);
    const [mine, open] = await Promise.all([client.call("user.rooms", user, {}), options.publicRooms()]);
    const known = [
      ...(mine.ok ? mine.value.rooms.map((row) => row.room).filter((key) => !isOwnRoom(key)) : []),
      ...(open.ok ? open.value.rows.map(({ key }) => key) : []),
    ];
    const says = [`There is no room ${room}.`, didYouMean(room, known) ?? [], `/create ${room} creates it.`];
    return absent(joined.error, says.flat().join(" "));
  }

  async function createRoom(room: string, title: string): Promise<Step> {
    const made = await client.call("room.create", room, { visibility: "public", ...(title !== "" && { title }) });
    return made.ok ? goTo({ kind: "room", key: room }) : stepOf(made);
  }

  async function openDirect(name: string): Promise<Step> {
    const names = name.split(/[\s,]+/).filter((one) => one !== "");
    if (names.length > 1) {
      const group = await openGroup(client, user, names.map(sought));
      return group.ok ? goTo({ kind: "room", key: group.value }) : stepOf(group);
    }
    // Sorted, so that both people find the same room.
    const key = `dm.${[user, name].toSorted().join(".")}`;
    const made = await client.call("room.create", key, { visibility: "direct", with: `user/${name}` });
    const exists = made.ok || made.error.code === "NAME_TAKEN" || made.error.code === "ALREADY_DONE";
    return exists ? goTo({ kind: "room", key }) : stepOf(made);
  }

  async function openAgent(name: string, persona: string): Promise<Step> {
    if (persona === "" || name.includes(".")) return enterAgent(name);
    const made = await client.call("user.createAgent", user, { name, persona });
    return made.ok ? enterAgent(name) : stepOf(made);
  }

  async function enterAgent(name: string): Promise<Step> {
    const key = name.includes(".") ? name : `${user}.${name}`;
    const step = await goTo({ kind: "agent", key });
    if (step.failure?.code !== "NOT_FOUND") return step;
    if (!key.startsWith(`${user}.`)) return absent(step.failure, `There is no agent ${key}.`);
    const own = key.slice(user.length + 1);
    const mine = await client.call("user.describe", user, {});
    const known = mine.ok ? mine.value.agents.map((agent) => nameOf(agent).slice(user.length + 1)) : [];
    const says = [`You have no agent ${own}.`, didYouMean(own, known) ?? [], `/agent ${own} PERSONA creates it.`];
    return absent(step.failure, says.flat().join(" "));
  }

  function endTemporary(): void {
    temporary?.end();
    temporary = undefined;
    showPrompt();
  }

  /** Talks to an agent so that nothing is kept. */
  function beginTemporary(name: string): Step {
    const here = visit?.place.kind === "agent" ? agentOfKey(visit.place.key) : undefined;
    const agent = name === "" ? here : name.includes(".") ? name : `${user}.${name}`;
    if (agent === undefined) return wrong({ wrong: "Say with which agent: /temporary NAME." });
    temporary?.end();
    temporary = new Temporary(agent, options.askModel, printer);
    showPrompt();
    return done;
  }

  // --- what is asked there -------------------------------------------------------------------------------------------

  async function ask(asked: Request | Wrong): Promise<Step> {
    if ("wrong" in asked) return wrong(asked);
    // A request is made of a place only.
    const answer = await visit?.send(asked);
    if (asked.name === "room.leave" && answer?.ok === true) leave();
    if (answer?.ok === false && answer.error.code === "CHANGED_MEANWHILE") {
      const message = changedMeanwhile[asked.name] ?? answer.error.message;
      return { failure: { ...answer.error, message } };
    }
    return answer === undefined ? done : stepOf(answer);
  }

  async function inRoom(act: (room: string) => Promise<Step>): Promise<Step> {
    return visit?.place.kind === "room" ? act(visit.place.key) : wrong(noRoom);
  }

  async function showHistory(count: string): Promise<Step> {
    if (visit === undefined) return wrong({ wrong: "Go to a room or an agent first." });
    const limit = /^\d{1,3}$/.test(count) ? Math.min(200, Math.max(1, Number(count))) : cliLimits.shownEntries;
    return stepOf(await visit.showHistory(limit));
  }

  /** Messages of the room where the person is, by the number of one. */
  async function showMessages(word: string, of: "around" | "thread"): Promise<Step> {
    const asked = onNumber(word, (seq) =>
      inRoom(async () => {
        const answer = await visit?.showMessages(of === "around" ? { around: seq } : { thread: seq });
        if (answer?.ok !== false) return done;
        return absent(answer.error, `There is no message #${seq} in this room, or it is in a thread: /thread ${seq}.`);
      }),
    );
    return "wrong" in asked ? wrong(asked) : asked;
  }

  /** What is about conversations with agents, and no request to one. */
  async function runWithAgents(line: Extract<Line, { type: "command" }> & { name: WithAgents }): Promise<Step> {
    const place = visit?.place;
    if (isOfShared(line.name)) return cameTo(await sharing.run(line.name, line, place));
    if (isOfConversations(line.name, place)) {
      const came = await runConversations(line.name, line, { client, place, printer, goTo });
      return "went" in came ? came.went : cameTo(came);
    }
    if (line.name === "compare")
      return cameTo(await compare(line.words, line.rest, { client, place, printer, whileStoppable }));
    if (line.name === "temporary") return beginTemporary(sought(line.rest.trim()));
    endTemporary();
    return done;
  }

  /** What was said, to be read. */
  async function runReading(line: Extract<Line, { type: "command" }> & { name: OfReading }): Promise<Step> {
    const [first = ""] = line.words;
    switch (line.name) {
      case "history":
        return showHistory(line.rest);
      case "show":
        return showMessages(first, "around");
      case "thread":
        return showMessages(first, "thread");
      case "catchup":
        return cameTo(await catching.run(line.rest.trim(), look));
      case "search":
        return stepOf(await finder.search(line.rest, look));
      case "found":
        return goToFound(finder.find(first), { goTo, showMessages });
      case "threads":
        return inRoom((room) => listThreads(room, listing));
      case "topics":
        return inRoom((room) => listTopics(room, line.rest.trim(), listing));
    }
  }

  async function runCommand(typed: Extract<Line, { type: "command" }>): Promise<Step> {
    const line = namesPerson(typed) ? await withAccount(typed, names) : typed;
    if ("wrong" in line) return wrong(line);
    const room = visit?.place.kind === "room" ? visit.place.key : undefined;
    if (isOwn(line.name)) return cameTo(await account.own.run(line.name, line, look, visit));
    if (isOfLinks(line.name)) return cameTo(await links.run(line.name, line, room));
    if (isOfModeration(line.name) || deletesSeveral(line)) {
      const name = isOfModeration(line.name) ? line.name : ("delete" as const);
      return cameTo(await moderate({ ...line, name }, { call: options.operation, client, printer, names, room }));
    }
    if (isWithAgents(line.name, visit?.place)) return runWithAgents({ ...line, name: line.name });
    if (isOfReading(line.name)) return runReading({ ...line, name: line.name });
    const [first = ""] = line.words;
    switch (line.name) {
      case "help":
        remark(describeCommands());
        return done;
      case "rooms":
        return listRooms(listing, () => options.publicRooms());
      case "join":
        return enter(first, { links, goTo, enterRoom });
      case "create":
        return createRoom(sought(first), line.rest);
      case "direct":
        return openDirect(line.rest);
      case "results":
        return atNumber(first, (seq) => inRoom((room) => showResults(room, seq, listing)));
      case "before":
        return atNumber(first, (seq) =>
          inRoom(async (room) => stepOf(await listVersions(client, printer, { room, seq }))),
        );
      case "attach":
        return attached.send(line.rest, visit?.place);
      case "save":
        return atNumber(first, (seq) => inRoom((room) => save({ room, seq }, { ...options, printer })));
      case "groups":
        return stepOf(await listGroups(client, printer));
      case "who":
        return inRoom((key) => showMembers(key, listing));
      case "status":
        return setStatus(line.rest, listing);
      case "notify":
        if (first === "mail") return notifyByMail(line.words.slice(1), { ...options, printer });
        return notify(line.rest, { account, client, user, place: visit?.place, printer });
      case "topic":
        return inRoom(async () => {
          if (visit !== undefined) visit.writesIn = line.rest.trim() || undefined;
          const now = visit?.writesIn;
          remark(dim(now === undefined ? "You write in no topic." : `You write in ${withoutControls(now)}.`));
          // The word once set what is read beside the room's title.
          if (!saidOfAbout && now !== undefined) remark(dim("/about TEXT sets the topic of the room itself."));
          saidOfAbout ||= now !== undefined;
          return done;
        });
      case "branches":
      case "branch":
        return cameTo(await runBranches(line.words[0], { client, visit, printer }));
      case "agents":
        return listAgents(listing);
      case "agent":
        return openAgent(sought(first), line.rest);
      case "signout":
        return { end: "signOut" };
      case "quit":
        return { end: "quit" };
      default:
        return ask(requestOf(line.name, line, visit ?? nowhere));
    }
  }

  return {
    async begin({ room, agent }) {
      showPrompt();
      if (screen.interactive) greet(client, user, printer, account);
      if (agent !== undefined) return (await enterAgent(agent)).failure;
      if (room !== undefined) return (await enterRoom(room)).failure;
      return screen.interactive ? (await listRooms(listing, () => options.publicRooms())).failure : undefined;
    },
    async take(text) {
      const line = parseLine(text);
      switch (line.type) {
        case "nothing":
          return done;
        case "wrong":
          return wrong({ wrong: line.reason });
        case "say":
          if (temporary !== undefined) return stepOf(await temporary.say(line.text));
          return attached.say(line.text, visit ?? nowhere);
        case "command":
          return (temporary && inTemporary(temporary, line.name, printer)) ?? runCommand(line);
      }
    },
    settled(follow) {
      return follow ? new Promise(() => {}) : (visit?.settled() ?? Promise.resolve());
    },
    onActivity: (news) => void hear(news, { account, screen, printer, names }),
    onLink(link) {
      const before = shown;
      // The node that was there last stays named until there is another.
      shown = { link, node: link.status === "open" ? client.at.name : before.node };
      showPrompt();
      for (const news of linkNews(before, shown)) remark(dim(`* ${news}`));
    },
  };
}
