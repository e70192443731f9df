/** Secrets with names, for admins: written and never read. */
import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import {
  adoptSecret,
  failure,
  refused,
  rotateSecret,
  secretParams,
  secretReference,
  setSecretBody,
  type AuditFacts,
  type Result,
  type SecretsView,
  type SecretView,
} from "../../protocols/index.ts";
import type { NamedSecrets, SecretRow } from "../cluster/secrets.ts";
import { audited, audits, changeOf, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";

/** One setting that has a secret. */
export interface SecretUse {
  /** `mail`, `identity-provider/google`. */
  readonly of: string;
  /** `secret:NAME`; something else: it keeps it by itself. */
  readonly sealed: string;
}

/** Secrets, as a gateway has them. */
export interface SecretsControl {
  readonly named: Pick<NamedSecrets, "list" | "set" | "rotate" | "remove">;
  uses(): Promise<readonly SecretUse[]>;
  /** Makes what a setting keeps by itself a secret of that name, to which the setting refers from then on. Errors: NOT_FOUND, NAME_TAKEN, OVERLOADED. */
  adopt(
    name: string,
    from: string,
    author: { readonly by: string; readonly nowMs: number },
  ): Promise<Result<SecretRow>>;
}

type Params = Static<typeof secretParams>;
const read = { access: "admin", permission: "secrets.read" } as const;

/** Adds the routes. */
export function addSecrets(app: FastifyInstance, at: GatewayContext, control: SecretsControl): void {
  const tags = ["admin"];
  const { named } = control;
  const author = (by: string) => ({ by, nowMs: at.clock.nowMs() });
  const usedBy = (uses: readonly SecretUse[], name: string): readonly string[] =>
    uses.filter(({ sealed }) => secretReference(sealed) === name).map(({ of }) => of);
  const shown = (row: SecretRow | undefined) =>
    row && { version: row.version, for: [...row.for], ...(row.note !== undefined && { note: row.note }) };
  /** What differs, for the audit; to be taken before it is done. */
  const since = (name: string) => {
    const before = shown(named.list().find((row) => row.name === name));
    return (after: SecretRow | undefined): AuditFacts => changeOf(before, shown(after));
  };
  function viewOf(row: SecretRow, uses: readonly SecretUse[]): SecretView {
    const { sealed: _, ...shownOf } = row;
    return { ...shownOf, usedBy: usedBy(uses, row.name) };
  }

  app.get(
    "/admin/secrets",
    {
      config: read,
      schema: {
        summary:
          "The secrets of the cluster without what they are: where they may be sent, what uses them, who set them last",
        description: "`own`: settings that keep a secret by themselves.",
        tags,
      },
    },
    async (): Promise<SecretsView> => {
      const uses = await control.uses();
      return {
        secrets: named.list().map((row) => viewOf(row, uses)),
        own: uses.filter(({ sealed }) => secretReference(sealed) === undefined).map(({ of }) => of),
      };
    },
  );

  app.put<{ Params: Params; Body: Static<typeof setSecretBody> }>(
    "/admin/secrets/:secret",
    {
      config: audits("setSecret", "secrets.manage"),
      schema: {
        summary: "Sets a secret, in place of the one of that name",
        description:
          "`value` is written and never read. `for` names the hosts that it may be sent to: a setting for another place does not get it. Settings take it as `secret:NAME` where they take a password or a key. `seen`: how often the caller has seen it set, 0 for never; where it is another number by now, nothing is set (CHANGED_MEANWHILE).",
        tags,
        params: secretParams,
        body: setSecretBody,
      },
    },
    async (request) => {
      const { secret: name } = request.params;
      const facts = { secret: name, for: request.body.for };
      const row = await audited(at, request, facts, named.set(name, request.body, author(whoIs(request))), since(name)); // prettier-ignore
      return viewOf(row, await control.uses());
    },
  );

  app.post<{ Params: Params; Body: Static<typeof rotateSecret> }>(
    "/admin/secrets/:secret/rotate",
    {
      config: audits("rotateSecret", "secrets.manage"),
      schema: {
        summary: "Replaces the value of a secret; whatever uses it takes the new one",
        tags,
        params: secretParams,
        body: rotateSecret,
      },
    },
    async (request) => {
      const { secret: name } = request.params;
      const done = named.rotate(name, request.body.value, author(whoIs(request)));
      const row = await audited(at, request, { secret: name }, done, since(name));
      return viewOf(row, await control.uses());
    },
  );

  app.post<{ Params: Params; Body: Static<typeof adoptSecret> }>(
    "/admin/secrets/:secret/adopt",
    {
      config: audits("setSecret", "secrets.manage"),
      schema: {
        summary:
          "Makes the secret that a setting keeps by itself one with a name, to which the setting refers from then on",
        tags,
        params: secretParams,
        body: adoptSecret,
      },
    },
    async (request) => {
      const { secret: name } = request.params;
      const { from } = request.body;
      const row = await audited(at, request, { secret: name, from }, control.adopt(name, from, author(whoIs(request))), since(name)); // prettier-ignore
      return viewOf(row, await control.uses());
    },
  );

  app.delete<{ Params: Params }>(
    "/admin/secrets/:secret",
    {
      config: audits("removeSecret", "secrets.manage"),
      schema: {
        summary: "Removes a secret that nothing uses",
        description: "FORBIDDEN, with what uses it, while something does.",
        tags,
        params: secretParams,
      },
    },
    async (request) => {
      const { secret: name } = request.params;
      const done = async (): Promise<Result<SecretRow>> => {
        const used = usedBy(await control.uses(), name);
        const [first] = used;
        if (first !== undefined) return refused(failure("FORBIDDEN", { reason: `it is used by ${used.join(", ")}`, secret: name })); // prettier-ignore
        return named.remove(name);
      };
      const gone = since(name);
      const row = await audited(at, request, { secret: name }, done(), () => gone(undefined));
      return viewOf(row, []);
    },
  );
}
