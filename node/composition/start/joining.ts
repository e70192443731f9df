/** How a data folder becomes a member of a cluster: by an invitation, once. */
import type { Config } from "../../../config/index.ts";
import { failure, roles, PlexusError } from "../../../protocols/index.ts";
import { asPlace, readHome, type Home } from "../../data-folder/home.ts";
import type { Clock, Log, Store } from "../../ports/index.ts";
import { readFormat } from "../../storage/index.ts";
import { nodeIdOf } from "../../cluster/mesh/node-id.ts";
import { patientMesh } from "../patience.ts";

/** Whether the invitation in the configuration can be one. Error: INVITATION_INVALID. */
export async function checkInvitation({ join }: Pick<Config, "join">): Promise<void> {
  if (join === undefined) return;
  const { readToken } = await import("../../cluster/mesh/index.ts");
  const token = readToken(join);
  if (!token.ok) throw new PlexusError(token.error);
}

/** Redeems the invitation in the configuration, unless this folder is a member already: the same command starts a node
 *  for the first time and ever after. Errors: INVITATION_INVALID, CONFIG_INVALID (a folder of another cluster). */
export async function joinIfAsked(
  config: Config,
  at: { readonly store: Store; readonly clock: Clock; readonly log: Log; readonly version: string },
): Promise<
  { readonly identity: { readonly cluster: string; readonly node: string }; readonly home: Home } | undefined
> {
  if (config.join === undefined) return undefined;
  const { store, clock, log, version } = at;
  const { joinCluster, meshLimits, openNodeKey, readToken } = await import("../../cluster/mesh/index.ts");
  const token = readToken(config.join);
  if (!token.ok) throw new PlexusError(token.error);
  const home = await readHome(store);
  if (home?.cluster === token.value.cluster) return undefined;
  if (home !== undefined || (await readFormat(store)) !== undefined)
    throw new PlexusError(
      failure("CONFIG_INVALID", {
        field: "join",
        reason: "this data folder belongs to another cluster; start with an empty one (--data)",
      }),
    );
  const key = await openNodeKey(config.data);
  const node = nodeIdOf(key);
  const joined = await joinCluster({
    token: config.join,
    key,
    node: {
      node,
      name: config.name,
      addresses: [],
      // All roles is what holds when nobody says otherwise: then the invitation says which.
      ...(config.roles.length < roles.length && { roles: config.roles }),
      labels: config.labels,
      models: [],
      gpu: false,
      weight: config.weight,
      version,
      url: "",
      incarnation: 0,
    },
    clock,
    limits: patientMesh(meshLimits, config.limits.patience),
    again: ({ code, details }, leftMs) => log.info("node.join.waits", { code, ...details, leftMs: Math.round(leftMs) }),
  });
  if (!joined.ok) throw new PlexusError(joined.error);
  const { cluster, members, directory } = joined.value;
  const place = asPlace(directory);
  if (place === undefined)
    throw new PlexusError(failure("BAD_FRAME", { reason: "the cluster did not say where its directory is" }));
  log.info("node.joined", { cluster, node, name: joined.value.member.name, members: members.length });
  return { identity: { cluster, node }, home: { cluster, directory: place, members, starts: 0 } };
}
