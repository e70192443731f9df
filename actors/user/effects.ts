/** What a decision of a user is made of. */
import type { Effect } from "../behavior.ts";
import type { UserNote } from "./notes.ts";
import type { UserChange } from "./state.ts";

/** Effects in their order. */
export type Effects = readonly Effect<UserChange, UserNote>[];
