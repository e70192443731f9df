/** TLS of the gateway's listeners: what they are opened with, and how they follow files that were renewed. */
import { constants } from "node:crypto";
import type { Server } from "node:https";
import type { SecureContextOptions, TlsOptions } from "node:tls";
import type { GatewayLimits } from "../limits.ts";

/** What was read from the files, checked. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** The authority that signs the certificates of clients; absent: nobody is asked for one. */
  readonly clientCa?: string;
}

/** The files as they were read last, and a call when they are others. */
export interface TlsPort {
  current(): TlsFiles;
  onChange(listener: () => void): () => void;
}

/** Whether clients are asked for a certificate. They may show none: a token is another way in. */
type Clients = "asks" | "ignores";

const contextOf = ({ cert, key, clientCa }: TlsFiles, clients: Clients): SecureContextOptions => ({
  cert,
  key,
  minVersion: "TLSv1.2",
  // A session that is taken up again would bring a certificate that was checked long ago.
  ...(clients === "asks" && clientCa !== undefined && { ca: clientCa, secureOptions: constants.SSL_OP_NO_TICKET }),
});

/** What a listener is made with. */
export const secureOptions = (files: TlsFiles, limits: GatewayLimits, clients: Clients): TlsOptions => ({
  ...contextOf(files, clients),
  handshakeTimeout: limits.headerTimeoutMs,
  // Not refused in the handshake: there a client would be told nothing.
  ...(clients === "asks" && files.clientCa !== undefined && { requestCert: true, rejectUnauthorized: false }),
});

/** Follows the files. New connections get the new certificate; where clients are asked for theirs, the open ones
 *  end. */
export function followFiles(server: Server, tls: TlsPort, clients: Clients): () => void {
  let before = tls.current();
  return tls.onChange(() => {
    const files = tls.current();
    server.setSecureContext(contextOf(files, clients));
    // An authority may be named, or taken away, while the listener runs. Node reads this field at each handshake.
    if (clients === "asks")
      Object.assign(server, { requestCert: files.clientCa !== undefined, rejectUnauthorized: false });
    if (clients === "asks" && files.clientCa !== before.clientCa) server.closeAllConnections();
    before = files;
  });
}
