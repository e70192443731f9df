/** Other servers by which people sign in. */
import { Type } from "typebox";
import {
  providerName,
  setIdentityProvider,
  type IdentityProviderView,
  type SetIdentityProvider,
} from "../authority/identity-provider.ts";
import { answer } from "../wire/command.ts";
import { object } from "../wire/schema.ts";
import { changes, fieldsOf, listOf, ofDirectory, reads } from "./operation.ts";

const tags = ["cluster"];
const ofProvider = object({ provider: providerName });
const view = answer<IdentityProviderView>("IdentityProviderView");
const back = Type.String({ description: "The address to enter at the server" });
const { secret: _writeOnly, ...isSet } = setIdentityProvider.properties;

/** One of them. Field by field: gRPC has given the message its own name. */
const shown = fieldsOf({
  ...isSet,
  registration: Type.Unsafe<SetIdentityProvider["registration"]>({
    type: "string",
    enum: ["create", "invitation", "link-only"],
  }),
  name: Type.String(),
  hasSecret: Type.Boolean(),
  within: Type.Optional(listOf(Type.String())),
  by: Type.Optional(Type.String()),
  back,
});

export const identityProviderOperations = {
  "identityProviders.list": reads({
    answer: fieldsOf({ providers: listOf(view) }),
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary: "The servers by which people can sign in, as they are set",
    tags,
  }),
  "identityProviders.show": reads({
    params: ofProvider,
    answer: shown,
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary: "One of them, with the address to enter there",
    tags,
  }),
  "identityProviders.set": changes({
    params: ofProvider,
    fields: setIdentityProvider,
    answer: view,
    permission: "identity.manage",
    errors: ["NOT_FOUND", "IDENTITY_PROVIDER_AWAY", ...ofDirectory],
    action: "setIdentityProvider",
    facts: ({ provider, server, registration, roles = [], secret }) => ({
      provider,
      kind: server.kind,
      issuer: server.issuer ?? "",
      registration,
      roles: roles
        .map(({ group, role }) => `${group}=${role}`)
        .join(" ")
        .slice(0, 256),
      secret: secret === undefined ? "kept" : "given",
    }),
    summary: "Sets a server by which people can sign in",
    description:
      "`secret` is write-only; without it the one of before stays, as long as server and client are the same. " +
      "Nobody maps groups to roles that they do not have, and people with more rights than the person who sets it " +
      "cannot sign in by it.",
    tags,
  }),
  "identityProviders.remove": changes({
    params: ofProvider,
    answer: view,
    permission: "identity.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removeIdentityProvider",
    facts: ({ provider }) => ({ provider }),
    summary: "Removes a server by which people can sign in; answers with it",
    description: "Links of accounts to it stay, and let nobody in while it is not there.",
    tags,
  }),
  "identityProviders.test": reads({
    params: ofProvider,
    answer: fieldsOf({
      ok: Type.Boolean(),
      found: listOf(fieldsOf({ what: Type.String(), says: Type.String(), ok: Type.Boolean() })),
      back,
    }),
    looks: true,
    task: { what: ({ provider }) => `Test of ${provider}` },
    permission: "identity.manage",
    errors: ["NOT_FOUND", "IDENTITY_PROVIDER_AWAY", "DIRECTORY_UNAVAILABLE"],
    summary: "Asks a server what can be asked without a person",
    tags,
  }),
};
