/** Whether somebody may make an account: one pure function, asked by every way to one: the sign-up route, the page, the
 *  terminal, and servers of identities.
 *
 *      rule           what lets somebody in
 *      open           nothing more
 *      domain         a confirmed mail address of an allowed domain, or an invitation
 *      invitation     an invitation
 *      closed         nothing
 *
 *  The code that makes an applicant has checked what it says: that the invitation holds, that the address is confirmed.
 *  The first account of a cluster is none of this: it needs the admin code. */
import { failure, type Failure } from "../errors.ts";

/** How people come to have accounts. */
export const registrationRules = ["open", "domain", "invitation", "closed"] as const;
export type RegistrationRule = (typeof registrationRules)[number];

/** What a cluster demands of those who make an account. */
export interface Registration {
  readonly rule: RegistrationRule;
  /** Domains whose addresses count for `domain`, in lower case; `.example.org` stands for all below it. */
  readonly domains: readonly string[];
}

/** Somebody who wants an account. */
export interface Applicant {
  /** An invitation is there. That it holds is found when it is used up. */
  readonly invited: boolean;
  /** `confirmed`: the person has shown that they read what comes there, or a server that is trusted in this says so. */
  readonly mail?: { readonly address: string; readonly confirmed: boolean } | undefined;
}

/** What somebody could still bring: any one of them is enough. */
export type RegistrationNeed = "invitation" | "mail";

/** May they? `uses`: what is used up by it. */
export type RegistrationState =
  | { readonly type: "may"; readonly uses: "invitation" | "mail" | undefined }
  | { readonly type: "needs"; readonly of: readonly RegistrationNeed[] }
  | { readonly type: "refused"; readonly error: Failure };

/** The domain of a mail address, in lower case; undefined: it is none. */
export function mailDomain(address: string): string | undefined {
  const at = address.lastIndexOf("@");
  const domain = address.slice(at + 1).toLowerCase();
  return at < 1 || domain === "" ? undefined : domain;
}

/** Whether an address is of one of these domains. A name that only ends alike, such as notexample.org, is not. */
export function isOfDomains(address: string, domains: readonly string[]): boolean {
  const domain = mailDomain(address);
  if (domain === undefined) return false;
  return domains.some((one) => domain === one || (one.startsWith(".") && domain.endsWith(one)));
}

/** Whether somebody may make an account, and what is still needed where not. */
export function registrationState({ rule, domains }: Registration, { invited, mail }: Applicant): RegistrationState {
  if (rule === "closed") return { type: "refused", error: failure("SIGN_UP_CLOSED") };
  // An invitation that somebody brings says what they become, where nobody needs one, too.
  if (rule === "open" && !invited) return { type: "may", uses: undefined };
  if (invited) return { type: "may", uses: "invitation" };
  if (rule === "invitation") return { type: "needs", of: ["invitation"] };
  if (mail === undefined) return { type: "needs", of: ["mail", "invitation"] };
  if (!isOfDomains(mail.address, domains))
    return { type: "refused", error: failure("MAIL_DOMAIN_REFUSED", { domains: domains.join(" ") }) };
  return mail.confirmed ? { type: "may", uses: "mail" } : { type: "needs", of: ["mail", "invitation"] };
}

/** The refusal of an applicant who still lacks something. Undefined: they may. */
export function refusalToRegister(state: RegistrationState): Failure | undefined {
  if (state.type === "refused") return state.error;
  return state.type === "needs" ? failure("SIGN_UP_NEEDS", { needs: state.of }) : undefined;
}
