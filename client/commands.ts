import type { Static, TSchema } from "typebox";
import type {
  AgentEvent,
  AgentHistory,
  AgentSignal,
  AgentState,
  AgentView,
  clientCommands,
  Posted,
  RoomBans,
  RoomEvent,
  RoomHistory,
  RoomLeft,
  RoomSignal,
  RoomState,
  RoomSummary,
  RoomView,
  Session,
  UserEvent,
  UserRooms,
  UserSignal,
  UserView,
} from "../protocols/index.ts";

type Commands = typeof clientCommands;

type NamesOf<Kind extends keyof Commands & string> = `${Kind}.${keyof Commands[Kind] & string}`;

/** Every command that a client may send, `room.post`. */
export type CommandName = { [Kind in keyof Commands & string]: NamesOf<Kind> }[keyof Commands & string];

/** The commands of one kind of actor, without the kind's name. */
export type CommandsOf<Kind extends keyof Commands> = keyof Commands[Kind] & string;

/** What a command takes. */
export type ParametersOf<Name extends CommandName> =
  Name extends `${infer Kind extends keyof Commands}.${infer Command}`
    ? Command extends keyof Commands[Kind]
      ? Commands[Kind][Command] extends TSchema
        ? Static<Commands[Kind][Command]>
        : never
      : never
    : never;

/** What commands are answered with, where that says something. */
interface Answers {
  "room.leave": RoomLeft;
  "room.remove": RoomLeft;
  "room.bans": RoomBans;
  "room.post": Posted;
  "room.describe": RoomView;
  "room.summary": RoomSummary;
  "room.history": RoomHistory;
  "user.describe": UserView;
  "user.sessions": { readonly sessions: readonly Session[] };
  "user.rooms": UserRooms;
  "agent.describe": AgentView;
  "agent.history": AgentHistory;
}

/** What a command is answered with. */
export type AnswerOf<Name extends CommandName> = Name extends keyof Answers ? Answers[Name] : unknown;

/** What the streams of topics consist of, by the kind of their actor. */
export interface Streams {
  readonly room: { readonly state: RoomState; readonly event: RoomEvent; readonly signal: RoomSignal };
  readonly agent: { readonly state: AgentState; readonly event: AgentEvent; readonly signal: AgentSignal };
  readonly user: { readonly state: UserView; readonly event: UserEvent; readonly signal: UserSignal };
}

const reads: ReadonlySet<string> = new Set<CommandName>([
  "room.describe",
  "room.summary",
  "room.history",
  "room.bans",
  "user.describe",
  "user.sessions",
  "user.rooms",
  "agent.describe",
  "agent.history",
]);

/** What a command leaves behind, and so whether it may be sent twice as it is (`reads`), only under an operation id (`changes`),
 *  or not at all (`signals`: it is for this moment). */
export const effectOf = (name: CommandName): "reads" | "changes" | "signals" =>
  name === "room.typing" ? "signals" : reads.has(name) ? "reads" : "changes";
