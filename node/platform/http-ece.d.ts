declare module "http_ece" {
  import type { ECDH } from "node:crypto";

  /** The content coding `aes128gcm` (RFC 8188) with a key that two sides agree on (RFC 8291). Keys are base64url. */
  function encrypt(
    content: Buffer,
    how: {
      readonly version: "aes128gcm";
      readonly privateKey: ECDH;
      readonly dh: string;
      readonly authSecret: string;
    },
  ): Buffer;
}
