import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { failure, PlexusError, setDisk, type DiskStatus, type Result } from "../../protocols/index.ts";
import { audited, audits, changeOf } from "./audited.ts";
import type { GatewayContext } from "./options.ts";

/** What the gateway asks of the node's disk. */
export interface DiskControl {
  status(): DiskStatus;
  set(encrypted: boolean): Promise<Result<DiskStatus>>;
}

/** Adds the routes under /api/v1/admin/disk: whether this node's disk is encrypted, for admins. */
export function addDisk(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["admin"];
  const disk = (): DiskControl => {
    if (at.disk === undefined) throw new PlexusError(failure("NOT_FOUND", { reason: "this node has no disk" }));
    return at.disk;
  };

  app.get(
    "/admin/disk",
    {
      config: { access: "admin" },
      schema: { summary: "Whether this node's disk is encrypted, and how far it is", tags },
    },
    async () => disk().status(),
  );

  app.put<{ Body: Static<typeof setDisk> }>(
    "/admin/disk",
    {
      config: audits("setDisk", "keys.manage"),
      schema: {
        summary: "Encrypts this node's disk, or decrypts it, while the node runs",
        description:
          "New data is encrypted at once; older data is rewritten slot by slot. The key is written to `keyFile`.",
        tags,
        body: setDisk,
      },
    },
    async (request) => {
      const { encrypted } = request.body;
      const { state: before } = disk().status();
      const change = (now: DiskStatus) => changeOf({ state: before }, { state: now.state });
      const done = await audited(at, request, { encrypted }, disk().set(encrypted), change);
      return done;
    },
  );
}
