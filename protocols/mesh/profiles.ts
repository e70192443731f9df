/** Profiles of a node, for admins who ask any other (node/observe). */
import { Type } from "typebox";
import { profileKinds, profileSecondsMax, type Profile, type ProfileKind } from "../admin/profiles.ts";
import { call, closed } from "./parts.ts";

const id = Type.String({ minLength: 1, maxLength: 160 });

export const profileMessages = {
  /** Begins one at the asked node. Error: LIMIT_REACHED, one runs. */
  "profile.take": call(
    "control",
    {
      of: Type.Unsafe<ProfileKind>(Type.Union(profileKinds.map((kind) => Type.Literal(kind)))),
      seconds: Type.Integer({ minimum: 1, maximum: profileSecondsMax }),
      by: Type.String({ maxLength: 256 }),
    },
    closed({ id }),
  ),
  /** One that is over. Error: NOT_FOUND. */
  "profile.read": call(
    "control",
    { id },
    closed({ profile: Type.Unsafe<Profile>(Type.Object({ id, node: Type.String({ maxLength: 128 }) })) }),
  ),
} as const;
