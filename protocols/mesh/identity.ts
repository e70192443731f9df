/** How a node proves that somebody is signed in at it, to nodes that have what the person asks for
 *  (node/routing/identity.ts, docs/decisions/0079-identity-over-the-mesh.md). */
import { Type, type Static } from "typebox";
import { bytes, call, closed, count, message, node } from "./parts.ts";

/** Says: at this gateway this person has a session, and the node that said so owned the person's slot. */
const assertion = closed({
  /** The person, without `user/`. */
  user: Type.String({ pattern: "^[a-z0-9][a-z0-9_-]{0,31}$" }),
  /** The id of the session or API key. */
  session: Type.String({ minLength: 1, maxLength: 96 }),
  roles: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 }),
  gateway: node,
  signer: node,
  /** Wall clock of the signer. */
  expiresAtMs: count,
  /** Ed25519, by the signer's node key. */
  signature: bytes,
});
export type Assertion = Static<typeof assertion>;

export const identityMessages = {
  /** To the owner of the person's slot, which asks the person's actor whose token has this hash. Errors: MOVED,
   *  UNAUTHENTICATED, and those of asking an actor. */
  "identity.vouch": call(
    "message",
    { user: assertion.properties.user, tokenHash: Type.String({ minLength: 1, maxLength: 256 }) },
    closed({ assertion }),
  ),
  /** Ahead of what is sent in the person's name, on the same channel; again when it is renewed. */
  "identity.present": message("message", { assertion }),
} as const;
