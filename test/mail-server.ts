/** A real SMTP server on loopback, which does what a test wants: takes, refuses, falls silent, or cuts the line. */
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

/** A message that arrived. */
export interface Arrived {
  readonly to: string;
  readonly from: string;
  /** As it came, with its headers. */
  readonly raw: string;
  /** With the line ends of the encoding taken out. */
  readonly text: string;
  readonly secure: boolean;
  readonly user: string | undefined;
}

/** What becomes of a message: an answer's code and text, silence, or the end of the line. */
export type Fate = "take" | "hang" | "cut" | { readonly code: number; readonly text: string };

export interface MailServerStand {
  readonly port: number;
  readonly arrived: readonly Arrived[];
  /** How often a message was begun. */
  readonly tries: number;
  /** The first message, past or coming, that fits; it is taken out. */
  next(fits?: (message: Arrived) => boolean): Promise<Arrived>;
  /** Of the messages to come, in order; the last holds for all that follow. */
  fates: Fate[];
  stop(): Promise<void>;
}

/** What quoted-printable says, in the parts of a message that are written so: elsewhere `=AB` is what it looks like.
 *  Parts end at the message's own boundary: a line of a long link may begin with `--` as well. */
const decoded = (raw: string): string =>
  raw
    .split(/boundary="([^"]+)"/.exec(raw)?.[1] ?? "\0")
    .map((part) =>
      /^content-transfer-encoding: quoted-printable\r?$/im.test(part)
        ? part
            .replaceAll(/=\r?\n/g, "")
            .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
        : part,
    )
    .join("\n");

/** The link that a message has: what is behind `#`. */
export const linkIn = ({ text }: Arrived): string => /#((?:reset|mail|account)=[\w.-]+)/.exec(text)?.[1] ?? "";

/** Starts it. */
export async function startMailServer(options: SMTPServerOptions = {}): Promise<MailServerStand> {
  const arrived: Arrived[] = [];
  const waiting = new Set<() => void>();
  const stand = { fates: ["take"] as Fate[], tries: 0 };
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    ...options,
    onData(stream, session, done) {
      stand.tries += 1;
      const fate = stand.fates.length > 1 ? (stand.fates.shift() as Fate) : (stand.fates[0] as Fate);
      const pieces: Buffer[] = [];
      stream.on("data", (piece: Buffer) => pieces.push(piece));
      stream.on("end", () => {
        if (fate === "hang") return;
        if (fate === "cut") {
          for (const connection of server.connections) (connection as unknown as { _socket: { destroy(): void } })._socket.destroy(); // prettier-ignore
          return;
        }
        if (fate !== "take") return done(Object.assign(new Error(fate.text), { responseCode: fate.code }));
        const raw = Buffer.concat(pieces).toString();
        const { mailFrom, rcptTo } = session.envelope;
        arrived.push({
          to: rcptTo.map(({ address }) => address).join(","),
          from: mailFrom === false ? "" : mailFrom.address,
          raw,
          text: decoded(raw),
          secure: session.secure,
          user: session.user as string | undefined,
        });
        done();
        for (const look of waiting) look();
      });
    },
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    arrived,
    get tries() {
      return stand.tries;
    },
    get fates() {
      return stand.fates;
    },
    set fates(fates) {
      stand.fates = fates;
    },
    next(fits = () => true) {
      return new Promise((resolve) => {
        const look = (): void => {
          const at = arrived.findIndex(fits);
          if (at < 0) return;
          waiting.delete(look);
          resolve(arrived.splice(at, 1)[0] as Arrived);
        };
        waiting.add(look);
        look();
      });
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
