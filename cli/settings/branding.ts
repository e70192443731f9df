/** `plexus branding`: name, colour and logo of the cluster. */
import { readFile } from "node:fs/promises";
import { coloursOf } from "../../protocols/text/contrast.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { BrandingView, SetBranding } from "../../protocols/index.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { describeRefusal, exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";

/** What `plexus branding` prints. */
export function describeBranding({ name, colour, logo }: BrandingView): string {
  const used = colour === undefined ? undefined : coloursOf(colour);
  return [
    `name:   ${name === undefined ? "Plexus (the default)" : withoutControls(name)}`,
    used === undefined
      ? "colour: of Plexus"
      : `colour: ${colour}; as text ${used.light} in the light and ${used.dark} in the dark, so that it can be read`,
    `logo:   ${logo === undefined ? "of Plexus" : `set, ${logo.slice(0, 12)}`}`,
  ].join("\n");
}

const show = (flags: AdminFlags, view: BrandingView, output: Output): number => {
  output.print(flags.json ? jsonLine(view) : describeBranding(view));
  return exitCodes.ok;
};

/** `plexus branding`. */
export const showBranding = async (flags: AdminFlags, output: Output): Promise<number> =>
  show(flags, await operate(flags, "branding.show"), output);

/** `plexus branding set` and `reset`. */
export async function setBranding(
  flags: AdminFlags,
  { logoFile, ...choice }: SetBranding & { readonly logoFile?: string },
  output: Output,
): Promise<number> {
  const bytes =
    logoFile === undefined
      ? undefined
      : await readFile(logoFile).catch((error: unknown) => {
          if (error instanceof PlexusError) throw error;
          throw new PlexusError(failure("BAD_REQUEST", { path: logoFile, problem: describeRefusal(error) }));
        });
  const body = { ...choice, ...(bytes !== undefined && { logo: bytes.toString("base64") }) };
  return show(flags, await operate(flags, "branding.set", body), output);
}
