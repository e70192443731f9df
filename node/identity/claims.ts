/** What servers say of people, within bounds: each is what somebody elsewhere wrote. */
import { cleaned, cut, failure, ok, refused, textFault, type Failure, type Result } from "../../protocols/index.ts";
import { identityLimits as limits } from "./limits.ts";
import type { Claims, ProviderSettings } from "./provider.ts";

/** A refusal of what came back. */
export const identityRefused = (reason: string): Failure => failure("IDENTITY_REFUSED", { reason });

/** A server that cannot be asked. */
export const identityAway = (reason: string): Failure => failure("IDENTITY_PROVIDER_AWAY", { reason });

/** A text that can be shown, of at most so many characters; undefined: it is none. */
export function shownText(value: unknown, charsMax = 256): string | undefined {
  if (typeof value !== "string") return undefined;
  const text = cleaned(cut(value, charsMax), "line").trim();
  return text !== "" && textFault(text, "line") === undefined ? text : undefined;
}

/** A name that has to be what it is: cut off it would be another. */
const whole = (value: unknown, charsMax: number): string | undefined =>
  typeof value === "string" && value !== "" && value.length <= charsMax && textFault(value, "line") === undefined
    ? value
    : undefined;

/** What adapters have read of an answer that is proven. */
interface Said {
  readonly issuer: unknown;
  readonly subject: unknown;
  readonly label?: unknown;
  readonly mail?: unknown;
  readonly mailConfirmed?: unknown;
  readonly name?: unknown;
  readonly displayName?: unknown;
  readonly groups?: unknown;
  readonly two?: boolean;
}

/** The claims, if they name somebody. Error: IDENTITY_REFUSED. */
export function claimsOf(said: Said): Result<Claims> {
  const issuer = whole(said.issuer, 512);
  const subject = whole(said.subject, 512);
  if (issuer === undefined || subject === undefined) return refused(identityRefused("it names nobody"));
  const mail = whole(said.mail, 320);
  const label = shownText(said.label) ?? mail;
  const name = shownText(said.name);
  const displayName = shownText(said.displayName, 80);
  return ok({
    issuer,
    subject,
    ...(label !== undefined && { label }),
    ...(mail !== undefined && { mail, mailConfirmed: said.mailConfirmed === true }),
    ...(name !== undefined && { name }),
    ...(displayName !== undefined && { displayName }),
    groups: textsOf(said.groups),
    ...(said.two === true && { two: true }),
  });
}

/** A list of texts: a server may say one text for a list of one. */
function textsOf(value: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return all.flatMap((one) => whole(one, 256) ?? []).slice(0, limits.groupsMax);
}

/** What lies under a name, or under names with dots between: `realm_access.roles`. */
export function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let at: unknown = claims;
  for (const part of name.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[part];
  }
  return at;
}

/** Whether the server says that it asked for two factors, in a way that the admin trusts. */
export function isTwo(
  { trustTwo }: Pick<ProviderSettings, "trustTwo">,
  said: { readonly amr?: unknown; readonly acr?: unknown },
): boolean {
  const methods = textsOf(said.amr);
  return (
    trustTwo?.amr?.some((one) => methods.includes(one)) === true ||
    (typeof said.acr === "string" && trustTwo?.acr?.includes(said.acr) === true)
  );
}
