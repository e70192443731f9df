import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { readFile, stat } from "node:fs/promises";

/** What was read for TLS, and fits together. */
export interface Certificates {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string;
  /** When the first certificate of the file ends, which is the one that is shown. */
  readonly endsAtMs: number;
  readonly subject: string;
}

/** Larger files are no certificates. */
const fileBytesMax = 1024 * 1024;

type Field = "tls.cert" | "tls.key" | "tls.clientCa";
type Read =
  | { readonly ok: true; readonly value: Certificates }
  | { readonly ok: false; readonly field: Field; readonly file: string; readonly reason: string };

/** Reads a certificate, its key, and the authorities of clients, and looks whether they can be used together. Never
 *  says what is in the key. */
export async function readCertificates(files: {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string | undefined;
}): Promise<Read> {
  const texts: Partial<Record<Field, string>> = {};
  for (const [field, file] of [
    ["tls.cert", files.cert],
    ["tls.key", files.key],
    ["tls.clientCa", files.clientCa],
  ] as const) {
    if (file === undefined) continue;
    try {
      if ((await stat(file)).size > fileBytesMax)
        return { ok: false, field, file, reason: `larger than ${fileBytesMax} bytes` };
      texts[field] = await readFile(file, "utf8");
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { ok: false, field, file, reason: code === undefined ? message : `it cannot be read (${code})` };
    }
  }
  const { "tls.cert": cert = "", "tls.key": key = "", "tls.clientCa": clientCa } = texts;
  const bad = (field: Field, reason: string): Read => ({
    ok: false,
    field,
    file: files[field.slice(4) as "cert"],
    reason,
  });
  const shown = certificateIn(cert);
  if (shown === undefined) return bad("tls.cert", "it holds no certificate as PEM (-----BEGIN CERTIFICATE-----)");
  const own = keyIn(key);
  if (own === undefined) return bad("tls.key", "it holds no private key as PEM, or one with a passphrase");
  if (!shown.checkPrivateKey(own)) return bad("tls.key", "it is the key of another certificate");
  if (clientCa !== undefined && certificateIn(clientCa) === undefined)
    return bad("tls.clientCa", "it holds no certificate as PEM (-----BEGIN CERTIFICATE-----)");
  const endsAtMs = Date.parse(shown.validTo);
  const subject = shown.subject.replaceAll("\n", ",");
  return { ok: true, value: { cert, key, ...(clientCa !== undefined && { clientCa }), endsAtMs, subject } };
}

function certificateIn(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function keyIn(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
