import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import {
  backupActor,
  beginKit,
  confirmKit,
  failure,
  PlexusError,
  refused,
  restoreKeys,
  rotateKeys,
  schema,
  trustRoot,
  type KeysStatus,
  type RestoreKeys,
  type Result,
} from "../../protocols/index.ts";
import { audited, audits, changeOf } from "./audited.ts";
import { wideJsonBounds } from "./json.ts";
import type { GatewayContext } from "./options.ts";
import { asTask } from "./tasks.ts";
import { shownBy } from "./rights.ts";

/** What the gateway asks of the cluster's keys. Keys cross it only sealed. */
export interface KeysControl {
  status(): Promise<KeysStatus>;
  beginKit(to: Static<typeof beginKit>): Promise<Result<KeysStatus["epochs"]>>;
  confirmKit(root: Static<typeof confirmKit>["root"], by: Omit<Static<typeof confirmKit>, "root">): Promise<Result<KeysStatus>>; // prettier-ignore
  trust(words: string): Promise<Result<KeysStatus>>;
  rotate(options: { readonly compromised: boolean }): Promise<Result<KeysStatus>>;
  restore(told: RestoreKeys): Promise<Result<KeysStatus>>;
  erase(tenant: string): Promise<Result<number>>;
}

/** Only a person with access to the machine decides which root its node trusts: that somebody is an admin is only what
 *  members say. */
const forOperator = async <Value>({ caller }: FastifyRequest, use: () => Promise<Result<Value>>): Promise<Result<Value>> =>
  caller === null
    ? use()
    : refused(failure("FORBIDDEN", { reason: "this is for the node's operator: run the command on its machine, with its data folder" })); // prettier-ignore

const eraseBody = schema.object({ tenant: Type.String({ minLength: 1, maxLength: 256 }) });

/** What the audit has of the keys: which kit there is, how many epochs, and of how many this node has the keys. */
const saidBy = ({ root, epochs, here }: KeysStatus) => ({
  kit: root?.commitment ?? "",
  epochs: epochs.length,
  here: here.length,
});

/** Adds the routes under /api/v1/admin/keys: the keys of the cluster's backups, for admins. */
export function addKeys(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["admin"];
  const { limits } = at;
  const keys = (): KeysControl => {
    if (at.keys === undefined) throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
    return at.keys;
  };

  /** What the audit has of the keys before a change. What cannot be read now is not said. */
  const before = async () => {
    const status = await keys().status().catch(() => undefined); // prettier-ignore
    return status && saidBy(status);
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
      config: audits("beginKit", "keys.manage"),
      schema: {
        summary: "Begins a recovery kit: answers with the epochs that its root is to sign for",
        description: "The root itself is never sent. Nothing is changed before the kit is confirmed at the same node.",
        tags,
        body: beginKit,
      },
    },
    async (request) => ({ epochs: await audited(at, request, {}, keys().beginKit(request.body)) }),
  );

  app.put<{ Body: Static<typeof confirmKit> }>(
    "/admin/keys/kit",
    {
      config: audits("makeKit", "keys.manage"),
      schema: {
        summary: "Confirms a recovery kit; one before opens nothing that is made from then on",
        description:
          "Where there is a kit, `voucher` is the signature of its root for the new one. Error: ROOT_UNVOUCHED.",
        tags,
        body: confirmKit,
      },
    },
    async (request) => {
      const { root, ...by } = request.body;
      const was = await before();
      const confirm = () => keys().confirmKit(root, by);
      const done = by.lost === true ? forOperator(request, confirm) : confirm();
      const facts = {
        kit: root.commitment,
        shares: `${root.needed} of ${root.digests.length}`,
        lost: by.lost === true,
      };
      const status = await audited(at, request, facts, done, (now) => changeOf(was, saidBy(now)));
      return status;
    },
  );

  app.put<{ Body: Static<typeof trustRoot> }>(
    "/admin/keys/root",
    {
      config: audits("trustRoot", "keys.manage"),
      schema: {
        summary: "Says which root of the keys this node trusts: the directory's, or the one that it knows",
        description: "For the node's operator alone, with the control token. Each node with keys is told by itself.",
        tags,
        body: trustRoot,
      },
    },
    async (request) => {
      const { words } = request.body;
      const was = await before();
      const trusted = forOperator(request, () => keys().trust(words));
      const done = await audited(at, request, { words }, trusted, (now) => changeOf(was, saidBy(now)));
      return done;
    },
  );

  app.post<{ Body: Static<typeof rotateKeys> }>(
    "/admin/keys/rotate",
    {
      config: audits("rotateKeys", "keys.manage"),
      schema: {
        summary: "Begins an epoch: new backups get new keys, and the old keys are wrapped again",
        description: "Repeat it to go on with one that was broken off.",
        tags,
        body: rotateKeys,
      },
    },
    async (request) => {
      const compromised = request.body.compromised === true;
      const was = await before();
      const rotated = keys().rotate({ compromised });
      const done = await audited(at, request, { compromised }, rotated, (now) => changeOf(was, saidBy(now)));
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
      const { askTimeoutMs: timeoutMs } = limits;
      const ask = (type: "mayErase" | "erased") =>
        at.kernel.ask({
          to: backupActor,
          from: "gateway",
          message: { type, tenant, ...shownBy(at, request) } as { readonly type: string },
          timeoutMs,
        });
      const free = await ask("mayErase");
      const done = free.ok ? await asTask(at, request, { what: `Destruction of the keys of ${tenant}` }, keys().erase(tenant)) : free; // prettier-ignore
      // Where nobody knows whether it is done, it may still be under way.
      if (free.ok && (done.ok || done.error.outcome !== "unknown")) await ask("erased");
      const destroyed = await audited(at, request, { tenant }, Promise.resolve(done), (keysGone) => ({
        "before.keys": keysGone,
        "after.keys": 0,
      }));
      return { destroyed };
    },
  );

  app.put<{ Body: RestoreKeys }>(
    "/admin/keys/restore",
    {
      bodyLimit: limits.keysBodyBytesMax,
      config: { ...audits("restoreKeys", "keys.manage"), json: wideJsonBounds(limits) },
      schema: {
        summary: "Gives this node the keys that a recovery kit has opened, sealed to it",
        tags,
        body: restoreKeys,
      },
    },
    async (request) => {
      const was = await before();
      const facts = { kit: request.body.root.commitment };
      const done = await audited(at, request, facts, keys().restore(request.body), (now) => changeOf(was, saidBy(now)));
      return done;
    },
  );
}
