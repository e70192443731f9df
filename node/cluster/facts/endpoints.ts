/** Servers with models as every node knows them: rows of the directory, and how admins change them. */
import type { Endpoint } from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
import { watchNamedRows, type NamedRows } from "./named-rows.ts";
import { asEndpoint, endpointPrefix } from "./records.ts";

/** The endpoints of the cluster. */
export type ClusterEndpoints = NamedRows<Endpoint>;

/** Endpoints that a cluster may have. */
const endpointsMax = 64;

/** Begins to watch the rows. */
export const watchEndpoints = (directory: Directory): ClusterEndpoints =>
  watchNamedRows(directory, { one: "endpoint", prefix: endpointPrefix, read: asEndpoint, limit: { endpointsMax } });
