/** Responses of `/v1/responses` for other nodes: each is kept by the node that answered, whichever node is asked for
 *  it. */
import { Type } from "typebox";
import { bytes, call, closed, done } from "./parts.ts";

const name = Type.String({ minLength: 1, maxLength: 128 });

export const responseMessages = {
  /** A person's response with what it was asked and what was before, as JSON. Errors: NOT_FOUND, TOO_LARGE. */
  "response.read": call("message", { user: name, id: name }, closed({ kept: bytes })),
  /** Those of a person's items with these ids that a node keeps, as JSON. Error: TOO_LARGE. */
  "response.items": call("message", { user: name, ids: Type.Array(name, { maxItems: 512 }) }, closed({ items: bytes })),
  /** Ends a response that is under way; with `forget` nothing of it is kept. Error: NOT_FOUND. */
  "response.end": call("message", { user: name, id: name, forget: Type.Boolean() }, done),
} as const;
