/** SAML 2.0, the profile for browsers: a request by redirect, the answer by a form (POST). `@node-saml/node-saml`
 *  checks the signature and gives the assertion that was signed; all that is decided here is decided by that assertion
 *  and nothing beside it.
 *
 *      form ─► xml.ts: no entities, comments, depth; algorithms of the list alone
 *           ─► library: signature of the assertion, audience, InResponseTo
 *           ─► signed assertion: issuer, recipient, request, time, used once ─► claims
 *
 *  Invariants: (a) Claims come from an assertion that a certificate of the row signed, not from what lies around it.
 *  (b) It is an answer to the request of this attempt, for this address and this audience, within its time. (c) An
 *  assertion is good once.
 *
 *  Sources: SAML V2.0 Profiles, section 4.1; Somorovsky and others, “On Breaking SAML” (signature wrapping), 2012. */
import { X509Certificate } from "node:crypto";
import type { Profile, SAML } from "@node-saml/node-saml";
import { failure, isSafeServer, ok, refused, type Failure, type Result } from "../../protocols/index.ts";
import { boundedFetch } from "./ask.ts";
import { claimsOf, identityAway, identityRefused, isTwo, shownText } from "./claims.ts";
import { identityLimits as limits } from "./limits.ts";
import type { ProviderAdapter } from "./provider.ts";
import { ownSamlMetadata } from "./saml-metadata.ts";
import { tagsOf } from "./xml.ts";

const requestIdBytes = 20;
const bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const unspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/** What may be named in a signature: no SHA-1, no HMAC (whose key would be the public one), no transformation that
 *  leaves out parts. */
const algorithms: ReadonlySet<string> = new Set([
  "http://www.w3.org/2001/10/xml-exc-c14n#",
  "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
  "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
  "http://www.w3.org/2001/04/xmlenc#sha256",
  "http://www.w3.org/2001/04/xmlenc#sha512",
  "http://www.w3.org/2001/04/xmldsig-more#sha384",
]);

/** Names that servers give an attribute, where the row names none: the plain one, its object identifier (X.500, LDAP),
 *  Microsoft's. */
const usual = {
  mail: [
    "mail",
    "email",
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
  ],
  displayName: [
    "displayName",
    "urn:oid:2.16.840.1.113730.3.1.241",
    "cn",
    "urn:oid:2.5.4.3",
    "http://schemas.microsoft.com/identity/claims/displayname",
  ],
  name: [
    "uid",
    "username",
    "urn:oid:0.9.2342.19200300.100.1.1",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
  ],
} as const;

/** An element as the library gives it: attributes in `$`, text in `_`, children by their name without prefix. */
type Element = Readonly<Record<string, unknown>>;
const childrenOf = (of: unknown, name: string): readonly Element[] => {
  const all = typeof of === "object" && of !== null && Object.hasOwn(of, name) ? (of as Element)[name] : undefined;
  return Array.isArray(all) ? all.filter((one): one is Element => typeof one === "object" && one !== null) : [];
};
const attributeOf = (of: Element | undefined, name: string): string | undefined => {
  const own = of?.["$"];
  const value =
    typeof own === "object" && own !== null && Object.hasOwn(own, name) ? (own as Element)[name] : undefined;
  return typeof value === "string" ? value : undefined;
};
/** Of an element that has text and nothing else: what has elements in it would be read differently by others. */
const textOf = (of: Element | undefined): string | undefined => {
  const isPlain = of !== undefined && Object.keys(of).every((key) => key === "_" || key === "$");
  return isPlain && typeof of["_"] === "string" ? of["_"] : undefined;
};

/** Whether something holds now, within what clocks differ by. A time that cannot be read holds never. */
function isWithin(element: Element | undefined, nowMs: number): boolean {
  const at = (name: string, absent: number): number => {
    const said = attributeOf(element, name);
    return said === undefined ? absent : Date.parse(said);
  };
  const early = at("NotBefore", Number.NEGATIVE_INFINITY) - limits.samlSkewMs;
  const late = at("NotOnOrAfter", Number.POSITIVE_INFINITY) + limits.samlSkewMs;
  return early <= nowMs && nowMs < late;
}

/** Assertions that were used, until they would be over by themselves. */
function createUsed() {
  const until = new Map<string, number>();
  return (id: string, untilMs: number, nowMs: number): boolean => {
    for (const [one, endMs] of until) {
      if (endMs > nowMs && until.size < limits.samlAssertionsMax) break;
      until.delete(one);
    }
    if (until.has(id)) return false;
    until.set(id, untilMs);
    return true;
  };
}

/** The adapter. */
export const saml: ProviderAdapter<"saml"> = (settings, ports) => {
  const { name, label, server, groupClaim } = settings;
  const used = createUsed();
  const visit = boundedFetch(ports.fetch);
  const no = (reason: string): Result<never> => refused(identityRefused(reason));

  /** The library, for one request of ours: it may be an answer to that one alone. */
  async function open(back: string, id: string, again = false): Promise<SAML> {
    const { SAML: Library, ValidateInResponseTo } = await import("@node-saml/node-saml");
    const none = async () => null;
    return new Library({
      issuer: server.clientId,
      audience: server.clientId,
      idpIssuer: server.issuer,
      callbackUrl: back,
      entryPoint: server.entryPoint,
      logoutUrl: server.logoutUrl ?? server.entryPoint,
      idpCert: [...server.certificates],
      wantAssertionsSigned: true,
      // The assertion's own signature counts; many servers sign nothing else.
      wantAuthnResponseSigned: false,
      identifierFormat: null,
      disableRequestedAuthnContext: true,
      forceAuthn: again,
      acceptedClockSkewMs: limits.samlSkewMs,
      generateUniqueId: () => id,
      validateInResponseTo: ValidateInResponseTo.always,
      cacheProvider: {
        saveAsync: none,
        removeAsync: none,
        getAsync: async (asked) => (asked === id ? new Date(ports.nowMs()).toISOString() : null),
      },
    });
  }

  /** What is wrong with an answer before anything of it is believed. */
  function faultOf(text: string, back: string): string | undefined {
    const tags = tagsOf(text);
    if (typeof tags === "string") return tags;
    if (tags[0]?.name !== "Response") return "it is not a response";
    if (tags.some((one) => one.name === "EncryptedAssertion" || one.name === "EncryptedID"))
      return "it is encrypted; have the server sign assertions and not encrypt them";
    const other = tags
      .map((one) => one.attributes.get("Algorithm"))
      .find((one) => one !== undefined && !algorithms.has(one));
    if (other !== undefined) return `it is signed by an algorithm that is not taken: ${shownText(other, 80) ?? ""}`;
    const destination = tags[0].attributes.get("Destination");
    return destination === undefined || destination === back ? undefined : "it is for another address";
  }

  /** The claims of an assertion whose signature is right. */
  function read(assertion: Element, at: { back: string; id: string; begunAtMs: number; again: boolean }) {
    const nowMs = ports.nowMs();
    if (textOf(childrenOf(assertion, "Issuer")[0]) !== server.issuer) return no("it is of another server");
    const [subject] = childrenOf(assertion, "Subject");
    const named = childrenOf(subject, "NameID");
    const who = named.length === 1 ? textOf(named[0]) : undefined;
    if (who === undefined) return no("it names nobody");
    if (attributeOf(named[0], "Format") === transient)
      return no("its names are transient: each sign-in has another. Have the server send persistent ones");
    const confirmed = childrenOf(subject, "SubjectConfirmation").some((one) => {
      const [data] = childrenOf(one, "SubjectConfirmationData");
      return (
        attributeOf(one, "Method") === bearer &&
        attributeOf(data, "Recipient") === at.back &&
        attributeOf(data, "InResponseTo") === at.id &&
        attributeOf(data, "NotOnOrAfter") !== undefined &&
        isWithin(data, nowMs)
      );
    });
    if (!confirmed) return no("it is not for this address, not an answer to this sign-in, or over");
    const conditions = childrenOf(assertion, "Conditions");
    if (conditions.length !== 1 || !isWithin(conditions[0], nowMs)) return no("it does not hold now");
    const [statement] = childrenOf(assertion, "AuthnStatement");
    const provenAtMs = Date.parse(attributeOf(statement, "AuthnInstant") ?? "");
    if (at.again && !(provenAtMs >= at.begunAtMs - limits.samlSkewMs)) return no("the person was not asked again");
    const id = attributeOf(assertion, "ID");
    if (id === undefined || !used(id, nowMs + limits.samlUsedMs, nowMs)) return no("it was used before");

    const said = new Map<string, readonly string[]>();
    for (const one of childrenOf(assertion, "AttributeStatement").flatMap((all) => childrenOf(all, "Attribute"))) {
      const key = attributeOf(one, "Name");
      const values = childrenOf(one, "AttributeValue").flatMap((value) => textOf(value) ?? []);
      if (key !== undefined) said.set(key, [...(said.get(key) ?? []), ...values]);
    }
    const first = (own: string | undefined, others: readonly string[]): string | undefined =>
      (own === undefined ? others : [own]).flatMap((key) => said.get(key)?.[0] ?? [])[0];
    const mail = first(server.mailAttribute, usual.mail);
    const [context] = childrenOf(statement, "AuthnContext");
    const acr = textOf(childrenOf(context, "AuthnContextClassRef")[0]);
    return claimsOf({
      issuer: server.issuer,
      subject: who,
      label: mail ?? who,
      mail,
      mailConfirmed: server.trustMail === true && mail !== undefined,
      name: first(server.nameAttribute, usual.name) ?? who,
      displayName: first(server.displayNameAttribute, usual.displayName),
      groups: groupClaim === undefined ? [] : said.get(groupClaim),
      two: isTwo(settings, { acr }),
    });
  }

  return {
    name,
    label,
    kind: "saml",
    metadata: (back) => ownSamlMetadata(server, back),

    async begin({ back, state, again }) {
      const away = (reason: string): Result<never> => refused(identityAway(reason));
      if (!isSafeServer(server.entryPoint)) return away("its address needs https");
      // The name of an XML id begins with no digit.
      const id = `_${Buffer.from(ports.random(requestIdBytes)).toString("hex")}`;
      try {
        const url = await (await open(back, id, again)).getAuthorizeUrlAsync(state, undefined, {});
        return ok({ url, kept: { id, begunAtMs: ports.nowMs() } });
      } catch (error) {
        return away(reasonOf(error));
      }
    },

    async finish({ form, back, again }, { id, begunAtMs }) {
      if (typeof id !== "string" || typeof begunAtMs !== "number") return no("nothing was begun");
      const coded = form?.["SAMLResponse"] ?? "";
      if (coded === "" || coded.length > limits.xmlCharsMax * 2)
        return no("it sent no response, or one that is too long");
      let text: string;
      try {
        text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(coded, "base64"));
      } catch {
        return no("it is not in UTF-8");
      }
      const fault = faultOf(text, back);
      if (fault !== undefined) return no(fault);
      try {
        // Coded anew, so that the library reads what was looked at.
        const SAMLResponse = Buffer.from(text).toString("base64");
        const { profile } = await (await open(back, id)).validatePostResponseAsync({ SAMLResponse });
        const signed = (profile as Profile | null)?.getAssertion?.()["Assertion"];
        if (typeof signed !== "object" || signed === null) return no("it has no assertion");
        return read(signed as Element, { back, id, begunAtMs, again });
      } catch (error) {
        return no(reasonOf(error));
      }
    },

    async signOut({ subject }) {
      if (server.logoutUrl === undefined || !isSafeServer(server.logoutUrl)) return undefined;
      const id = `_${Buffer.from(ports.random(requestIdBytes)).toString("hex")}`;
      try {
        const library = await open(server.entryPoint, id);
        return await library.getLogoutUrlAsync({ nameID: subject, nameIDFormat: unspecified } as Profile, "", {});
      } catch {
        return undefined;
      }
    },

    async test() {
      const answer: Result<number> = await visit(server.entryPoint).then(
        ({ status }) => ok(status),
        (error: unknown) => refused((error as { failure?: Failure }).failure ?? failure("IDENTITY_PROVIDER_AWAY")),
      );
      const rows = [
        {
          what: "sign-in page",
          says: answer.ok ? `status ${answer.value}` : "it does not answer",
          ok: answer.ok && answer.value < 500 && answer.value !== 404,
        },
        ...server.certificates.map((pem, at) => certificateRow(pem, `certificate ${at + 1}`, ports.nowMs())),
      ];
      // An old one beside a new one is how certificates change.
      return { ok: rows[0]?.ok === true && rows.slice(1).some((row) => row.ok), found: rows };
    },
  };
};

/** Why the library took something for wrong: a line that can be logged. It may quote what came. */
const reasonOf = (error: unknown): string => shownText((error as Error)?.message, 200) ?? "it cannot be read";

function certificateRow(pem: string, what: string, nowMs: number): { what: string; says: string; ok: boolean } {
  try {
    const { subject, validTo, publicKey } = new X509Certificate(pem);
    const bits = publicKey.asymmetricKeyDetails?.modulusLength;
    const isOver = Date.parse(validTo) < nowMs;
    const isWeak = bits !== undefined && bits < 2_048;
    const says =
      `${shownText(subject, 80) ?? ""}, until ` +
      `${validTo}${isOver ? ": over" : ""}${isWeak ? `: ${bits} bits are too few` : ""}`;
    return { what, says, ok: !isOver && !isWeak };
  } catch {
    return { what, says: "it is not a certificate", ok: false };
  }
}
