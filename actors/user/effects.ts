/** What a decision of a user is made of, and what answers a user's commands. */
import type { Effect, Turn } from "../behavior.ts";
import type { Handlers } from "../handlers.ts";
import type { CommandOf, userCommands } from "../../protocols/index.ts";
import type { UserNote, UserNotes } from "./notes.ts";
import type { Account, UserChange, UserState } from "./state.ts";

/** Effects in their order. */
export type Effects = readonly Effect<UserChange, UserNote>[];

/** A user who has an account. */
export interface Person {
  readonly state: UserState;
  readonly account: Account;
}

type Command = CommandOf<typeof userCommands>;

/** What answers some of the commands to people who have an account. */
export type PersonHandlers<Names extends Command["type"]> = Handlers<
  Person,
  Extract<Command, { type: Names }>,
  Turn<UserNotes>,
  Effects
>;
