/** How a cluster looks to people: its name, its logo, its colour (docs/decisions/0101-terminal-in-the-page.md). */
import { Type, type Static } from "typebox";
import { blobHash, line, object } from "../wire/schema.ts";

/** What an admin sets. Absent: what was set stays; null: what Plexus has by itself. */
export const setBranding = object({
  name: Type.Optional(Type.Union([line(40), Type.Null()])),
  colour: Type.Optional(Type.Union([Type.String({ pattern: "^#[0-9a-f]{6}$", description: "#rrggbb" }), Type.Null()])),
  /** A PNG, JPEG or WebP that does not move, as base64. */
  logo: Type.Optional(
    Type.Union([Type.String({ minLength: 1, maxLength: 44_000, pattern: "^[A-Za-z0-9+/]+={0,2}$" }), Type.Null()]),
  ),
});
export type SetBranding = Static<typeof setBranding>;

/** Body of the route. Where a part that it changes is not as the writer has seen it, nothing is changed:
 *  CHANGED_MEANWHILE, with how it looks now. */
export const setBrandingBody = object({
  ...setBranding.properties,
  seen: Type.Optional(
    object({
      name: Type.Optional(line(40)),
      colour: Type.Optional(Type.String({ maxLength: 7 })),
      logo: Type.Optional(blobHash),
    }),
  ),
});

/** As everybody sees it, also who is not signed in. */
export interface BrandingView {
  readonly name?: string;
  readonly colour?: string;
  /** What the logo is called: `GET /branding/logo/HASH`. */
  readonly logo?: string;
}
