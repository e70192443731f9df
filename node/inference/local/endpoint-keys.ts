/** Keys of endpoints that the cluster keeps as secrets: opened here and held as variables of this process, which the
 *  threads that call a server read. A variable has the version of its secret in its name, so a rotated key is another
 *  variable and whatever uses it is loaded anew. */
import { mayBeSentTo, type Endpoint } from "../../../protocols/index.ts";
import type { ClusterEndpoints } from "../../cluster/facts/endpoints.ts";
import { destinationOf, type NamedSecrets } from "../../cluster/facts/secrets.ts";
import type { Log } from "../../ports/index.ts";

/** The keys that are held. */
export interface EndpointKeys {
  /** The variable that has a secret, for a server; one that is never set, if the secret is not for that server. */
  variableOf(secret: string, url: string): string;
  /** Called when a variable is set. */
  onChange(listener: () => void): () => void;
  stop(): void;
}

/** Begins to hold them. */
export function holdEndpointKeys(at: {
  readonly endpoints: Pick<ClusterEndpoints, "current" | "onChange">;
  readonly named: Pick<NamedSecrets, "list" | "open" | "onChange">;
  /** Sets a variable of this process, or takes it away. */
  readonly holdVariable: (name: string, value: string | undefined) => void;
  readonly log: Log;
}): EndpointKeys {
  const { endpoints, named, log, holdVariable } = at;
  const held = new Set<string>();
  const listeners = new Set<() => void>();
  let isStopped = false;

  function variableOf(secret: string, url: string): string {
    const row = named.list().find(({ name }) => name === secret);
    const { host, port } = destinationOf(url);
    const version = row !== undefined && mayBeSentTo(row.for, host, port) ? row.version : 0;
    return `PLEXUS_HELD_${secret.toUpperCase().replaceAll("-", "_")}_${version}_API_KEY`;
  }
  const wantedOf = ({ url, key }: Endpoint) =>
    key?.secret === undefined ? [] : [{ secret: key.secret, url, variable: variableOf(key.secret, url) }];

  async function hold({ secret, url, variable }: ReturnType<typeof wantedOf>[number]): Promise<void> {
    const value = await named.open(`secret:${secret}`, [], destinationOf(url));
    if (value === undefined || isStopped || held.has(variable)) return;
    // It may have been rotated meanwhile.
    if (variableOf(secret, url) !== variable) return;
    held.add(variable);
    holdVariable(variable, value);
    for (const listener of listeners) listener();
  }
  function look(): void {
    const wanted = endpoints.current().flatMap(wantedOf);
    for (const variable of held)
      if (!wanted.some((one) => one.variable === variable)) {
        held.delete(variable);
        holdVariable(variable, undefined);
      }
    for (const one of wanted)
      if (!held.has(one.variable))
        void hold(one).catch((error: unknown) =>
          log.warn("secret.unopened", { secret: one.secret, error: String(error) }),
        );
  }
  const stops = [endpoints.onChange(look), named.onChange(look)];
  look();
  return {
    variableOf,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop() {
      isStopped = true;
      for (const stop of stops) stop();
      for (const variable of held) holdVariable(variable, undefined);
      held.clear();
    },
  };
}
