/** Servers that say who somebody is, asked over the network: OpenID Connect, GitHub, SAML.
 *
 *      row of the directory ──► adapters.ts ──► IdentityProvider ──► claims ──► the gateway: whose account, what else
 *
 *  An adapter proves what a server says: that it comes from there, is for this cluster, is an answer to this sign-in
 *  and to no other. It knows no account and no role. Everything that it is sent is bounded and unproven until a library
 *  has checked it. */
export { createProviders, type Providers } from "./adapters.ts";
export {
  fetchSamlMetadata,
  marksOf,
  readSamlMetadata,
  type CertificateMark,
  type SamlMetadata,
} from "./saml-metadata.ts";
export { identityLimits } from "./limits.ts";
export type { Claims, IdentityPorts, IdentityProvider, Kept, ProviderAdapter, ProviderSettings } from "./provider.ts";
