import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import {
  backupActor,
  beginKit,
  confirmKit,
  failure,
  PlexusError,
  restoreKeys,
  rotateKeys,
  schema,
  type KeysStatus,
  type RestoreKeys,
  type Result,
} from "../../protocols/index.ts";
import { audited, audits, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

/** What the gateway asks of the cluster's keys. Keys cross it only sealed. */
export interface KeysControl {
  status(): Promise<KeysStatus>;
  beginKit(to: Static<typeof beginKit>): Promise<Result<KeysStatus["epochs"]>>;
  confirmKit(root: Static<typeof confirmKit>["root"]): Promise<Result<KeysStatus>>;
  rotate(options: { readonly compromised: boolean }): Promise<Result<KeysStatus>>;
  restore(told: RestoreKeys): Promise<Result<KeysStatus>>;
  erase(tenant: string): Promise<Result<number>>;
}

const eraseBody = schema.object({ tenant: Type.String({ minLength: 1, maxLength: 256 }) });

/** Adds the routes under /api/v1/admin/keys: the keys of the cluster's backups, for admins. */
export function addKeys(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["admin"];
  const { log, limits } = at;
  const keys = (): KeysControl => {
    if (at.keys === undefined) throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
    return at.keys;
  };

  app.get(
    "/admin/keys",
    {
      config: { access: "admin" },
      schema: {
        summary: "The recovery kit, the epochs, and whether this node has their keys; nothing of it is secret",
        tags,
      },
    },
    () => keys().status(),
  );

  app.post<{ Body: Static<typeof beginKit> }>(
    "/admin/keys/kit",
    {
      config: { access: "admin", permission: "keys.manage" },
      schema: {
        summary: "Begins a recovery kit: answers with the epochs that its root is to sign for",
        description: "The root itself is never sent. Nothing is changed before the kit is confirmed at the same node.",
        tags,
        body: beginKit,
      },
    },
    async (request) => ({ epochs: demand(await keys().beginKit(request.body)) }),
  );

  app.put<{ Body: Static<typeof confirmKit> }>(
    "/admin/keys/kit",
    {
      config: audits("makeKit", "keys.manage"),
      schema: {
        summary: "Confirms a recovery kit; one before opens nothing that is made from then on",
        tags,
        body: confirmKit,
      },
    },
    async (request) => {
      const { root } = request.body;
      const done = await audited(log, request, { kit: root.commitment }, keys().confirmKit(root));
      at.changed?.(
        "makeKit",
        { kit: root.commitment, shares: `${root.needed} of ${root.digests.length}` },
        whoIs(request),
      );
      return done;
    },
  );

  app.post<{ Body: Static<typeof rotateKeys> }>(
    "/admin/keys/rotate",
    {
      config: audits("rotateKeys", "keys.manage"),
      schema: {
        summary: "Begins an epoch: what is made from now on has new keys, and the old ones are wrapped anew",
        description: "Repeat it to go on with one that was broken off.",
        tags,
        body: rotateKeys,
      },
    },
    async (request) => {
      const compromised = request.body.compromised === true;
      const done = await audited(log, request, { compromised }, keys().rotate({ compromised }));
      at.changed?.(
        "rotateKeys",
        { compromised: String(compromised), epoch: String(done.epochs.length) },
        whoIs(request),
      );
      return done;
    },
  );

  app.post<{ Body: Static<typeof eraseBody> }>(
    "/admin/keys/erase",
    {
      config: audits("eraseKeys", "backup.prune"),
      schema: {
        summary: "Destroys the backup keys of a person or room: what they encrypted is unreadable for good",
        tags,
        body: eraseBody,
      },
    },
    async (request) => {
      const { tenant } = request.body;
      const message = { type: "mayErase", tenant };
      const { askTimeoutMs: timeoutMs } = limits;
      const free = await at.kernel.ask({ to: backupActor, from: "gateway", message, timeoutMs });
      const done = free.ok ? keys().erase(tenant) : Promise.resolve(free);
      const destroyed = await audited(log, request, { tenant }, done);
      at.changed?.("eraseKeys", { tenant, keys: String(destroyed) }, whoIs(request));
      return { destroyed };
    },
  );

  app.put<{ Body: RestoreKeys }>(
    "/admin/keys/restore",
    {
      bodyLimit: limits.keysBodyBytesMax,
      config: audits("restoreKeys", "keys.manage"),
      schema: {
        summary: "Gives this node the keys that a recovery kit has opened, sealed to it",
        tags,
        body: restoreKeys,
      },
    },
    async (request) => {
      const done = await audited(log, request, { kit: request.body.root.commitment }, keys().restore(request.body));
      at.changed?.("restoreKeys", { kit: request.body.root.commitment }, whoIs(request));
      return done;
    },
  );
}
