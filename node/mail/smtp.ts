/** Sends by SMTP. One connection a message: a cluster sends few, and none is held open for the next. */
import { failure, isLoopback, ok, refused, type Failure, type MailServer, type Result } from "../../protocols/index.ts";
import type { Letter } from "./letters.ts";
import { mailLimits } from "./limits.ts";

/** A mail server, with its password. */
export interface SmtpServer extends MailServer {
  readonly password?: string;
}

/** Sends one letter. `id` is the same in each try, so that a receiver that got it twice can tell. Errors: MAIL_REFUSED
 *  (for good), MAIL_AWAY (nothing was sent), MAIL_UNKNOWN. */
export type SendMail = (server: SmtpServer, letter: Letter, id: string) => Promise<Result<unknown>>;

type SmtpFault = Error & { readonly responseCode?: number; readonly code?: string; readonly command?: string };

/** The text of a mail server's answer as it may be shown: one line, without mail addresses. */
const said = (text: string): string =>
  text
    .replaceAll(/\p{Cc}+/gu, " ")
    .replaceAll(/\S+@\S+/g, "…")
    .slice(0, 200);

/** Whether a connection never leaves this machine. */
const staysHere = ({ host }: Pick<SmtpServer, "host">): boolean => host === "::1" || isLoopback(host);

/** How a connection is protected: TLS that is verified, but on this machine, or where the settings say `plain` by
 *  name. */
export const protectionOf = (server: Pick<SmtpServer, "host" | "security">) => ({
  secure: server.security === "tls",
  requireTLS: server.security === "starttls" && !staysHere(server),
  ignoreTLS: server.security === "plain",
  tls: { minVersion: "TLSv1.2" as const, rejectUnauthorized: !staysHere(server) },
});

/** Hears of one thing that nodemailer tells its log alone: that the whole message was handed to the connection. All
 *  else is dropped: it has addresses, links and what was signed in with. */
function listener(handedOver: () => void) {
  const nothing = (): void => undefined;
  const info = (facts: unknown): void => {
    if ((facts as { readonly tnx?: unknown } | undefined)?.tnx === "message") handedOver();
  };
  return { level: nothing, trace: nothing, debug: nothing, info, warn: nothing, error: nothing, fatal: nothing };
}

/** The adapter. `limits`: tests choose shorter times. */
export const sendBySmtp =
  (limits: Pick<typeof mailLimits, "connectTimeoutMs" | "silenceTimeoutMs"> = mailLimits): SendMail =>
  async (server, letter, id) => {
    const { createTransport } = await import("nodemailer");
    const { host, port, user, password, from, fromName } = server;
    // From here on the server may have taken the message, even if it says nothing more.
    let handedOver = false;
    const transport = createTransport({
      host,
      port,
      ...protectionOf(server),
      ...(user !== undefined && { auth: { user, pass: password ?? "" } }),
      connectionTimeout: limits.connectTimeoutMs,
      greetingTimeout: limits.connectTimeoutMs,
      dnsTimeout: limits.connectTimeoutMs,
      socketTimeout: limits.silenceTimeoutMs,
      // nodemailer must not open paths or addresses that stand in a letter.
      disableFileAccess: true,
      disableUrlAccess: true,
      logger: listener(() => (handedOver = true)),
    });
    try {
      await transport.sendMail({
        from: fromName === undefined ? from : { name: fromName, address: from },
        to: letter.to,
        subject: letter.subject,
        text: letter.text,
        html: letter.html,
        ...(letter.attachments && {
          attachments: letter.attachments.map(({ name, type, bytes }) => ({
            filename: name,
            contentType: type,
            content: Buffer.from(bytes),
          })),
        }),
        messageId: `<${id}@${from.slice(from.lastIndexOf("@") + 1)}>`,
        headers: { ...letter.headers, "Auto-Submitted": "auto-generated" },
      });
      return ok({});
    } catch (error) {
      return refused(faultOf(error as SmtpFault, handedOver));
    } finally {
      transport.close();
    }
  };

/** What a failure means: a server that answered has refused for good (5xx) or for now (4xx); one that fell silent after
 *  it had the message may have taken it; anything before that came to nothing. */
export function faultOf({ responseCode, code, command, message }: SmtpFault, handedOver: boolean): Failure {
  // What a mail server says before it hears of a recipient concerns each letter, not this one.
  const isOfLetter =
    handedOver ||
    command === "RCPT TO" ||
    command === "DATA" ||
    (command === "API" && (code === "EENVELOPE" || code === "EMESSAGE"));
  const reason = said(message);
  const at = isOfLetter ? "letter" : "server";
  // A password that is wrong stays wrong, and a server without TLS gets none: an admin has to look.
  const isSettings = code === "EAUTH" || code === "ETLS";
  if (responseCode !== undefined && responseCode >= 500)
    return failure("MAIL_REFUSED", { reason, at, answer: responseCode });
  if (responseCode !== undefined && responseCode >= 400)
    return failure("MAIL_AWAY", { reason, at, answer: responseCode });
  if (handedOver) return failure("MAIL_UNKNOWN", { reason });
  return isSettings || code === "EENVELOPE" || code === "EMESSAGE"
    ? failure("MAIL_REFUSED", { reason, at })
    : failure("MAIL_AWAY", { reason, at });
}
