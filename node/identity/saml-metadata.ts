/** The metadata of a SAML identity provider, as its admin publishes it: who it is, where people are sent, what it signs
 *  with. The admin who sets it has it from a source that they trust: a signature of the metadata itself is not looked
 *  at.
 *
 *  Source: Metadata for the OASIS Security Assertion Markup Language (SAML) V2.0, section 2.4.3. */
import { X509Certificate } from "node:crypto";
import { failure, failureOf, isSafeServer, ok, refused, type Result, type ServerOf } from "../../protocols/index.ts";
import { boundedFetch } from "./ask.ts";
import { identityAway } from "./claims.ts";
import { tagsOf, type Tag } from "./xml.ts";

const redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";

/** What the row of a server needs, from its metadata. */
export type SamlMetadata = Pick<ServerOf<"saml">, "issuer" | "entryPoint" | "certificates" | "logoutUrl">;

/** What an admin of the server is given of this cluster: its name there, where answers come to, and that assertions are
 *  to be signed. */
export async function ownSamlMetadata(server: Pick<ServerOf<"saml">, "clientId">, back: string): Promise<string> {
  const { generateServiceProviderMetadata } = await import("@node-saml/node-saml");
  return generateServiceProviderMetadata({
    issuer: server.clientId,
    callbackUrl: back,
    identifierFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    wantAssertionsSigned: true,
    // An id that is the same each time: the text changes only with what it says.
    generateUniqueId: () => "_plexus",
  });
}

/** Reads it. Error: BAD_REQUEST: it is none, or names no way to sign in by redirect. */
export function readSamlMetadata(text: string): Result<SamlMetadata> {
  const wrong = (problem: string) => refused(failure("BAD_REQUEST", { path: "/metadata", problem }));
  const tags = tagsOf(text);
  if (typeof tags === "string") return wrong(tags);
  const entities = tags.filter(({ name }) => name === "EntityDescriptor");
  const own = tags.filter(({ within }) => within.includes("IDPSSODescriptor"));
  if (entities.length !== 1 || own.length === 0) return wrong("it is not the metadata of one identity provider");
  const issuer = entities[0]?.attributes.get("entityID");
  const place = (name: string): string | undefined =>
    own.find((tag) => tag.name === name && tag.attributes.get("Binding") === redirect)?.attributes.get("Location");
  const entryPoint = place("SingleSignOnService");
  if (issuer === undefined || entryPoint === undefined)
    return wrong("it names no SingleSignOnService with the binding HTTP-Redirect");
  const certificates = [...new Set(signingCertificates(own))].slice(0, 4);
  if (certificates.length === 0) return wrong("it names no certificate to sign with");
  const logoutUrl = place("SingleLogoutService");
  return ok({ issuer, entryPoint, certificates, ...(logoutUrl !== undefined && { logoutUrl }) });
}

/** Asks for metadata once. What comes may be another's where the connection is not to the server that it seems, so the
 *  admin that sets it
 *  compares the certificates. Errors: BAD_REQUEST (no https, and not this machine), IDENTITY_PROVIDER_AWAY. */
export async function fetchSamlMetadata(url: string, send: typeof fetch): Promise<Result<string>> {
  if (!isSafeServer(url))
    return refused(
      failure("BAD_REQUEST", { path: "/metadata", problem: "its address needs https, unless it is of this machine" }),
    );
  try {
    const answer = await boundedFetch(send)(url, {
      headers: { accept: "application/samlmetadata+xml, application/xml" },
    });
    if (answer.status >= 300 && answer.status < 400)
      return refused(identityAway("it sends on to another address: give that one"));
    return answer.ok ? ok(await answer.text()) : refused(identityAway(`it answers ${answer.status}`));
  } catch (error) {
    return refused(failureOf(error));
  }
}

/** By what a certificate is told from another. */
export interface CertificateMark {
  /** SHA-256 of it, as other programs print it: `AB:CD:…`. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly until: string;
}

/** The marks of certificates. Error: BAD_REQUEST: one is none. */
export function marksOf(certificates: readonly string[]): Result<readonly CertificateMark[]> {
  try {
    return ok(
      certificates.map((pem) => {
        const { fingerprint256: fingerprint, subject, validTo: until } = new X509Certificate(pem);
        return { fingerprint, subject: subject.replaceAll("\n", ", "), until };
      }),
    );
  } catch {
    return refused(failure("BAD_REQUEST", { path: "/metadata", problem: "it has a certificate that cannot be read" }));
  }
}

/** Those of keys that are not for encryption alone, as PEM. */
function signingCertificates(own: readonly Tag[]): readonly string[] {
  let use: string | undefined;
  return own.flatMap(({ name, attributes, text }) => {
    if (name === "KeyDescriptor") use = attributes.get("use");
    if (name !== "X509Certificate" || use === "encryption") return [];
    const base64 = text.replaceAll(/\s/g, "");
    return [`-----BEGIN CERTIFICATE-----\n${(base64.match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE-----\n`];
  });
}
