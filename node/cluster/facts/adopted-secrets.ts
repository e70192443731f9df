/** Named secrets: what uses them, and how a setting that keeps a secret by itself comes to refer to one. */
import { failure, refused, secretReference, type Result } from "../../../protocols/index.ts";
import { sinkContext, type AuditRules } from "./audit-rules.ts";
import type { ClusterEndpoints } from "./endpoints.ts";
import type { IdentityProviders } from "./identity-providers.ts";
import type { MailSettings } from "./mail.ts";
import type { SecretsControl } from "./operations.ts";
import { destinationOf, type Destination, type NamedSecrets, type SecretAuthor, type SecretRow } from "./secrets.ts";

type Uses = Awaited<ReturnType<SecretsControl["uses"]>>;

/** A setting that keeps a secret by itself. */
interface Holder {
  readonly sealed: string;
  readonly context: readonly string[];
  readonly to: Destination;
  /** Has it refer to a secret from now on. */
  refer(reference: string): Promise<Result<unknown>>;
}

/** Makes what the gateway has of them. */
export function secretsControl(
  named: NamedSecrets,
  at: {
    readonly peer: {
      readonly identityProviders: IdentityProviders;
      readonly auditRules: AuditRules;
      readonly endpoints: Pick<ClusterEndpoints, "current">;
    };
    readonly mail: Pick<MailSettings, "kept" | "set">;
  },
): SecretsControl {
  const { identityProviders, auditRules, endpoints } = at.peer;

  async function uses(): Promise<Uses> {
    const mail = await at.mail.kept();
    return [
      ...(mail?.sealed === undefined ? [] : [{ of: "mail", sealed: mail.sealed }]),
      ...identityProviders
        .current()
        .flatMap(({ name, sealed }) => (sealed === undefined ? [] : [{ of: `identity-provider/${name}`, sealed }])),
      ...auditRules.sinks
        .current()
        .flatMap(({ name, sealed }) => (sealed === undefined ? [] : [{ of: `audit-sink/${name}`, sealed }])),
      ...endpoints
        .current()
        .flatMap(({ name, key }) =>
          key?.secret === undefined ? [] : [{ of: `endpoint/${name}`, sealed: `secret:${key.secret}` }],
        ),
    ];
  }

  async function holderOf(from: string): Promise<Holder | undefined> {
    const [kind, name] = from.split("/");
    if (kind === "mail") {
      const mail = await at.mail.kept();
      if (mail?.sealed === undefined) return undefined;
      const { sealed, context, server } = mail;
      return { sealed, context, to: server, refer: (reference) => at.mail.set(server, reference) };
    }
    if (kind === "audit-sink") {
      const sink = auditRules.sinks.current().find((one) => one.name === name);
      if (sink?.sealed === undefined) return undefined;
      const refer = (sealed: string) => auditRules.sinks.set({ ...sink, sealed });
      return { sealed: sink.sealed, context: sinkContext(sink), to: destinationOf(sink.url), refer };
    }
    const row = identityProviders.current().find((one) => one.name === name);
    if (row?.sealed === undefined) return undefined;
    const refer = (sealed: string) => identityProviders.set({ ...row, sealed });
    const to = destinationOf(row.server.issuer ?? "https://github.com");
    return { sealed: row.sealed, context: ["identity-provider", row.name], to, refer };
  }

  async function adopt(name: string, from: string, author: SecretAuthor): Promise<Result<SecretRow>> {
    const holder = await holderOf(from);
    if (holder === undefined) return refused(failure("NOT_FOUND", { reason: `${from} keeps no secret` }));
    if (secretReference(holder.sealed) !== undefined)
      return refused(failure("ALREADY_DONE", { reason: `${from} refers to ${holder.sealed}` }));
    if (named.list().some((row) => row.name === name)) return refused(failure("NAME_TAKEN", { name }));
    const value = await named.open(holder.sealed, holder.context);
    if (value === undefined)
      return refused(failure("NOT_FOUND", { reason: `what ${from} keeps was sealed by another cluster` }));
    const { host, port } = holder.to;
    // First the secret, then what refers to it: whatever is broken off in between, nothing is lost.
    const set = await named.set(name, { value, for: [`${host.toLowerCase()}:${port}`], note: `from ${from}` }, author);
    if (!set.ok) return set;
    const referred = await holder.refer(`secret:${name}`);
    return referred.ok ? set : referred;
  }

  return { named, uses, adopt };
}
