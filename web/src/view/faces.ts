import { createContext, useContext, useMemo } from "react";
import { useSession } from "../live/index.ts";
import { isAgent, nameOf } from "../model/index.ts";
import { usePeople, useProfile } from "./lists.ts";
import { at } from "../wire/index.ts";

/** Where somebody's picture is; undefined for who has none, or whom this page's list of people does not have. */
export type Faces = (principal: string) => string | undefined;

/** Carries it to every place that shows somebody; the shell fills it. */
export const FacesContext = createContext<Faces>(() => undefined);

export const useFaces = (): Faces => useContext(FacesContext);

/** The pictures of the people whom this page has a list of. What has an address never changes, so browsers keep it. */
export function useKnownFaces(): Faces {
  const session = useSession();
  const people = usePeople();
  const own = useProfile();
  return useMemo(() => {
    const hashes = new Map(people.map((person) => [person.key, person.avatar]));
    if (own !== undefined) hashes.set(session.name, own.avatar?.hash);
    return (principal) => {
      const name = nameOf(principal);
      const hash = isAgent(principal) ? undefined : hashes.get(name);
      return hash === undefined ? undefined : at(`/api/v1/people/${name}/avatar/${hash}`);
    };
  }, [people, own, session.name]);
}
