/** Mail to people who were away: where it is sent, whom it may be sent to, and what ends it. */
import { mayDo, ok, refused, failure, type DigestContent } from "../../protocols/index.ts";
import type { Seals } from "../cluster/facts/secrets.ts";
import { gatewayLimits, type DigestPort, type MailPort, type PushPort } from "../gateway/index.ts";
import { createDigests, type TellingLimits } from "../telling/index.ts";
import type { Machine } from "./machine.ts";
import type { Peer } from "./peer.ts";
import { openPush } from "./parts/push.ts";
import { createRoleMemory } from "../accounts/role-memory.ts";

const context = ["mail digest ends"];

/** Opens it. */
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
          labels: peer.membership.members().members.find((one) => one.node === at.node)?.labels ?? {},
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
