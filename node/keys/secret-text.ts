/** Secrets as text, and what is stored of them. */
import { hash } from "node:crypto";
import type { Random } from "../ports/index.ts";

/** Bytes of a secret. */
export const secretBytes = 32;

/** SHA-256, hexadecimal: all that is stored of a token. Tokens are random, so a slow hash would add nothing. */
export const sha256 = (text: string): string => hash("sha256", text);

/** 32 random bytes: what a browser keeps to be known again, what a link carries. */
export const createDevice = (random: Pick<Random, "bytes">): string =>
  Buffer.from(random.bytes(secretBytes)).toString("base64url");
