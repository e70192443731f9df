/** Passkeys on the wire: what a browser is asked with, and what it answers. The forms are those of the browser's own
 *  interface; what checks them looks closer. */
import { Type } from "typebox";

/** A passkey that the browser may have. */
interface PasskeyKnown {
  id: string;
  /** `public-key`. */
  type: string;
  /** How it is reached: `usb`, `internal`, `hybrid`. */
  transports?: string[];
}

type Verification = "discouraged" | "preferred" | "required";

/** What a browser asks its passkeys with. */
export interface PasskeyRequest {
  challenge: string;
  timeout?: number;
  rpId?: string;
  /** Absent: any passkey of the page. */
  allowCredentials?: PasskeyKnown[];
  userVerification?: Verification;
}

/** What a browser makes a passkey with. */
export interface PasskeyCreation {
  rp: { id?: string; name: string };
  user: { id: string; name: string; displayName: string };
  challenge: string;
  pubKeyCredParams: { alg: number; type: "public-key" }[];
  timeout?: number;
  excludeCredentials?: PasskeyKnown[];
  authenticatorSelection?: {
    residentKey?: Verification;
    requireResidentKey?: boolean;
    userVerification?: Verification;
  };
  attestation?: "direct" | "enterprise" | "indirect" | "none";
}

/** A passkey's answer, or one that was made. */
export const passkeyAnswer = Type.Object({
  id: Type.String({ maxLength: 512 }),
  rawId: Type.String({ maxLength: 512 }),
  response: Type.Object({}),
});
