/** Files of a conversation with an agent. They are in the owner's own room, which makes one message of those of a turn;
 *  the conversation knows which, so that they go with it (decision 0248).
 *
 *      say ─► which does it not have? ──ask──► the owner's room: takeFiles ─► they are its own ─► said
 *      clear, delete ─► mail for each message: dropFiles */
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
import { persist, refuse, type ReplyTo } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { dispatch, type Mail } from "../outbox.ts";
import { commit, type Effects, type Here } from "./effects.ts";
import type { AgentState, Life, ShownFile } from "./shape.ts";
import { ownerOf, viewOf } from "./state.ts";

type Say = Extract<CommandOf<typeof agentCommands>, { type: "say" }>;

/** Tag of the question to the owner's room. */
interface FilesTag {
  readonly type: "files";
  readonly command: Say;
  readonly to: ReplyTo | undefined;
}

/** Whether an answer is one to such a question. */
export const isOfFiles = (tag: unknown): tag is FilesTag => (tag as Partial<FilesTag> | undefined)?.type === "files";

/** The room that has them. */
const roomOfFiles = (key: string): ActorId => actorId("room", ownRoomKey(ownerOf(key)));

const aboutFiles = (key: string) => ({ by: actorId("user", ownerOf(key)), conversation: key });

/** Has the owner's room take what the conversation does not have; undefined: it has all that is named. */
export function takeFiles({ files: known = [] }: Life, command: Say, turn: Here): Effects | undefined {
  const files = [...new Set(command.files)].filter((id) => !known.some((one) => one.id === id));
  const [first] = files;
  if (first === undefined) return undefined;
  const { agentFilesMax, roomWantedTimeoutMs: timeoutMs } = limits;
  if (known.length + files.length > agentFilesMax)
    return [refuse("LIMIT_REACHED", { limit: "agentFilesMax", max: agentFilesMax }, turn.replyTo)];
  const tag: FilesTag = { type: "files", command, to: turn.replyTo };
  const message = { type: "takeFiles", ...aboutFiles(turn.key), files };
  // Asked again after a crash, the room answers as it did.
  return [{ type: "ask", to: roomOfFiles(turn.key), message, tag, timeoutMs, operationId: `${turn.self}/${first}` }];
}

/** The room has taken them, or refuses: `next` says what is said with them. */
export function onFilesTaken(
  state: AgentState,
  { command, to }: FilesTag,
  result: Result<unknown>,
  turn: Here,
  next: (state: AgentState, life: Life, command: Say, turn: Here) => Effects,
): Effects {
  const here: Here = { ...turn, ...(to !== undefined && { replyTo: to }) };
  if (!result.ok) return [refuse(result.error.code, result.error.details, to)];
  const { seq, files } = result.value as TakenFiles;
  if (state.life === null) return [...dropped(state, [dropping(seq, turn)], turn), refuse("NOT_FOUND", undefined, to)];
  const filed = files.map((file): ShownFile => ({ ...saidOf(file), seq }));
  const event = { type: "updated" as const, view: viewOf(state, state.life, turn.key) };
  const { after, effects } = commit(state, turn, [{ event, filed }]);
  return after.life === null ? effects : [...effects, ...next(after, after.life, command, here)];
}

/** What a turn names of them, each once. */
export const filesSaid = ({ files: known = [] }: Life, ids: readonly string[] = []): SaidFile[] =>
  [...new Set(ids)].flatMap((id) => known.filter((one) => one.id === id).map(saidOf));

const dropping = (seq: number, { key }: Here): Mail => ({
  to: roomOfFiles(key),
  message: { type: "dropFiles", ...aboutFiles(key), seq },
});

/** What has them deleted, with the conversation. */
export const droppings = ({ files = [] }: Life, turn: Here): readonly Mail[] =>
  [...new Set(files.map(({ seq }) => seq))].map((seq) => dropping(seq, turn));

/** The conversation ended while its files came. Number 0 is nobody's. */
const dropped = (state: AgentState, mail: readonly Mail[], turn: Here): Effects => [
  persist({ type: "delivered", id: 0, next: { mail, behind: [] } }),
  ...dispatch(state.outbox, mail, turn.self),
];
