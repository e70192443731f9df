/** What leaves this node for people who are not there: mail, notices to closed browsers, digests. */
import type { Config } from "../../config/index.ts";
import { failure, mayDo, ok, refused, type ActorId, type DigestContent } from "../../protocols/index.ts";
import { createRoleMemory } from "../accounts/index.ts";
import { mailSettings } from "../cluster/facts/mail.ts";
import { pushKeys } from "../cluster/facts/push-keys.ts";
import type { Seals } from "../cluster/facts/secrets.ts";
import { ownsSlot } from "../cluster/facts/slot-owner.ts";
import { gatewayLimits, type DigestPort, type MailPort, type PushPort } from "../gateway/index.ts";
import { createReports } from "../inference/usage/index.ts";
import { createOutbound, sendBySmtp } from "../mail/index.ts";
import { makeVapidKeys, postGuarded, sealForBrowser, vapidHeader, type GuardedPost } from "../platform/index.ts";
import { createDigests, pushSendLimits, type TellingLimits } from "../telling/index.ts";
import type { Machine } from "./machine.ts";
import type { Peer } from "./peer.ts";
import { memberIn } from "../cluster/facts/members.ts";

/** Opens mail: the settings of the cluster, what waits to be sent, reports that are due, and where links lead to. */
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

/** Opens web push: who is to be followed here, and how notices leave. `reach`: how tests reach a push service of their
 *  own. */
export function openPush(at: {
  readonly live: () => { readonly webPush: "on" | "off"; readonly publicUrl?: string };
  readonly machine: Pick<Machine, "clock">;
  readonly node: string;
  readonly peer: Pick<Peer, "directory" | "kernel" | "table" | "pushCalls">;
  readonly secrets: Seals;
  readonly reach?: Pick<GuardedPost, "mayReach" | "ca">;
}): PushPort {
  const { machine, node, peer, live } = at;
  const keys = pushKeys(peer.directory, at.secrets, makeVapidKeys);
  const { pushWordMs: lifeMs, pushTimeoutMs: timeoutMs } = pushSendLimits;
  return {
    isOn: () => live().webPush === "on",
    publicKey: async () => (await keys()).publicKey,
    async seal(text, { endpoint, p256dh, auth }) {
      const body = sealForBrowser(text, { p256dh, auth });
      if (body === undefined) return undefined;
      const { origin } = new URL(endpoint);
      const nowMs = machine.clock.nowMs();
      const url = live().publicUrl;
      const subject = url?.startsWith("https:") === true ? url : "mailto:nobody@plexus.invalid";
      const authorization = await vapidHeader(await keys(), { origin, subject, nowMs, lifeMs });
      return {
        body,
        headers: { authorization, "content-encoding": "aes128gcm", "content-type": "application/octet-stream" },
      };
    },
    post: (url, { body, headers }) => postGuarded(url, body, { headers, timeoutMs, ...at.reach }),
    follow: (listener) => peer.pushCalls.follow(listener),
    has(user) {
      const slot = peer.kernel.slotOf(`user/${user}` as ActorId);
      return slot !== undefined && ownsSlot(peer.table, node, slot);
    },
    onMoved: (listener) => peer.table.onChange(() => listener()),
  };
}

/** What a link is sealed for that ends the mail of a person. */
const context = ["mail digest ends"];

/** Opens mail to people who were away: where it is sent, whom it may be sent to, and what ends it. */
export function openDigests(at: {
  readonly live: () => { readonly mailDigest: DigestContent | "off" };
  readonly machine: Pick<Machine, "clock" | "log" | "meter" | "random">;
  readonly node: string;
  readonly peer: Pick<Peer, "kernel" | "pushCalls" | "clusterRoles" | "membership">;
  readonly secrets: Seals;
  readonly mail: Pick<MailPort, "settings" | "outbound" | "publicUrl">;
  readonly bounds?: Partial<TellingLimits>;
}): DigestPort & { look(user: string): Promise<void> } {
  const { machine, peer, secrets, mail } = at;
  const rolesOf = createRoleMemory((asked) => peer.kernel.ask(asked), machine.clock);
  let digests: ReturnType<typeof createDigests> | undefined;

  /** A mail is read wherever its person is: what they may read from some addresses alone is in none. */
  async function mayRead(user: string): Promise<boolean | undefined> {
    const roles = await rolesOf(user);
    return roles === undefined
      ? undefined
      : mayDo({ roles, kind: "session" }, "room.read", {
          roles: peer.clusterRoles.table(),
          freshMs: 0,
          nowMs: machine.clock.nowMs(),
          isFrom: () => false,
          labels: memberIn(peer.membership, at.node)?.labels ?? {},
        }).ok;
  }

  const allowed = (): DigestContent | "off" => at.live().mailDigest;
  const ports = {
    kernel: peer.kernel,
    ...machine,
    limits: gatewayLimits,
    ...(at.bounds && { bounds: at.bounds }),
    onDue: (listener: (user: string) => void) => peer.pushCalls.onDigest(listener),
    allowed,
    isSet: () => mail.settings.isSet() && mail.publicUrl !== undefined,
    mayRead,
    tokenFor: async (user: string) => Buffer.from(await secrets.seal(user, context)).toString("base64url"),
    send: (request: Parameters<typeof mail.outbound.send>[0]) => mail.outbound.send(request),
  };
  return {
    allowed: () => (mail.settings.isSet() && mail.publicUrl !== undefined ? allowed() : "off"),
    async userOf(token) {
      const user = await secrets.open(Buffer.from(token, "base64url").toString(), context);
      return user === undefined ? refused(failure("LINK_INVALID")) : ok(user);
    },
    begin(isActive) {
      digests = createDigests(ports, isActive);
      return () => digests?.stop();
    },
    look: async (user) => digests?.look(user),
  };
}

/** What tells people who are away: in browsers whose page is closed, and by mail. */
export const openTelling = (
  at: Parameters<typeof openPush>[0] & Parameters<typeof openDigests>[0],
): { readonly push: PushPort; readonly digests: DigestPort } => ({ push: openPush(at), digests: openDigests(at) });
