/** What is a message of a kind at all. The gateway checks what people send, and the code what actors do; what another
 *  node sends may be anything, and must not be taken for a fault of the actor. */
import { Type } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import { maySend, powerNeeded, refusalOfShown, type CommandTable, type Shown } from "../protocols/index.ts";
import { refuse, type Effect, type Message, type Sender } from "./behavior.ts";

/** A check of messages against a kind's rows. More fields may be there: a later version may say more. */
export function messageCheckOf(table: CommandTable): (message: Message) => boolean {
  const checks = new Map<string, Validator>();
  return (message) => {
    let check = checks.get(message.type);
    if (check === undefined) {
      const row = Object.hasOwn(table, message.type) ? table[message.type] : undefined;
      if (row === undefined) return false;
      check = Compile(Type.Object(row.params.properties));
      checks.set(message.type, check);
    }
    return check.Check(message);
  };
}

/** The refusal of a command whose row does not name its sender, or of one that gives or takes, whose gateway tells of
 *  nothing that suffices; undefined when it is neither, or is no command. */
export function refuseSource(
  table: CommandTable,
  message: { readonly type: string; readonly shown?: Shown },
  from: Sender,
): readonly Effect<never, never>[] | undefined {
  const row = Object.hasOwn(table, message.type) ? table[message.type] : undefined;
  if (row === undefined) return undefined;
  if (!maySend(row, from)) return [refuse("FORBIDDEN")];
  const needed = from === "gateway" ? powerNeeded(row, message) : undefined;
  const refusal = needed && refusalOfShown(needed, message.shown);
  return refusal && [refuse(refusal.code, refusal.details)];
}
