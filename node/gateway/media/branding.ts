/** How the cluster looks to people: seen by everybody, also at the sign-in page, and set by admins. A logo is a raster
 *  whose bytes are looked at; SVG is a document that can do things, and is refused. */
import { createHash } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import {
  failure,
  PlexusError,
  schema,
  ok,
  refused,
  sameJson,
  type setBrandingBody,
  type BrandingView,
  type Result,
  type SetBranding,
} from "../../../protocols/index.ts";
import type { Branding } from "../../cluster/facts/branding.ts";
import type { BrandingRow } from "../../cluster/facts/records.ts";
import { readPicture } from "./picture-bodies.ts";
import { isNamed } from "../edge/unchanged.ts";
import type { OwnHandlers } from "../rest/own.ts";

const logoBytesMax = 32 * 1024;
const logoSideMax = 512;

/** A logo as the row has it. Errors: BAD_REQUEST, TOO_LARGE. */
function logoOf(text: string): NonNullable<BrandingRow["logo"]> {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length > logoBytesMax) throw new PlexusError(failure("TOO_LARGE", { bytes: bytes.length, logoBytesMax }));
  const { format } = readPicture(bytes, { logoSideMax });
  return {
    hash: createHash("sha256").update(bytes).digest("hex"),
    type: `image/${format}`,
    data: bytes.toString("base64"),
  };
}

/** The row after a change. */
function rowAfter(row: BrandingRow, { name, colour, logo }: SetBranding): BrandingRow {
  const next = {
    name: name === undefined ? row.name : (name ?? undefined),
    colour: colour === undefined ? row.colour : (colour ?? undefined),
    logo: logo === undefined ? row.logo : logo === null ? undefined : logoOf(logo),
  };
  return Object.fromEntries(Object.entries(next).filter(([, value]) => value !== undefined)) as BrandingRow;
}

const viewOf = ({ name, colour, logo }: BrandingRow): BrandingView => ({
  ...(name !== undefined && { name }),
  ...(colour !== undefined && { colour }),
  ...(logo !== undefined && { logo: logo.hash }),
});

/** The row after a change, if what changes is as its writer has seen it, or is there already. Errors: those of a logo,
 *  CHANGED_MEANWHILE. */
function changed(row: BrandingRow, { seen, ...next }: Static<typeof setBrandingBody>): Result<BrandingRow> {
  const now = viewOf(row);
  const parts = Object.keys(next) as (keyof BrandingView)[];
  const isAsSeen = seen === undefined || parts.every((part) => seen[part] === now[part]);
  const after = rowAfter(row, next);
  return isAsSeen || sameJson(after, row) ? ok(after) : refused(failure("CHANGED_MEANWHILE", { now }));
}

/** The handlers of what shows and sets it. */
export const handleBranding = (branding: Branding): Pick<OwnHandlers, "branding.show" | "branding.set"> => ({
  "branding.show": () => ok(viewOf(branding.current())),
  "branding.set": async (input) => {
    const set = await branding.change((row) => changed(row, input));
    if (!set.ok) return { result: set };
    const [before, after] = [viewOf(set.value.before), viewOf(set.value.after)];
    return { result: ok(after), before, after };
  },
});

/** Adds the route of the logo. */
export function addBrandingLogo(app: FastifyInstance, branding: Branding): void {
  const open = { tags: ["account"], security: [] };
  app.get<{ Params: { hash: string } }>(
    "/branding/logo/:hash",
    {
      schema: {
        ...open,
        summary: "The logo of the cluster, by its hash",
        params: schema.object({ hash: schema.blobHash }),
        produces: ["image/png", "image/jpeg", "image/webp"],
      },
    },
    async (request, reply) => {
      const { logo } = branding.current();
      if (logo?.hash !== request.params.hash)
        throw new PlexusError(failure("NOT_FOUND", { blob: request.params.hash }));
      const etag = `"${logo.hash}"`;
      reply.headers({
        etag,
        "cache-control": "public, max-age=31536000, immutable",
        "content-type": logo.type,
        "content-security-policy": "default-src 'none'; sandbox",
      });
      if (isNamed(request.headers["if-none-match"], etag)) return reply.code(304).send();
      return reply.send(Buffer.from(logo.data, "base64"));
    },
  );
}
