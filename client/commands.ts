import type {
  AgentEvent,
  AgentSignal,
  AgentState,
  CommandEffect,
  CommandName,
  EffectOf,
  RoomEvent,
  RoomSignal,
  RoomState,
  UserEvent,
  ThreadSignal,
  UserSignal,
  UserView,
} from "../protocols/index.ts";
import { harmless } from "./harmless.ts";

/** What the streams of topics consist of, by the kind of their actor. */
export interface Streams {
  readonly room: { readonly state: RoomState; readonly event: RoomEvent; readonly signal: RoomSignal };
  readonly agent: { readonly state: AgentState; readonly event: AgentEvent; readonly signal: AgentSignal };
  readonly user: { readonly state: UserView; readonly event: UserEvent; readonly signal: UserSignal | ThreadSignal };
}

type Harmless = { readonly [Name in CommandName as EffectOf<Name> extends "changes" ? never : Name]: EffectOf<Name> };

/** The commands that change nothing, as their rows say: the compiler compares. The rows themselves would bring every
 *  schema to the page. */
const known: Harmless = harmless;

/** What a command leaves behind, and so whether it may be sent twice as it is (`reads`), only under an operation id
 *  (`changes`), or not at all (`signals`: it is for this moment). */
export const effectOf = (name: CommandName): CommandEffect =>
  (known as Readonly<Record<string, CommandEffect>>)[name] ?? "changes";
