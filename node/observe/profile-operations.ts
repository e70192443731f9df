/** What the operations on profiles do. */
import { acted, type HandlersOf, type profileOperations } from "../../protocols/index.ts";
import type { ProfileControl } from "../ports/index.ts";

/** The handlers. */
export const handleProfiles = (control: ProfileControl): HandlersOf<typeof profileOperations> => ({
  "profiles.take": async (what, { by }) => acted(await control.take(what, by)),
  "profiles.show": ({ id }) => control.read(id),
});
