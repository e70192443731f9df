/** Answers of SAML servers in which a signed assertion and a forged one stand so that two readers take different ones. They
 *  turn `ada-1`, which is signed, into `eve-1`. */

/** Parts of a signed response, as text. */
export const cut = (xml: string) => {
  const assertion = /<saml:Assertion[^]*<\/saml:Assertion>/.exec(xml)?.[0] ?? "";
  const signature = /<(?:\w+:)?Signature[ >][^]*<\/(?:\w+:)?Signature>/.exec(assertion)?.[0] ?? "";
  const bare = assertion.replace(signature, "");
  const forged = bare.replace("ada-1", "eve-1");
  const named = (id: string): string => forged.replace(/ ID="[^"]+"/, ` ID="${id}"`);
  return { assertion, signature, bare, forged, named };
};
/** Signature wrapping, as the paper numbers it: XSW 1 and 2 are of signed responses, 3 to 8 of signed assertions. */
export const wrappings: Readonly<Record<string, { readonly signs: "assertion" | "both"; readonly wrap: (xml: string) => string }>> = {
  "1: the signed response within the signature of a forged one": {
    signs: "both",
    wrap: (xml) => {
      const signature = /<(?:\w+:)?Signature[ >][^]*?<\/(?:\w+:)?Signature>/.exec(xml.replace(cut(xml).assertion, ""))?.[0] ?? "";
      const inner = xml.replace(signature, "");
      return xml.replace("ada-1", "eve-1").replace(/ ID="_r/, ' ID="_evil').replace("</ds:Signature>", `<ds:Object>${inner}</ds:Object></ds:Signature>`);
    },
  },
  "2: the signed response beside the signature of a forged one": {
    signs: "both",
    wrap: (xml) => {
      const signature = /<(?:\w+:)?Signature[ >][^]*?<\/(?:\w+:)?Signature>/.exec(xml.replace(cut(xml).assertion, ""))?.[0] ?? "";
      return xml.replace("ada-1", "eve-1").replace(/ ID="_r/, ' ID="_evil').replace("<samlp:Status>", `${xml.replace(signature, "")}<samlp:Status>`);
    },
  },
  "3: a forged assertion before the signed one": { signs: "assertion", wrap: (xml) => xml.replace("<saml:Assertion", `${cut(xml).named("_evil")}<saml:Assertion`) },
  "4: the signed assertion within a forged one": {
    signs: "assertion",
    wrap: (xml) => xml.replace(cut(xml).assertion, cut(xml).named("_evil").replace("</saml:Assertion>", `${cut(xml).assertion}</saml:Assertion>`)),
  },
  "5: a forged assertion with the signature, and the signed one after it": {
    signs: "assertion",
    wrap: (xml) => {
      const { assertion, signature, bare, named } = cut(xml);
      return xml.replace(assertion, named("_evil").replace("<saml:Subject>", `${signature}<saml:Subject>`) + bare);
    },
  },
  "6: the signed assertion within the signature of a forged one": {
    signs: "assertion",
    wrap: (xml) => {
      const { assertion, signature, bare, named } = cut(xml);
      const around = signature.replace(/<\/((?:\w+:)?)Signature>$/, (_, prefix) => `<${prefix}Object>${bare}</${prefix}Object></${prefix}Signature>`);
      return xml.replace(assertion, named("_evil").replace("<saml:Subject>", `${around}<saml:Subject>`));
    },
  },
  "7: a forged assertion within extensions, before the signed one": {
    signs: "assertion",
    wrap: (xml) => xml.replace("<saml:Assertion", `<samlp:Extensions>${cut(xml).forged}</samlp:Extensions><saml:Assertion`),
  },
  "8: the signed assertion within an object of the signature of a forged one with the same id": {
    signs: "assertion",
    wrap: (xml) => {
      const { assertion, signature, bare, forged } = cut(xml);
      const around = signature.replace(/<\/((?:\w+:)?)Signature>$/, (_, prefix) => `<${prefix}Object>${bare}</${prefix}Object></${prefix}Signature>`);
      return xml.replace(assertion, forged.replace("<saml:Subject>", `${around}<saml:Subject>`));
    },
  },
}; // prettier-ignore
