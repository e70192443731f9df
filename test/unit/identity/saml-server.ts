/** A SAML identity provider that signs for real, by `samlify`; and the same with everything wrong that a test asks
 *  for. */
import { createRequire } from "node:module";
import { inflateRawSync } from "node:zlib";
import type { Certificate } from "../../fixtures/certificates.ts";

/** As much of it as is used. Its own types bring those of a browser's page with them, which would count for the whole
 *  program. */
interface Samlify {
  setSchemaValidator(validator: { validate(): Promise<string> }): void;
  readonly Constants: {
    readonly namespace: { readonly binding: { readonly post: string; readonly redirect: string } };
  };
  ServiceProvider(settings: object): {
    readonly entityMeta: {
      getEntityID(): string;
      getAssertionConsumerService(binding: string): string;
      isWantAssertionsSigned(): boolean;
    };
  };
  IdentityProvider(settings: object): {
    getMetadata(): string;
    createLoginResponse(
      sp: object,
      request: object,
      binding: string,
      user: object,
      more: object,
    ): Promise<{ context: string }>;
  };
}
const samlify = createRequire(import.meta.url)("samlify") as Samlify;

// It checks what comes from us by nothing: what is tested is what comes to us.
samlify.setSchemaValidator({ validate: async () => "ok" });

export const issuer = "https://idp.example.org/metadata";
export const entryPoint = "https://idp.example.org/sso";
export const logoutUrl = "https://idp.example.org/slo";

/** What the server understands of a service provider's metadata. */
export function readByServer(metadata: string) {
  const { entityMeta } = samlify.ServiceProvider({ metadata });
  return {
    entity: entityMeta.getEntityID(),
    back: entityMeta.getAssertionConsumerService("post"),
    wantsSigned: entityMeta.isWantAssertionsSigned(),
  };
}

/** What a response says. */
export interface Response {
  /** A name as XML, where it is not plain. */
  readonly subject?: string;
  readonly format?: string;
  readonly audience?: string;
  readonly recipient?: string;
  readonly destination?: string;
  readonly inResponseTo?: string;
  readonly issuer?: string;
  readonly method?: string;
  readonly atMs?: number;
  readonly context?: string;
  readonly attributes?: Readonly<Record<string, readonly string[]>>;
  readonly signs?: "assertion" | "response" | "both" | "nothing";
  readonly algorithm?: string;
  readonly id?: string;
}

/** What the request of a sign-in says, of the address to which the browser is sent. */
export function requestOf(url: string): { readonly xml: string; readonly id: string; readonly state: string | null } {
  const { searchParams } = new URL(url);
  const xml = inflateRawSync(Buffer.from(searchParams.get("SAMLRequest") ?? "", "base64")).toString();
  return { xml, id: /\sID="([^"]+)"/.exec(xml)?.[1] ?? "", state: searchParams.get("RelayState") };
}

const escape = (value: string): string => value.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Makes one for a service provider with this name and address. */
export function samlServer(at: { readonly certificate: Certificate; readonly clientId: string; readonly back: string }) {
  const { certificate, clientId, back } = at;
  const metadataOf = (signs: Response["signs"]) => ({
    entityID: clientId,
    wantAssertionsSigned: signs === "assertion" || signs === "both",
    wantMessageSigned: signs === "response" || signs === "both",
    assertionConsumerService: [{ Binding: samlify.Constants.namespace.binding.post, Location: back }],
  });
  const idpOf = (algorithm?: string) =>
    samlify.IdentityProvider({
      entityID: issuer,
      signingCert: certificate.pem,
      privateKey: certificate.keyPem,
      requestSignatureAlgorithm: algorithm ?? "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
      messageSigningOrder: "sign-then-encrypt",
      singleSignOnService: [{ Binding: samlify.Constants.namespace.binding.redirect, Location: entryPoint }],
      singleLogoutService: [{ Binding: samlify.Constants.namespace.binding.redirect, Location: logoutUrl }],
    });

  return {
    metadata: (): string => idpOf().getMetadata(),
    /** The response, in base64 as the form has it. */
    async respond(said: Response): Promise<string> {
      const signs = said.signs ?? "assertion";
      const atMs = said.atMs ?? Date.now();
      const id = said.id ?? `_a${Math.random().toString(16).slice(2)}`;
      const instant = (ms: number): string => new Date(ms).toISOString();
      const recipient = said.recipient ?? back;
      const inResponseTo = said.inResponseTo ?? "";
      const attributes = Object.entries(said.attributes ?? {}).map(
        ([name, values]) => `<saml:Attribute Name="${name}">${values.map((value) => `<saml:AttributeValue>${escape(value)}</saml:AttributeValue>`).join("")}</saml:Attribute>`,
      );
      const context = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r${id}" Version="2.0" IssueInstant="${instant(atMs)}" Destination="${said.destination ?? back}" InResponseTo="${inResponseTo}"><saml:Issuer>${said.issuer ?? issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion ID="${id}" Version="2.0" IssueInstant="${instant(atMs)}"><saml:Issuer>${said.issuer ?? issuer}</saml:Issuer><saml:Subject><saml:NameID Format="${said.format ?? "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"}">${said.subject ?? "ada-1"}</saml:NameID><saml:SubjectConfirmation Method="${said.method ?? "urn:oasis:names:tc:SAML:2.0:cm:bearer"}"><saml:SubjectConfirmationData NotOnOrAfter="${instant(atMs + 300_000)}" Recipient="${recipient}" InResponseTo="${inResponseTo}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="${instant(atMs)}" NotOnOrAfter="${instant(atMs + 300_000)}"><saml:AudienceRestriction><saml:Audience>${said.audience ?? clientId}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="${instant(atMs)}"><saml:AuthnContext><saml:AuthnContextClassRef>${said.context ?? "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>${attributes.length > 0 ? `<saml:AttributeStatement>${attributes.join("")}</saml:AttributeStatement>` : ""}</saml:Assertion></samlp:Response>`;
      if (signs === "nothing") return Buffer.from(context).toString("base64");
      const sp = samlify.ServiceProvider(metadataOf(signs));
      const made = await idpOf(said.algorithm).createLoginResponse(sp, { extract: { request: { id: inResponseTo } } }, "post", {}, { customTagReplacement: () => ({ id, context }) });
      return made.context;
    },
  };
} // prettier-ignore
