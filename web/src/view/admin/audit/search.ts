/** What entries of the audit are searched by: fields of the form, and of the address of its page. */
export const auditFields = ["by", "action", "target", "address", "node", "outcome", "text", "since", "until"] as const;

/** Which entries are shown; part of the address, so that a link leads to them. */
export type AuditSearch = { readonly [Name in (typeof auditFields)[number]]?: string };

/** What of an address is of it. */
export const auditSearchIn = (search: Readonly<Record<string, string>>): AuditSearch =>
  Object.fromEntries(auditFields.flatMap((name) => (search[name] === undefined ? [] : [[name, search[name]]])));
