import { createContext, useContext, useMemo, useSyncExternalStore } from "react";
import { useSession } from "../../live/index.ts";
import { isAgent, nameOf } from "../../model/index.ts";
import { useProfile } from "./lists.ts";
import { at } from "../../wire/index.ts";

/** Where somebody's picture is; undefined for people without one, and people that this page does not know. */
type Faces = (principal: string) => string | undefined;

/** Carries it to every place that shows somebody; the shell fills it. */
export const FacesContext = createContext<Faces>(() => undefined);

export const useFaces = (): Faces => useContext(FacesContext);

/** The pictures of the people whom this page knows. What has an address never changes, so browsers keep it. */
export function useKnownFaces(): Faces {
  const session = useSession();
  const own = useProfile();
  const known = useSyncExternalStore(session.people.subscribe, session.people.version);
  return useMemo(() => {
    void known;
    return (principal) => {
      const name = nameOf(principal);
      const face = name === session.name ? own?.avatar?.hash : session.people.get(name)?.avatar;
      const hash = isAgent(principal) ? undefined : face;
      return hash === undefined ? undefined : at(`/api/v1/people/${name}/avatar/${hash}`);
    };
  }, [known, own, session.name, session.people]);
}
