/** A command is one row: what it takes and answers, who may send it, what it does, which permission it needs, where it
 *  is in REST. What the gateway opens, the routes, the page's and the terminal's calls, `CONTRACT.txt` and
 *  `docs/reference/commands.md` follow from it (docs/decisions/0021-one-row-per-command.md). */
import { Type, type Static, type TObject, type TProperties, type TSchema, type TUnsafe } from "typebox";
import type { Permission } from "../authority/permissions.ts";
import { object, position } from "./schema.ts";

/** The senders that a command may have. `client`: a person's program; the actor sees the person, `user/NAME`.
 *  `follower`: the gateway, on behalf of a person who follows the actor's stream. `agent`, `actor`: an agent, any
 *  actor. `gateway`: the gateway itself, which has checked a password or a code. `node`: the node itself. */
export type Source = "client" | "follower" | "agent" | "actor" | "gateway" | "node";

/** What a command leaves behind. `reads`: nothing, so it may be repeated blindly. `changes`: it is repeated only under
 *  its operation id. `signals`: nothing but what others see in that moment, so it is not repeated at all. */
export type CommandEffect = "reads" | "changes" | "signals";

/** What a row says of which a person's program alone may send the command. */
export const changedByPeople = { from: ["client"], effect: "changes" } as const;
/** The same of one that leaves nothing behind. */
export const readByPeople = { from: ["client"], effect: "reads" } as const;

/** A REST route of a command, below the prefix that the gateway adds. A parameter of the path with the name of the kind
 *  is the actor's key; the others are fields. The other fields come from the query of GET and DELETE, else from the
 *  body, and so does the key where neither the path nor the kind nor the route says it. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: `/${string}`;
  /** Fields that the route itself sets. */
  readonly set?: Readonly<Record<string, unknown>>;
  /** The key of the one actor that the route is for. */
  readonly key?: string;
  /** In place of the command's. */
  readonly summary?: string;
}

/** A command. */
export interface Command<
  Params extends TObject = TObject,
  Result extends TSchema = TSchema,
  From extends readonly Source[] = readonly Source[],
  Does extends CommandEffect = CommandEffect,
> {
  readonly params: Params;
  readonly result: Result;
  readonly from: From;
  readonly effect: Does;
  /** Present where clients may send it. */
  readonly permission?: Permission;
  /** Where it depends on what is asked which permission that takes, beside the row's; undefined: no other one. */
  readonly needsFor?: (message: never) => Permission | undefined;
  readonly http?: readonly Route[];
  readonly summary: string;
  /** An answer that may be large: a page of entries, or a list as long as a room or an account has. Absent: few
   *  bytes. */
  readonly answers?: "page" | "list";
}

/** A kind's commands. */
export type CommandTable = Readonly<Record<string, Command>>;

type HttpLine = readonly [Route["method"], Route["path"], Omit<Route, "method" | "path">?];

/** Declares a command. */
export const command = <
  Params extends TProperties,
  Result extends TSchema,
  const From extends readonly Source[],
  Does extends CommandEffect,
>({
  params,
  http,
  ...row
}: Omit<Command<TObject<Params>, Result, From, Does>, "params" | "http"> & {
  readonly params: Params;
  readonly http?: HttpLine | readonly HttpLine[];
}): Command<TObject<Params>, Result, From, Does> => ({
  ...row,
  params: object(params),
  ...(http !== undefined && {
    http: (isOne(http) ? [http] : http).map(([method, path, more]) => ({ method, path, ...more })),
  }),
});

const isOne = (http: HttpLine | readonly HttpLine[]): http is HttpLine => typeof http[0] === "string";

/** The type of an answer, by its name: answers are made by actors and are not checked again. */
export const answer = <Answer>(name: string): TUnsafe<Answer> => Type.Unsafe<Answer>({ title: name });

/** `resume` of a kind that has a stream: asks for its state, or for what came after a cursor. */
export const follow = <Resumed>(name: string) =>
  command({
    params: { after: Type.Optional(position) },
    result: answer<Resumed>(name),
    from: ["follower"],
    effect: "reads",
    summary: "The state of the stream, or what came after a cursor",
  });

/** The message of a row: `{ type: name, ...parameters }`. */
export type MessageOf<Table extends CommandTable, Name extends keyof Table & string> = {
  readonly type: Name;
} & Readonly<Static<Table[Name]["params"]>>;

/** The messages of a table. */
export type CommandOf<Table extends CommandTable> = {
  [Name in keyof Table & string]: MessageOf<Table, Name>;
}[keyof Table & string];

/** The messages of a table that this source may send. */
export type CommandFrom<Table extends CommandTable, From extends Source> = {
  [Name in keyof Table & string]: From extends Table[Name]["from"][number] ? MessageOf<Table, Name> : never;
}[keyof Table & string];

/** Whether a row names this source. */
export const isFrom = (row: Command, source: Source): boolean => row.from.includes(source);

/** Whether the sender of a message, as its actor sees it, is one that the row names. */
export function maySend(row: Command, sender: string): boolean {
  if (sender === "gateway" || sender === "node") return isFrom(row, sender);
  if (isFrom(row, "actor")) return true;
  if (sender.startsWith("user/")) return isFrom(row, "client") || isFrom(row, "follower");
  return sender.startsWith("agent/") && isFrom(row, "agent");
}
