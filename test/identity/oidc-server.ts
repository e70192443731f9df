/** A real server of OpenID Connect (`oidc-provider`) on loopback, in which whoever comes is signed in as the test says, without forms. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider, type Configuration } from "oidc-provider";

/** Somebody who has an account there. */
export interface Person {
  readonly sub: string;
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly name?: string;
  readonly preferred_username?: string;
  readonly groups?: readonly string[];
  /** How the person signed in. */
  readonly amr?: readonly string[];
}

/** The server. */
export interface OidcServer {
  readonly issuer: string;
  /** Who signs in next; undefined: whoever comes says no. */
  person: Person | undefined;
  stop(): Promise<void>;
}

export const clientId = "plexus";
export const clientSecret = "a-secret-of-the-client-and-of-nobody-else";

/** Starts it. `page`: where the node is that people come back to; `forms`: people type their name themselves. */
export async function startOidcServer({
  pages,
  names = ["main"],
  forms = false,
}: {
  readonly pages: readonly string[];
  readonly names?: readonly string[];
  readonly forms?: boolean;
}): Promise<OidcServer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const people = new Map<string, Person>();
  const known: OidcServer = {
    issuer,
    person: undefined,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const configuration: Configuration = {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: pages.flatMap((page) => names.map((name) => `${page}/api/v1/sign-in/back/${name}`)),
        post_logout_redirect_uris: pages.map((page) => `${page}/`),
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: {
      openid: ["sub", "auth_time", "amr", "acr"],
      email: ["email", "email_verified"],
      profile: ["name", "preferred_username"],
      groups: ["groups"],
    } as Configuration["claims"],
    scopes: ["openid", "email", "profile", "groups"],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: forms }, rpInitiatedLogout: { enabled: true } },
    cookies: { keys: ["for tests"] },
    findAccount: (_context, sub) => {
      const person = people.get(sub) ?? { sub, name: sub, email: `${sub}@example.org`, email_verified: true };
      return { accountId: sub, claims: () => ({ ...person }) as { sub: string } };
    },
    ...(!forms && {
      interactions: { url: (_context: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}` },
    }),
  } as Configuration;
  const provider = new Provider(issuer, configuration);
  // What it says on the console of a process for tests.
  provider.on("server_error", () => undefined);
  const callback = provider.callback();
  server.on("request", (request, response) => {
    if (forms || !(request.url ?? "").startsWith("/interaction/")) return void callback(request, response);
    void (async () => {
      const { prompt, params, grantId, session } = await provider.interactionDetails(request, response);
      const { person } = known;
      if (person === undefined)
        return provider.interactionFinished(request, response, { error: "access_denied", error_description: "no" });
      people.set(person.sub, person);
      if (prompt.name === "login")
        return provider.interactionFinished(request, response, {
          login: { accountId: person.sub, ...(person.amr && { amr: [...person.amr] }) },
        });
      const grant =
        (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ??
        new provider.Grant({ accountId: session?.accountId ?? person.sub, clientId: String(params["client_id"]) });
      grant.addOIDCScope(String(params["scope"]));
      return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true }); // prettier-ignore
    })().catch(() => response.writeHead(500).end());
  });
  return known;
}
