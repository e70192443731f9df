/** `cli/settings/folders.ts` in a page: a command is for the node of the page and no other. */
import { failure, PlexusError } from "../../../protocols/errors.ts";

/** Somebody named another node. */
export const elsewhere = (field: string): PlexusError =>
  new PlexusError(
    failure("BAD_REQUEST", {
      field,
      reason:
        "this terminal speaks to the cluster of its page alone, as you; leave it out, or run the command where " +
        "plexus is installed",
    }),
  );

export const defaultDataFolder = (): string => "";
export const userConfigFolder = (): string => "";
export const dataFolderOf = (typed: string | undefined): Promise<string> =>
  typed === undefined ? Promise.resolve("") : Promise.reject(elsewhere("--data"));
export const diskKeyFileOf = (): Promise<never> => Promise.reject(elsewhere("--data"));
