/** The root in a PKCS#11 token: sealed by an AES key that the token made and never gives away. Nodes have what is
 *  sealed; the token and its PIN are needed to open it. `pkcs11js`, a binding that is compiled where it is installed,
 *  is no dependency: owners of a token install it.
 *
 *      token:  AES-256 key, sensitive, not extractable, labelled  plexus <cluster> <kit>
 *      record: { label of the token, id of the key, nonce 12 │ AES-256-GCM(root) │ tag 16 }
 *              with cluster and commitment as associated data */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { commitmentText, kitName, tokenContext, type RootRecord } from "../../node/keys/index.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { Output } from "../terminal/output.ts";
import { withoutControls } from "../terminal/printable.ts";

/** Which token. */
export interface TokenFlags {
  /** The PKCS#11 module: a shared library of the token's maker. */
  readonly module: string;
  readonly label: string | undefined;
  /** Where the PIN is read from; without it, it is asked for. */
  readonly pinFile: string | undefined;
}

type Handle = Buffer;
interface Template {
  readonly type: number;
  readonly value?: number | boolean | string | Buffer;
}
/** What is used of pkcs11js. */
interface Pkcs11 {
  load(path: string): void;
  close(): void;
  C_Initialize(): void;
  C_Finalize(): void;
  C_GetSlotList(tokenPresent: boolean): readonly Handle[];
  C_GetTokenInfo(slot: Handle): { readonly label: string; readonly flags: number };
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_CloseSession(session: Handle): void;
  C_Login(session: Handle, user: number, pin: string): void;
  C_Logout(session: Handle): void;
  C_GenerateKey(session: Handle, mechanism: { readonly mechanism: number }, template: readonly Template[]): Handle;
  C_FindObjectsInit(session: Handle, template: readonly Template[]): void;
  C_FindObjects(session: Handle, max: number): readonly Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(
    session: Handle,
    object: Handle,
    template: readonly Template[],
  ): readonly { readonly value: Buffer }[];
  C_DestroyObject(session: Handle, object: Handle): void;
  C_EncryptInit(session: Handle, mechanism: object, key: Handle): void;
  C_Encrypt(session: Handle, bytes: Buffer, out: Buffer): Buffer;
  C_DecryptInit(session: Handle, mechanism: object, key: Handle): void;
  C_Decrypt(session: Handle, bytes: Buffer, out: Buffer): Buffer;
}

/** Numbers of PKCS #11, version 2.40. */
const ck = {
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  encrypt: 0x104,
  decrypt: 0x105,
  valueLen: 0x161,
  extractable: 0x162,
  secretKey: 0x4,
  aes: 0x1f,
  generateAes: 0x1080,
  aesGcm: 0x1087,
  gcmParams: 3,
  readWrite: 0x6,
  readOnly: 0x4,
  user: 1,
  pinIncorrect: 0xa0,
  pinLength: 0xa2,
  pinLocked: 0xa4,
  pinCountLow: 0x10000,
  pinFinalTry: 0x20000,
  pinIsLocked: 0x40000,
} as const;
const nonceBytes = 12;
const tagBytes = 16;
const keyIdBytes = 16;
const install = "npm install --no-save --allow-scripts=pkcs11js pkcs11js@2.1.7";

const unusable = (details: object): PlexusError => new PlexusError(failure("TOKEN_UNUSABLE", { ...details }));
const codeOf = (error: unknown): number => Number((error as { readonly code?: unknown }).code);
const reasonOf = (error: unknown): string => withoutControls(error instanceof Error ? error.message : String(error));

/** Seals a new root by a new key of a token. */
export async function sealInToken(
  flags: TokenFlags,
  { cluster, root }: { readonly cluster: string; readonly root: Uint8Array },
  output: Output,
): Promise<NonNullable<RootRecord["token"]>> {
  const commitment = commitmentText(root);
  const name = `plexus ${cluster} ${kitName({ commitment })}`;
  const id = randomBytes(keyIdBytes);
  return inToken(flags, ck.readWrite, output, ({ module, session, label }) => {
    const key = module.C_GenerateKey(session, { mechanism: ck.generateAes }, [
      { type: ck.class, value: ck.secretKey },
      { type: ck.keyType, value: ck.aes },
      { type: ck.valueLen, value: 32 },
      { type: ck.token, value: true },
      { type: ck.private, value: true },
      { type: ck.sensitive, value: true },
      { type: ck.extractable, value: false },
      { type: ck.encrypt, value: true },
      { type: ck.decrypt, value: true },
      { type: ck.label, value: name },
      { type: ck.id, value: id },
    ]);
    try {
      const [sensitive, extractable] = [ck.sensitive, ck.extractable].map(
        (type) => module.C_GetAttributeValue(session, key, [{ type }])[0]?.value[0],
      );
      if (sensitive !== 1 || extractable !== 0)
        throw unusable({ token: label, reason: "it made a key that it would give away" });
      const iv = randomBytes(nonceBytes);
      const how = gcm(iv, tokenContext(cluster, commitment));
      module.C_EncryptInit(session, how, key);
      const sealed = module.C_Encrypt(session, Buffer.from(root), Buffer.alloc(root.length + 2 * tagBytes));
      module.C_DecryptInit(session, how, key);
      const again = module.C_Decrypt(session, sealed, Buffer.alloc(sealed.length + tagBytes));
      if (!again.equals(root)) throw unusable({ token: label, reason: "it does not open what it has sealed" });
      return { label, key: id.toString("hex"), sealed: Buffer.concat([iv, sealed]).toString("base64url") };
    } catch (error) {
      module.C_DestroyObject(session, key);
      throw error;
    }
  });
}

/** The root of a record, by its token. */
export function openWithToken(
  flags: TokenFlags,
  { cluster, root }: { readonly cluster: string; readonly root: RootRecord },
  output: Output,
): Promise<Uint8Array> {
  const place = root.token;
  if (place === undefined) throw unusable({ reason: `kit ${kitName(root)} is in no token`, hint: "use its shares" });
  const told = { ...flags, label: flags.label ?? place.label };
  return inToken(told, ck.readOnly, output, ({ module, session, label }) => {
    const [key] = found(module, session, [
      { type: ck.class, value: ck.secretKey },
      { type: ck.id, value: Buffer.from(place.key, "hex") },
    ]);
    if (key === undefined) {
      const others = found(module, session, [{ type: ck.class, value: ck.secretKey }])
        .map((one) => module.C_GetAttributeValue(session, one, [{ type: ck.label }])[0]?.value.toString("utf8") ?? "")
        .map((name) => /^plexus (\S+) (\S+)$/.exec(name))
        .flatMap((match) => (match ? [`kit ${match[2]} of cluster ${match[1]}`] : []));
      throw unusable({
        token: label,
        reason:
          others.length === 0
            ? "it has no key of a recovery kit"
            : `it has another key: ${withoutControls(others.join(", "))}`,
        wanted: `kit ${kitName(root)} of cluster ${cluster}`,
      });
    }
    const sealed = Buffer.from(place.sealed, "base64url");
    module.C_DecryptInit(session, gcm(sealed.subarray(0, nonceBytes), tokenContext(cluster, root.commitment)), key);
    let opened: Buffer;
    try {
      opened = module.C_Decrypt(session, sealed.subarray(nonceBytes), Buffer.alloc(sealed.length + tagBytes));
    } catch {
      throw new PlexusError(failure("KEY_REFUSED", { token: label, reason: "what the token has sealed was changed" }));
    }
    if (commitmentText(opened) !== root.commitment)
      throw new PlexusError(failure("KEY_REFUSED", { token: label, reason: "the token has sealed another root" }));
    return opened;
  });
}

const gcm = (iv: Buffer, additional: Uint8Array): object => ({
  mechanism: ck.aesGcm,
  parameter: { type: ck.gcmParams, iv, ivBits: iv.length * 8, aad: Buffer.from(additional), tagBits: tagBytes * 8 },
});

function found(module: Pkcs11, session: Handle, template: readonly Template[]): readonly Handle[] {
  module.C_FindObjectsInit(session, template);
  try {
    return module.C_FindObjects(session, 100);
  } finally {
    module.C_FindObjectsFinal(session);
  }
}

/** Opens a session with a token, and closes it. */
async function inToken<T>(
  flags: TokenFlags,
  access: number,
  output: Output,
  work: (at: { readonly module: Pkcs11; readonly session: Handle; readonly label: string }) => T,
): Promise<T> {
  const module = loadBinding();
  try {
    module.load(flags.module);
    module.C_Initialize();
  } catch (error) {
    throw unusable({ module: flags.module, reason: `the module cannot be used: ${reasonOf(error)}` });
  }
  try {
    const tokens = module.C_GetSlotList(true).map((slot) => ({ slot, label: labelOf(module, slot) }));
    const named = tokens.filter(({ label }) => label !== "" && (flags.label === undefined || label === flags.label));
    const [token, other] = named;
    if (token === undefined || other !== undefined)
      throw unusable({
        ...(flags.label !== undefined && { token: flags.label }),
        reason: token === undefined ? "there is no such token" : "several tokens have this label, or none was named",
        there: tokens.map(({ label }) => withoutControls(label)).filter((label) => label !== ""),
      });
    const pin = await readPin(flags, token.label, output);
    const session = module.C_OpenSession(token.slot, access);
    try {
      login(module, session, token, pin);
      return work({ module, session, label: token.label });
    } catch (error) {
      if (error instanceof PlexusError) throw error;
      throw unusable({ token: token.label, reason: reasonOf(error) });
    } finally {
      module.C_CloseSession(session);
    }
  } finally {
    module.C_Finalize();
    module.close();
  }
}

const labelOf = (module: Pkcs11, slot: Handle): string => module.C_GetTokenInfo(slot).label.replace(/[\s\0]+$/, "");

function login(module: Pkcs11, session: Handle, token: { readonly slot: Handle; readonly label: string }, pin: string) {
  try {
    module.C_Login(session, ck.user, pin);
  } catch (error) {
    const { flags } = module.C_GetTokenInfo(token.slot);
    const isLocked = codeOf(error) === ck.pinLocked || (flags & ck.pinIsLocked) !== 0;
    const isWrong = codeOf(error) === ck.pinIncorrect || codeOf(error) === ck.pinLength;
    if (!isLocked && !isWrong) throw error;
    throw unusable({
      token: token.label,
      reason: isLocked ? "its PIN is locked after too many wrong ones" : "the PIN is wrong",
      ...((flags & ck.pinFinalTry) !== 0 && !isLocked && { hint: "one more wrong PIN locks it" }),
      ...((flags & ck.pinCountLow) !== 0 &&
        (flags & ck.pinFinalTry) === 0 &&
        !isLocked && { hint: "few tries are left" }),
    });
  }
}

function loadBinding(): Pkcs11 {
  const load = createRequire(import.meta.url);
  let binding: { readonly PKCS11: new () => Pkcs11 };
  try {
    binding = load("pkcs11js") as typeof binding;
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND";
    throw unusable({
      reason: isAbsent
        ? "pkcs11js is not installed; it is compiled where it is used"
        : `pkcs11js does not load: ${reasonOf(error)}`,
      hint: `in the folder of Plexus: ${install} (docs/backup/keys.md, tokens)`,
    });
  }
  return new binding.PKCS11();
}

/** The PIN, from a file or descriptor, or typed without an echo. Never an argument, and never in the environment:
 *  others can see those. */
async function readPin({ pinFile }: TokenFlags, label: string, output: Output): Promise<string> {
  if (pinFile !== undefined) {
    const pin = (await readFile(pinFile, "utf8")).split(/\r?\n/, 1)[0] ?? "";
    if (pin === "") throw new PlexusError(failure("BAD_REQUEST", { field: "--pin-file", reason: "it has no PIN" }));
    return pin;
  }
  if (!process.stdin.isTTY)
    throw new PlexusError(
      failure("BAD_REQUEST", { field: "--pin-file", reason: "there is no terminal to ask for the PIN" }),
    );
  output.printError(`PIN of the token ${withoutControls(label)} (it is not shown):`);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await lines.question("");
  } finally {
    lines.close();
  }
}
