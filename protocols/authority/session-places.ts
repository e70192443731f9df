import type { Session } from "../kinds/user-views.ts";

/** Where an address is; undefined: nobody knows. */
export type PlaceOf = (address: string) => string | undefined;

/** Sessions with where their addresses are. */
export const placed = (sessions: readonly Session[], placeOf: PlaceOf): readonly Session[] =>
  sessions.map((session) => {
    const { address, usedFrom } = session;
    const place = address === undefined ? undefined : placeOf(address);
    const usedPlace = usedFrom === undefined ? undefined : placeOf(usedFrom);
    return { ...session, ...(place !== undefined && { place }), ...(usedPlace !== undefined && { usedPlace }) };
  });
