/** `plexus identity`: servers by which people sign in. */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { IdentityServer, OperationAnswer, ProviderKind, SetIdentityProvider } from "../../protocols/index.ts";
import type { CertificateMark, SamlMetadata } from "../../node/identity/index.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { forLook } from "../node/node-client.ts";
import { exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { isConfirmed } from "../terminal/confirm.ts";
import { renderTable } from "../terminal/table.ts";
import { secretIn, textIn } from "../terminal/text-file.ts";

/** What `plexus identity set` was told. */
export interface IdentityFlags {
  readonly issuer?: string;
  readonly metadata?: string;
  readonly fingerprint?: readonly string[];
  readonly clientId: string;
  readonly secretFile?: string;
  readonly label: string;
  readonly registration: SetIdentityProvider["registration"];
  readonly mailDomain?: readonly string[];
  readonly scope?: readonly string[];
  readonly groupClaim?: string;
  readonly role?: readonly string[];
  readonly twoBy?: readonly string[];
  readonly twoClass?: readonly string[];
  readonly signOut?: boolean;
}

/** `plexus identity`. With --json one line a server. */
export async function listProviders(flags: AdminFlags, output: Output): Promise<number> {
  const { providers } = demand(await callsTo(forLook(await findNode(flags)))("identityProviders.list"));
  if (flags.json) for (const one of providers) output.print(jsonLine(one));
  else if (providers.length === 0) output.print("People sign in here alone: `plexus identity set --help`.");
  else {
    const heads = ["name", "kind", "server", "accounts", "roles by groups"].map((head) => ({ head }));
    const rows = providers.map(({ name, server, registration, roles = [] }) => [
      withoutControls(name),
      server.kind,
      withoutControls(server.issuer ?? "https://github.com"),
      registration,
      withoutControls(roles.map(({ group, role }) => `${group}=${role}`).join(" ")),
    ]);
    output.print(renderTable(heads, rows, output));
  }
  return exitCodes.ok;
}

/** `plexus identity show`. */
export async function showProvider(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const shown = demand(await callsTo(forLook(await findNode(flags)))("identityProviders.show", { provider: name }));
  output.print(flags.json ? jsonLine(shown) : describeProvider(shown));
  return exitCodes.ok;
}

/** What `plexus identity show` prints. */
export function describeProvider({
  server,
  label,
  hasSecret,
  registration,
  mailDomains = [],
  groupClaim,
  roles = [],
  trustTwo,
  signOut,
  within,
  back,
}: OperationAnswer<"identityProviders.show">): string {
  const two = [...(trustTwo?.amr ?? []), ...(trustTwo?.acr ?? [])];
  return [
    `button: Sign in with ${label}`,
    `server: ${server.kind}, ${server.issuer ?? "https://github.com"}`,
    `client: ${server.clientId}${hasSecret ? ", with a secret" : ", without a secret"}`,
    `accounts: ${registration}${mailDomains.length === 0 ? "" : `, for ${mailDomains.join(", ")}`}`,
    `roles: ${roles.map(({ group, role }) => `${group} has ${role}`).join(", ") || "as they are here"}` +
      (groupClaim === undefined ? "" : `, by ${groupClaim}`),
    `two factors: ${two.length === 0 ? "asked for here" : `trusted by ${two.join(", ")}`}`,
    `signing out: ${signOut === true ? "there as well" : "here alone"}`,
    `set with the roles: ${within?.join(", ") ?? "the operator's"}`,
    `address to enter there: ${back}`,
    "  (where `publicUrl` is not set: with the host by which people open the page, in place of this node's own)",
  ]
    .map(withoutControls)
    .join("\n");
}

const plainMark = (fingerprint: string): string => fingerprint.replaceAll(/[^0-9a-f]/gi, "").toUpperCase();

/** Whether somebody vouches for the certificates that an address gave: by their fingerprints, or by saying so on a
 *  terminal where they are shown. */
export async function isTrusted(
  marks: readonly CertificateMark[],
  fingerprints: readonly string[] | undefined,
  { output, sure }: { readonly output: Output; readonly sure: (question: string) => Promise<boolean> },
): Promise<boolean> {
  output.printError("It signs with:");
  for (const { fingerprint, subject, until } of marks)
    output.printError(`  SHA-256 ${fingerprint}\n    ${withoutControls(subject)}, until ${withoutControls(until)}`);
  if (fingerprints === undefined)
    return sure("Compare them with what the server's admin tells you. Are they the server's?");
  const told = new Set(fingerprints.map(plainMark));
  return marks.every(({ fingerprint }) => told.has(plainMark(fingerprint)));
}

/** The metadata in a file, which the admin has; or at an address, which is asked once. */
async function metadataOf(
  place: string,
  fingerprints: readonly string[] | undefined,
  output: Output,
): Promise<SamlMetadata> {
  const { fetchSamlMetadata, marksOf, readSamlMetadata } = await import("../../node/identity/index.ts");
  if (!/^https?:/i.test(place)) return demand(readSamlMetadata(await textIn(place)));
  const found = demand(readSamlMetadata(demand(await fetchSamlMetadata(place, fetch))));
  if (await isTrusted(demand(marksOf(found.certificates)), fingerprints, { output, sure: isConfirmed })) return found;
  const reason = "nothing was set: the owner of a certificate can sign in as anybody who signs in with this server";
  const hint = "give each fingerprint with --fingerprint, or answer yes on a terminal";
  throw new PlexusError(failure("BAD_REQUEST", { field: "--metadata", reason, hint }));
}

async function serverOf(
  kind: ProviderKind,
  { issuer, metadata, clientId, scope, fingerprint }: IdentityFlags,
  output: Output,
): Promise<IdentityServer> {
  const wrong = (field: string, reason: string): PlexusError =>
    new PlexusError(failure("BAD_REQUEST", { field, reason }));
  switch (kind) {
    case "oidc":
      if (issuer === undefined) throw wrong("--issuer", "it needs the address of the server");
      return { kind, issuer, clientId, ...(scope && { scopes: [...scope] }) };
    case "github":
      return { kind, clientId, ...(issuer !== undefined && { issuer }) };
    default: {
      if (metadata === undefined) throw wrong("--metadata", "it needs the server's metadata: a file, or its address");
      return { kind, clientId, ...(await metadataOf(metadata, fingerprint, output)) };
    }
  }
}

function roleOf(text: string): { readonly group: string; readonly role: string } {
  // A group may have the sign in its name; a role has not.
  const at = text.lastIndexOf("=");
  if (at < 1) throw new PlexusError(failure("BAD_REQUEST", { field: "--role", reason: "it is like admins=admin" }));
  return { group: text.slice(0, at), role: text.slice(at + 1) };
}

/** `plexus identity set`. */
export async function setProvider(
  flags: AdminFlags,
  told: IdentityFlags & { readonly name: string; readonly kind: ProviderKind },
  output: Output,
): Promise<number> {
  const { name, kind, label, registration, secretFile, mailDomain, groupClaim, role, twoBy, twoClass, signOut } = told;
  const secret = secretFile === undefined ? undefined : await secretIn(secretFile);
  const body: SetIdentityProvider = {
    server: await serverOf(kind, told, output),
    label,
    registration,
    ...(secret !== undefined && { secret }),
    ...(mailDomain && { mailDomains: [...mailDomain] }),
    ...(groupClaim !== undefined && { groupClaim }),
    ...(role && { roles: role.map(roleOf) }),
    ...((twoBy || twoClass) && {
      trustTwo: { ...(twoBy && { amr: [...twoBy] }), ...(twoClass && { acr: [...twoClass] }) },
    }),
    ...(signOut === true && { signOut }),
  };
  const call = callsTo(await findNode(flags));
  demand(await call("identityProviders.set", { provider: name, ...body }));
  const shown = demand(await call("identityProviders.show", { provider: name }));
  output.print(
    flags.json ? jsonLine(shown) : `${describeProvider(shown)}\nTry it: plexus identity test ${withoutControls(name)}`,
  );
  return exitCodes.ok;
}

/** `plexus identity remove`. */
export async function removeProvider(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const removed = await operate(flags, "identityProviders.remove", { provider: name });
  output.print(
    flags.json
      ? jsonLine(removed)
      : `Nobody signs in by ${withoutControls(name)} any more. Links of accounts to it stay.`,
  );
  return exitCodes.ok;
}

/** `plexus identity test`. Fails where something is wrong. */
export async function testProvider(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const report = await operate(flags, "identityProviders.test", { provider: name });
  if (flags.json) output.print(jsonLine(report));
  else
    for (const { what, says, ok } of report.found)
      output.print(
        `${ok ? paint(output.color, "green", "ok") : paint(output.color, "red", "wrong")} ` +
          `${withoutControls(what)}: ${withoutControls(says)}`,
      );
  return report.ok ? exitCodes.ok : exitCodes.failed;
}
