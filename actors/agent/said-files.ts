/** Files of a conversation with an agent. They are in the owner's own room, which makes one message of those of a turn;
 *  the conversation knows which, so that they go with it (decision 0248).
 *
 *      say ─► which does it not have? ──ask──► the owner's room: takeFiles ─► they are its own ─► said
 *      clear, delete ─► mail: dropFiles ─► the messages that it knows, then whatever the room has of this conversation
 *
 *  The room may have taken files of which the conversation never heard: the answer was late, or a node ended. Asked
 *  once more, it names them again; and what the conversation does not know goes with it, too. */
import {
  actorId,
  ownRoomKey,
  saidOf,
  type ActorId,
  type CommandOf,
  type Result,
  type SaidFile,
  type TakenFiles,
  type agentCommands,
} from "../../protocols/index.ts";
import { refuse, type ReplyTo } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Mail } from "../outbox.ts";
import { commit, type Effects, type Here } from "./effects.ts";
import type { AgentState, Life, ShownFile } from "./shape.ts";
import { ownerOf, viewOf } from "./state.ts";

type Say = Extract<CommandOf<typeof agentCommands>, { type: "say" }>;

/** Tag of the question to the owner's room. */
interface FilesTag {
  readonly type: "files";
  readonly command: Say;
  /** The first such question since the conversation is empty: one that is cleared meanwhile has another, or none. */
  readonly since: number | undefined;
  readonly to: ReplyTo | undefined;
}

/** Whether an answer is one to such a question. */
export const isOfFiles = (tag: unknown): tag is FilesTag => (tag as Partial<FilesTag> | undefined)?.type === "files";

/** The room that has them. */
const roomOfFiles = (key: string): ActorId => actorId("room", ownRoomKey(ownerOf(key)));

const aboutFiles = (key: string) => ({ by: actorId("user", ownerOf(key)), conversation: key });

/** Has the owner's room take what the conversation does not have; undefined: it has all that is named. */
export function takeFiles(state: AgentState, life: Life, command: Say, turn: Here): Effects | undefined {
  const { files: known = [], filesAt } = life;
  const files = [...new Set(command.files)].filter((id) => !known.some((one) => one.id === id));
  if (files.length === 0) return undefined;
  const { agentFilesMax, roomWantedTimeoutMs: timeoutMs } = limits;
  if (known.length + files.length > agentFilesMax)
    return [refuse("LIMIT_REACHED", { limit: "agentFilesMax", max: agentFilesMax }, turn.replyTo)];
  const to = roomOfFiles(turn.key);
  // What is to be dropped there has no end yet: it would take these along.
  if (state.outbox.entries.some((entry) => entry.to === to)) return [refuse("OVERLOADED", undefined, turn.replyTo)];
  const event = { type: "updated" as const, view: viewOf(state, life, turn.key) };
  const { after, effects } = commit(state, turn, filesAt === undefined ? [{ event, asksFiles: true }] : []);
  const tag: FilesTag = { type: "files", command, since: after.life?.filesAt, to: turn.replyTo };
  const message = { type: "takeFiles", ...aboutFiles(turn.key), files };
  return [...effects, { type: "ask", to, message, tag, timeoutMs }];
}

/** The room has taken them, or refuses: `next` says what is said with them. Where the conversation has been cleared or
 *  deleted meanwhile, the room was told of that behind the question, and has dropped them. */
export function onFilesTaken(
  state: AgentState,
  { command, since, to }: FilesTag,
  result: Result<unknown>,
  turn: Here,
  next: (state: AgentState, life: Life, command: Say, turn: Here) => Effects,
): Effects {
  const here: Here = { ...turn, ...(to !== undefined && { replyTo: to }) };
  if (!result.ok) return [refuse(result.error.code, result.error.details, to)];
  const { seq, files } = result.value as TakenFiles;
  if (state.life === null) return [refuse("NOT_FOUND", undefined, to)];
  if (state.life.filesAt !== since) return [refuse("CHANGED_MEANWHILE", undefined, to)];
  const filed = files
    .filter(({ id }) => state.life?.files?.some((known) => known.id === id) !== true)
    .map((file): ShownFile => ({ ...saidOf(file), seq }));
  const event = { type: "updated" as const, view: viewOf(state, state.life, turn.key) };
  const { after, effects } = commit(state, turn, filed.length === 0 ? [] : [{ event, filed }]);
  return after.life === null ? effects : [...effects, ...next(after, after.life, command, here)];
}

/** What a turn names of them, each once. */
export const filesSaid = ({ files: known = [] }: Life, ids: readonly string[] = []): SaidFile[] =>
  [...new Set(ids)].flatMap((id) => known.filter((one) => one.id === id).map(saidOf));

/** What has the room delete whatever it has of the conversation: message 0 stands for all. A room at a node of the
 *  version before does not know that, and deletes those that have a number. Nothing, where it was asked for none. */
export function droppings({ files = [], filesAt }: Life, { key }: Here): readonly Mail[] {
  if (files.length === 0 && filesAt === undefined) return [];
  const [to, about] = [roomOfFiles(key), { type: "dropFiles", ...aboutFiles(key) }];
  return [...new Set(files.map(({ seq }) => seq)), 0].map((seq) => ({ to, message: { ...about, seq } }));
}
