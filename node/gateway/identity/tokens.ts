import { createHash, timingSafeEqual } from "node:crypto";
import { isKey } from "../../../protocols/index.ts";
import type { Random } from "../../ports/index.ts";
import { secretBytes, sha256 } from "../../keys/secret-text.ts";

export { createDevice, sha256 } from "../../keys/secret-text.ts";

const prefixes = { session: "plx_", key: "plxk_" } as const;

/** What a token names before it is checked: whose actor to ask, and under which hash. */
export interface TokenClaim {
  readonly user: string;
  readonly tokenHash: string;
  /** Of a short-lived token: the session that it was made of, what it is narrowed to, and when it ends by itself. */
  readonly session?: string;
  readonly scopes?: readonly string[];
  readonly expiresAtMs?: number;
}

/** A new token, `plx_<user name, base64url>.<32 random bytes>`: the name says which actor knows it. */
export function createToken(kind: "session" | "key", user: string, random: Random): string {
  const name = Buffer.from(user).toString("base64url");
  return `${prefixes[kind]}${name}.${Buffer.from(random.bytes(secretBytes)).toString("base64url")}`;
}

/** Whether a text has the form of a short-lived token: three parts. A session's token has two. */
export const isServiceToken = (token: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);

/** Reads a token's shape; undefined when it is none of ours. */
export function readToken(token: string): TokenClaim | undefined {
  const match = /^plxk?_([A-Za-z0-9_-]{1,64})\.[A-Za-z0-9_-]{43}$/.exec(token);
  if (match === null) return undefined;
  const user = Buffer.from(match[1] as string, "base64url").toString();
  return isUserName(user) ? { user, tokenHash: sha256(token) } : undefined;
}

/** Whether a text has the form of one. */
export const isDevice = (text: string): boolean => /^[A-Za-z0-9_-]{43}$/.test(text);

/** Whether somebody can be called so: a key without a dot, because an agent is `owner.name`. */
export const isUserName = (text: string): boolean => isKey(text) && !text.includes(".");

/** Compares two secrets in time that does not depend on where they differ. */
export const sameSecret = (left: string, right: string): boolean =>
  timingSafeEqual(createHash("sha256").update(left).digest(), createHash("sha256").update(right).digest());

/** The hash of an admin code as it is kept by `role-manager/cluster`. People may type it in lower case, with spaces. */
export const adminCodeHash = (code: string): string => sha256(code.toUpperCase().replaceAll(/[^A-Z0-9]/g, ""));

const idBytes = 10;
/** Ids that are written at once: one alone costs as much as ten of many. */
const idsAtOnce = 64;

/** Makes ids of sessions and keys, of calls, and of requests in the log. */
export function createIds(random: Pick<Random, "bytes">): () => string {
  let written = "";
  let used = 0;
  return () => {
    if (used === written.length) {
      written = Buffer.from(random.bytes(idBytes * idsAtOnce)).toString("hex");
      used = 0;
    }
    used += 2 * idBytes;
    return written.slice(used - 2 * idBytes, used);
  };
}
