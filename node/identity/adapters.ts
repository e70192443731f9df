/** The kinds of servers, one row each, and the providers that are open. */
import {
  failure,
  ok,
  refused,
  type IdentityServer,
  type ProviderKind,
  type Result,
  type ServerOf,
} from "../../protocols/index.ts";
import { identityLimits } from "./limits.ts";
import type { IdentityPorts, IdentityProvider, ProviderAdapter, ProviderSettings } from "./provider.ts";

type Adapters = { readonly [Kind in ProviderKind]: () => Promise<ProviderAdapter<Kind>> };

/** Each is loaded when somebody uses it. */
const adapters: Adapters = {
  oidc: async () => (await import("./oidc.ts")).oidc,
  github: async () => (await import("./github.ts")).github,
  saml: async () => (await import("./saml.ts")).saml,
};

/** A provider of these settings. Error: BAD_REQUEST: this version has no such kind. */
async function openProvider<Kind extends ProviderKind>(
  settings: ProviderSettings<ServerOf<Kind>>,
  ports: IdentityPorts,
): Promise<Result<IdentityProvider>> {
  const { kind } = settings.server as IdentityServer;
  const adapter = await (
    adapters as unknown as Readonly<Record<string, (() => Promise<ProviderAdapter<Kind>>) | undefined>>
  )[kind]?.();
  if (adapter === undefined)
    return refused(failure("BAD_REQUEST", { path: "/server/kind", problem: `this version knows no ${kind}` }));
  return ok(adapter(settings, ports));
}

/** Providers by what they were made of: what one has discovered is kept as long as its settings are the same. */
export interface Providers {
  /** Error: as of `openProvider`. */
  of(settings: ProviderSettings): Promise<Result<IdentityProvider>>;
}

/** Makes them. */
export function createProviders(ports: IdentityPorts): Providers {
  const open = new Map<string, { readonly made: string; readonly provider: Promise<Result<IdentityProvider>> }>();
  return {
    of(settings) {
      const made = JSON.stringify(settings);
      const known = open.get(settings.name);
      if (known?.made === made) return known.provider;
      const provider = openProvider(settings as ProviderSettings<ServerOf<ProviderKind>>, ports);
      // Names that are gone.
      if (open.size >= identityLimits.providersOpenMax) open.clear();
      open.set(settings.name, { made, provider });
      return provider;
    },
  };
}
