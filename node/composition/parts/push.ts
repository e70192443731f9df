/** Web push of a node: who is to be followed here, and how notices leave it. */
import type { ActorId } from "../../../protocols/index.ts";
import { pushKeys } from "../../cluster/facts/push-keys.ts";
import type { Seals } from "../../cluster/facts/secrets.ts";
import { ownsSlot } from "../../cluster/facts/slot-owner.ts";
import type { PushPort } from "../../gateway/index.ts";
import { makeVapidKeys, postGuarded, sealForBrowser, vapidHeader, type GuardedPost } from "../../platform/index.ts";
import { pushSendLimits } from "../limits.ts";
import type { Machine } from "../machine.ts";
import type { Peer } from "../peer.ts";

/** Opens it. `reach`: how tests reach a push service of their own. */
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
