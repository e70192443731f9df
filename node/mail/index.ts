/** Mail: what the cluster sends to people, and how it gets to their server.
 *
 *      what happened ─► letters.ts: text and HTML ─► outbound.ts: a bounded queue, repeated ─► smtp.ts ─► mail server
 *
 *  The gateway knows the port `Outbound`; the port `SendMail` below it has one adapter, SMTP. Its settings are one row
 *  of the directory (`node/cluster/facts/mail.ts`), so that every node sends and an admin sets them once; the password
 *  in it is sealed.
 *
 *  What waits lies in memory: a message that was lost with its node is asked for again by the person who misses it.
 *  Each message has one outcome, which the log and the metrics say: sent, refused by the server, given up, dropped, or
 *  unknown, where the server had all of it and did not answer. One of unknown outcome is not sent again: nobody gets
 *  the same link twice and wonders which one counts.
 *
 *  No address is in a log or a metric, and no link. */
export { createOutbound } from "./outbound.ts";
export { handleMail } from "./operations.ts";
export { sendBySmtp } from "./smtp.ts";
