/** Mail of a node: the settings of its cluster, what waits to be sent, reports that are due, and where links
 *  lead to. */
import type { Config } from "../../../config/index.ts";
import { mailSettings } from "../../cluster/facts/mail.ts";
import { gatewayLimits, type createGateway } from "../../gateway/index.ts";
import { createReports } from "../../inference/usage/index.ts";
import type { Seals } from "../../cluster/facts/secrets.ts";
import { createOutbound, sendBySmtp } from "../../mail/index.ts";
import type { Machine } from "../machine.ts";
import type { Peer } from "../peer.ts";

type MailPort = NonNullable<Parameters<typeof createGateway>[0]["mail"]>;

/** Opens it. */
export function openMail(
  config: () => Pick<Config, "publicUrl">,
  {
    machine,
    peer,
    secrets,
    name,
    brand,
  }: {
    readonly machine: Machine;
    readonly peer: Pick<Peer, "directory" | "kernel" | "pushCalls">;
    readonly secrets: Seals;
    readonly name: string;
    /** What the cluster is called. */
    readonly brand: () => string | undefined;
  },
): MailPort & { stop(): void } {
  const { clock, random, log, meter } = machine;
  const settings = mailSettings(peer.directory, secrets);
  const server = () => settings.current();
  // Where links lead to may change while the node runs.
  const link = {
    get publicUrl() {
      return config().publicUrl;
    },
  };
  const outbound = createOutbound(
    Object.assign(link, { server, send: sendBySmtp(), brand, node: name, clock, random, log, meter }),
  );
  const reports = createReports({
    kernel: peer.kernel,
    clock,
    log,
    meter,
    askTimeoutMs: gatewayLimits.askTimeoutMs,
    brand: () => brand() ?? "Plexus",
    onDue: (listener) => peer.pushCalls.onReport(listener),
    send: (request) => outbound.send(request),
  });
  return {
    settings,
    outbound,
    get publicUrl() {
      return link.publicUrl;
    },
    stop() {
      reports.stop();
      outbound.stop();
      settings.stop();
    },
  };
}
