/** What is a message of a kind at all. The gateway checks what people send, and the code what actors do; what another node sends
 *  may be anything, and must not be taken for a fault of the actor. */
import { Type, type TObject, type TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";

/** A check of messages against the schemas of a kind's types. More fields may be there: a later version may say more. */
export function acceptsOf(
  types: Readonly<Record<string, TSchema>>,
): (message: { readonly type: string; readonly [field: string]: unknown }) => boolean {
  const checks = new Map<string, Validator>();
  return (message) => {
    let check = checks.get(message.type);
    if (check === undefined) {
      const schema = Object.hasOwn(types, message.type) ? (types[message.type] as TObject) : undefined;
      if (schema === undefined) return false;
      check = Compile(Type.Object(schema.properties));
      checks.set(message.type, check);
    }
    return check.Check(message);
  };
}
