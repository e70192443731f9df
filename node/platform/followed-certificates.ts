/** The certificates of this node: read at its start, and again while it runs, so that what was renewed is shown without
 *  a restart. */
import type { Config } from "../../config/index.ts";
import { failure, PlexusError } from "../../protocols/index.ts";
import { readCertificates, type Certificates } from "./certificates.ts";
import type { Clock, Log, Meter } from "../ports/index.ts";
import { tlsLimits } from "./limits.ts";

const dayMs = 86_400_000;

/** Certificates that follow their files. */
interface FollowedCertificates {
  current(): Certificates;
  onChange(listener: () => void): () => void;
  /** Looks at the files now. */
  look(): Promise<void>;
  stop(): void;
}

/** Reads them. `clientCa`: the file with the authorities of clients, as it is configured now: it may be named, and
 *  taken away, while the node runs. Undefined: none are configured. Error: CONFIG_INVALID. */
export async function openTls(
  { tls }: Pick<Config, "tls">,
  { clock, log, meter }: { readonly clock: Clock; readonly log: Log; readonly meter: Meter },
  clientCa: () => string | undefined = () => tls.clientCa,
): Promise<FollowedCertificates | undefined> {
  const { cert, key } = tls;
  if (cert === undefined || key === undefined) return undefined;
  const files = () => ({ cert, key, clientCa: clientCa() });
  const first = await readCertificates(files());
  if (!first.ok) {
    const { field, file, reason } = first;
    throw new PlexusError(failure("CONFIG_INVALID", { field, value: file, reason }));
  }
  let current: Certificates = first.value;
  /** What was wrong with the files at the last look: it is told once. */
  let told: string | undefined;
  /** The end of the certificate of which the log has warned. */
  let warnedOfMs: number | undefined;
  const listeners = new Set<() => void>();
  const measure = (): void => {
    const leftMs = current.endsAtMs - clock.nowMs();
    meter.gauge("tls_certificate_days_left", Math.floor(leftMs / dayMs));
    if (leftMs < tlsLimits.certificateWarnMs && warnedOfMs !== current.endsAtMs) {
      warnedOfMs = current.endsAtMs;
      log.warn("tls.certificate.ends", { subject: current.subject, endsAtMs: current.endsAtMs, file: cert });
    }
  };
  log.info("tls.read", { subject: current.subject, endsAtMs: current.endsAtMs });
  measure();

  async function look(): Promise<void> {
    const read = await readCertificates(files());
    if (!read.ok) {
      const { field, file, reason } = read;
      const help = "The node uses the previous certificate until the file is right.";
      if (told !== reason) log.error("tls.reload.refused", { field, file, reason, help });
      told = reason;
      return measure();
    }
    const same = (["cert", "key", "clientCa"] as const).every((part) => read.value[part] === current[part]);
    if (!same) {
      current = read.value;
      told = undefined;
      log.info("tls.reloaded", { subject: current.subject, endsAtMs: current.endsAtMs });
      for (const listener of listeners) listener();
    }
    measure();
  }

  let cancel = (): void => undefined;
  let ended = false;
  const wait = (): void => {
    if (ended) return;
    cancel = clock.after(tlsLimits.certificateLookMs, () => void look().finally(wait));
  };
  wait();
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    look,
    stop() {
      ended = true;
      cancel();
    },
  };
}
