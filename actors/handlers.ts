/** How what comes to an actor finds what answers it. */
import type { CommandTable } from "../protocols/index.ts";
import { refuse, type Effect, type Sender, type Signal } from "./behavior.ts";
import { refuseSource } from "./message-check.ts";

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

/** What a kind makes of signals. Absent: nothing. */
type OnSignals<State, Here, Decided> = {
  readonly [Name in Signal["type"]]?: (state: State, signal: Extract<Signal, { type: Name }>, turn: Here) => Decided;
};

const signalTypes: Readonly<Record<Signal["type"], true>> = {
  answered: true,
  records: true,
  part: true,
  waits: true,
  reminded: true,
};

const isSignal = (message: Named): message is Signal => Object.hasOwn(signalTypes, message.type);

/** The `decide` of a kind whose commands are all answered in the same way: the row says who may send one, its handler
 *  answers it. A reminder that the kind does not know is forgotten, or it would come back for ever. */
export function decideBy<State, Command extends Named, Here extends { readonly from: Sender }, Decided>(
  table: CommandTable,
  handlers: Handlers<State, Command, Here, Decided>,
  on: OnSignals<State, Here, Decided> = {},
): (state: State, message: Command | Signal, turn: Here) => Decided | readonly Effect<never, never>[] {
  return (state, message, turn) => {
    const refusal = refuseSource(table, message, turn.from);
    if (refusal !== undefined) return refusal;
    if (!isSignal(message)) return handled(handlers, state, message, turn);
    const answer = on[message.type] as ((state: State, signal: Signal, turn: Here) => Decided) | undefined;
    if (answer !== undefined) return answer(state, message, turn);
    return message.type === "reminded" ? [{ type: "forget", id: message.id }] : [];
  };
}
