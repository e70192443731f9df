/** Whether a node can listen where it is to, asked before anything depends on it: before an invitation is redeemed, and
 *  before a model is loaded. What is free now may be taken a moment later; then the listener itself says so. */
import { hostAddress, parseControl, type Config } from "../../../config/index.ts";
import { failure, PlexusError } from "../../../protocols/index.ts";
import { refusalToListen } from "../../platform/index.ts";

/** A place of the configuration at which a node listens. */
interface Place {
  readonly of: "web" | "mesh" | "metrics" | "grpc" | "control";
  readonly host: string;
  readonly port: number;
}

/** All places of one node, in the order in which they are tried. A socket of the file system is none of them. */
export function placesToListen(config: Config): readonly Place[] {
  const { host, port, mesh, metricsListen, grpc, control } = config;
  const at = control === undefined ? undefined : parseControl(control);
  const places: readonly (Place | undefined)[] = [
    { of: "web", host, port },
    { of: "mesh", host: mesh.host, port: mesh.port },
    metricsListen === undefined ? undefined : { of: "metrics", ...placeIn(metricsListen) },
    grpc === undefined ? undefined : { of: "grpc", ...placeIn(grpc) },
    at === undefined || "path" in at ? undefined : { of: "control", host: at.host, port: at.port },
  ];
  return places.flatMap((place) => (place === undefined ? [] : [{ ...place, host: hostAddress(place.host) }]));
}

/** Reads `10.0.0.5:9464`, or a port alone, which lets in nobody from elsewhere. */
export function placeIn(text: string): { readonly host: string; readonly port: number } {
  const at = text.lastIndexOf(":");
  if (at < 0) return { host: "127.0.0.1", port: Number(text) };
  return { host: hostAddress(text.slice(0, at).replace(/^\[|\]$/g, "")), port: Number(text.slice(at + 1)) };
}

/** Tries all places. Errors: CONFIG_INVALID (of the mesh), what the system says of the others. */
export async function checkPlaces(config: Config, tryPlace: typeof refusalToListen = refusalToListen): Promise<void> {
  for (const place of placesToListen(config)) {
    const { host, port } = place;
    const problem = await tryPlace({ host, port });
    if (problem !== undefined) throw place.of === "mesh" ? meshRefusal(place, problem) : problem;
  }
}

function meshRefusal({ host, port }: Place, problem: NodeJS.ErrnoException): PlexusError {
  const { code = "", message: because } = problem;
  const [field, message] =
    code === "EADDRINUSE"
      ? ["mesh.port", `Port ${port} is in use by another process; choose one for other nodes with --mesh-port.`]
      : code === "EADDRNOTAVAIL"
        ? [
            "mesh.host",
            `This machine has no address ${host}; name one of its own with --mesh-host, or 0.0.0.0 for all of ` +
              "them. Give an address that only others can see with --announce.",
          ]
        : [
            "mesh.port",
            `The node cannot listen for other nodes at ${host}:${port} (${code}); choose another port with ` +
              "--mesh-port.",
          ];
  const value = field === "mesh.host" ? host : port;
  return new PlexusError({ ...failure("CONFIG_INVALID", { field, value, because }), message }, problem);
}
