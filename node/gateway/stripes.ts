import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import {
  ok,
  inspectStripe,
  namedStripe,
  putStripe,
  wireLimits,
  type ActorId,
  type NodeHealed,
  type StripeHealth,
  type StripePut,
  type StripeRead,
} from "../../protocols/index.ts";
import type { ShardControl } from "../ports.ts";
import { audited, audits, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { asTask } from "./tasks.ts";
import { demand } from "./refusals.ts";

/** For whom stripes are kept that admins put by hand: one admin may release what another put. */
const byHand: ActorId = "admin/put";

/** Adds what admins do with stripes by hand, under /api/v1/admin/shards: to try new nodes, and to see how a stripe stands. */
export function addStripeRoutes(app: FastifyInstance, at: GatewayContext, shards: ShardControl): void {
  const { stripes } = shards;
  const tags = ["admin"];
  // The bytes as text, and what is around them.
  const bodyLimit = 2 * wireLimits.stripePutBytesMax;

  app.post<{ Body: Static<typeof putStripe> }>(
    "/admin/shards/stripes",
    {
      bodyLimit,
      config: { ...audits("putStripe", "shards.manage"), bytesMax: bodyLimit },
      schema: {
        summary: "Keeps some bytes as a stripe; answers with its descriptor, without which nobody finds it",
        description:
          "The bytes are kept as they are: encrypt them before. Answered when k + ⌈m/2⌉ holders have their shards on disk.",
        tags,
        body: putStripe,
      },
    },
    async (request): Promise<StripePut> => {
      const { bytes: text, expiresInMs } = request.body;
      const bytes = Buffer.from(text, "base64");
      const life = expiresInMs !== undefined && { lifeMs: expiresInMs };
      const put = stripes.put(bytes, { class: "by hand", owner: byHand, ...life });
      const stripe = await audited(at, request, { bytes: bytes.length }, put);
      at.changed?.("putStripe", { stripe: stripe.id, bytes: String(bytes.length) }, whoIs(request));
      return { stripe };
    },
  );

  const named = { bodyLimit, config: { access: "admin", permission: "shards.manage", bytesMax: bodyLimit } } as const;
  app.post<{ Body: Static<typeof namedStripe> }>(
    "/admin/shards/stripes/read",
    { ...named, schema: { summary: "The bytes of a stripe, from any shards that suffice", tags, body: namedStripe } },
    async ({ body }): Promise<StripeRead> => ({
      bytes: Buffer.from(demand(await stripes.read(body.stripe))).toString("base64"),
    }),
  );

  app.post<{ Body: Static<typeof inspectStripe> }>(
    "/admin/shards/stripes/inspect",
    {
      ...named,
      schema: {
        summary: "How each shard of a stripe stands; with `deep` after reading it where it is",
        tags,
        body: inspectStripe,
      },
    },
    async ({ body: { stripe, deep } }): Promise<StripeHealth> => demand(await stripes.inspect(stripe, deep)),
  );

  app.post<{ Body: Static<typeof namedStripe> }>(
    "/admin/shards/stripes/release",
    {
      bodyLimit,
      config: { ...audits("releaseStripe", "shards.manage"), bytesMax: bodyLimit },
      schema: { summary: "Stops keeping a stripe that was put by hand", tags, body: namedStripe },
    },
    async (request) => {
      const { stripe } = request.body;
      await audited(at, request, { stripe: stripe.id }, stripes.release(stripe, byHand));
      at.changed?.("releaseStripe", { stripe: stripe.id }, whoIs(request));
      return {};
    },
  );

  app.post(
    "/admin/shards/heal",
    {
      config: audits("healShards", "shards.manage"),
      schema: {
        summary: "Repairs at once all that storage nodes lack, without waiting for nodes that are away",
        description: "Answers with what each node did, within two minutes; what is left goes on.",
        tags,
      },
    },
    async (request): Promise<{ readonly nodes: readonly NodeHealed[] }> => {
      const nodes = await audited(
        at,
        request,
        {},
        asTask(
          at,
          request,
          { what: "Repair of shards", again: { method: "POST", path: "/api/v1/admin/shards/heal", body: {} } },
          shards.heal().then((healed) => ok(healed)),
        ),
      );
      at.changed?.("healShards", { nodes: String(nodes.length) }, whoIs(request));
      return { nodes };
    },
  );
}
