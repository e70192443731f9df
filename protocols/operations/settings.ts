/** The cluster's settings. */
import { setBrandingBody, type BrandingView } from "../admin/branding.ts";
import { answer } from "../wire/command.ts";
import { changes, ofDirectory, reads } from "./operation.ts";

export const settingsOperations = {
  "branding.show": reads({
    answer: answer<BrandingView>("BrandingView"),
    permission: "anyone",
    errors: ["NOT_FOUND"],
    cached: true,
    summary: "Name, colour and logo of the cluster, as the sign-in page shows them",
    tags: ["account"],
  }),
  "branding.set": changes({
    fields: setBrandingBody,
    answer: answer<BrandingView>("BrandingView"),
    permission: "config.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "setBranding",
    facts: () => ({}),
    summary: "Sets name, colour and logo of the cluster",
    description:
      "What is absent stays, `null` is what Plexus has by itself. The logo is a PNG, JPEG or WebP of at most 32 KiB and 512 pixels a side; SVG is refused. `seen`: how the caller has seen it look; where what is changed is something else by now, nothing is changed (CHANGED_MEANWHILE).",
    tags: ["admin"],
  }),
};
