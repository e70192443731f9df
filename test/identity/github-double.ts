/** GitHub, as much of it as sign-in needs, made from its documentation: the web application flow with PKCE, and the REST API of people. As there, a token request
 *  that fails is answered with status 200. It has the paths of a GitHub Enterprise server. */
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Somebody there. */
export interface GithubPerson {
  readonly id: number;
  readonly login: string;
  readonly name?: string;
  readonly emails?: readonly { readonly email: string; readonly primary: boolean; readonly verified: boolean }[];
  readonly orgs?: readonly string[];
  readonly teams?: readonly { readonly org: string; readonly slug: string }[];
}

/** The double. */
export interface GithubDouble {
  readonly url: string;
  /** Who is signed in there; undefined: whoever comes says no. */
  person: GithubPerson | undefined;
  stop(): Promise<void>;
}

/** Starts it. */
export async function startGithub(client: {
  readonly clientId: string;
  readonly clientSecret: string;
}): Promise<GithubDouble> {
  const codes = new Map<string, { readonly challenge: string; readonly redirect: string; readonly scope: string }>();
  const tokens = new Map<string, string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", double.url);
      const json = (status: number, body: unknown): void => {
        response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
      };
      if (url.pathname === "/login/oauth/authorize") {
        const { searchParams: asked } = url;
        const back = new URL(asked.get("redirect_uri") ?? double.url);
        back.searchParams.set("state", asked.get("state") ?? "");
        if (double.person === undefined) back.searchParams.set("error", "access_denied");
        else {
          const code = randomBytes(10).toString("hex");
          codes.set(code, { challenge: asked.get("code_challenge") ?? "", redirect: asked.get("redirect_uri") ?? "", scope: asked.get("scope") ?? "" }); // prettier-ignore
          back.searchParams.set("code", code);
        }
        response.writeHead(302, { location: back.href }).end();
        return;
      }
      if (url.pathname === "/login/oauth/access_token") {
        const form = new URLSearchParams(Buffer.concat(chunks).toString());
        const known = codes.get(form.get("code") ?? "");
        codes.delete(form.get("code") ?? "");
        const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url"); // prettier-ignore
        if (form.get("client_id") !== client.clientId || form.get("client_secret") !== client.clientSecret)
          return json(200, { error: "incorrect_client_credentials" });
        if (known === undefined || known.challenge !== challenge)
          return json(200, { error: "bad_verification_code", error_description: "The code passed is incorrect or expired." }); // prettier-ignore
        if (known.redirect !== form.get("redirect_uri")) return json(200, { error: "redirect_uri_mismatch" });
        const token = `gho_${randomBytes(18).toString("hex")}`;
        tokens.set(token, known.scope);
        return json(200, { access_token: token, scope: known.scope.replaceAll(" ", ","), token_type: "bearer" });
      }
      const { person } = double;
      const scope = tokens.get((request.headers.authorization ?? "").replace(/^Bearer /, ""));
      if (scope === undefined || person === undefined) return json(401, { message: "Bad credentials" });
      if (request.headers["user-agent"] === undefined) return json(403, { message: "no user agent" });
      const page = Number(url.searchParams.get("page") ?? "1") === 1;
      switch (url.pathname) {
        case "/api/v3/user":
          return json(200, { id: person.id, login: person.login, name: person.name ?? null, email: null });
        case "/api/v3/user/emails":
          return scope.includes("user:email") ? json(200, page ? (person.emails ?? []) : []) : json(404, {});
        case "/api/v3/user/orgs":
          return scope.includes("read:org") ? json(200, page ? (person.orgs ?? []).map((login) => ({ login })) : []) : json(403, {}); // prettier-ignore
        case "/api/v3/user/teams":
          return scope.includes("read:org") ? json(200, page ? (person.teams ?? []).map(({ org, slug }) => ({ slug, organization: { login: org } })) : []) : json(403, {}); // prettier-ignore
        default:
          return json(404, { message: "Not Found" });
      }
    });
  });
  const double: { url: string; person: GithubPerson | undefined; stop(): Promise<void> } = {
    url: "",
    person: undefined,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  double.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return double;
}
