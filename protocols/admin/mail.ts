/** Mail: addresses, and how the cluster sends it (docs/decisions/0084-mail-and-registration.md). */
import { Type, type Static } from "typebox";
import { line, object } from "../wire/schema.ts";

const word = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const addressText = `^${word}(\\.${word})*@${label}(\\.${label})+$`;
const addressPattern = new RegExp(addressText);

/** A mail address, in ASCII. What stands in it can end no header and name no second receiver. */
export const mailAddress = Type.String({
  pattern: addressText,
  maxLength: 254,
  description: "a mail address like ada@example.org",
});

/** Whether a text is a mail address. */
export const isMailAddress = (text: string): boolean => text.length <= 254 && addressPattern.test(text);

/** The same for two ways of writing an address: no server that is worth it tells capitals apart. */
export const plainAddress = (address: string): string => address.toLowerCase();

/** How the connection to the mail server is protected. `plain` is for servers on this machine, and for admins who ask
 *  for it by name. */
export const mailSecurity = Type.Union([Type.Literal("starttls"), Type.Literal("tls"), Type.Literal("plain")]);

/** A mail server, without its password. */
export const mailServer = object({
  host: Type.String({ minLength: 1, maxLength: 253, pattern: "^[A-Za-z0-9:][A-Za-z0-9.:_-]*$" }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  security: mailSecurity,
  /** The account that signs in there. Absent: none does. */
  user: Type.Optional(line(256)),
  /** Whom mail is from. */
  from: mailAddress,
  fromName: Type.Optional(line(64)),
});
export type MailServer = Static<typeof mailServer>;

/** `PUT /admin/mail`. The password is taken and never shown; absent: the one that is there stays. */
export const setMail = object({
  ...mailServer.properties,
  password: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
});

/** How mail is set up, without the password. */
export interface MailView {
  readonly server?: MailServer;
  readonly hasPassword: boolean;
  /** Where links lead to, as the node that was asked is configured. Absent: it sends none. */
  readonly publicUrl?: string;
  /** Messages that wait at the node that was asked. */
  readonly waiting: number;
}
