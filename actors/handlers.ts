/** How the commands of a kind find what answers them. */
import { refuse, type Effect } from "./behavior.ts";

interface Named {
  readonly type: string;
}

/** What answers commands: one for every row of their table, or the kind does not compile. */
export type Handlers<State, Command extends Named, Here, Decided> = {
  readonly [Name in Command["type"]]: (state: State, command: Extract<Command, { type: Name }>, turn: Here) => Decided;
};

/** What the handler of a command decides. Another version may send one that has none. */
export function handled<State, Command extends Named, Here, Decided>(
  handlers: Handlers<State, Command, Here, Decided>,
  state: State,
  command: Command,
  turn: Here,
): Decided | readonly Effect<never, never>[] {
  if (!Object.hasOwn(handlers, command.type)) return [refuse("BAD_REQUEST", { type: command.type })];
  const handle = handlers[command.type as Command["type"]] as (state: State, command: Command, turn: Here) => Decided;
  return handle(state, command, turn);
}
