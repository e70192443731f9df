import { InvalidArgumentError } from "commander";
import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface SetOptions extends AdminOptions {
  readonly name?: string;
  readonly colour?: string;
  readonly logo?: string;
}

const colourIn = (text: string): string => {
  if (!/^#[0-9a-f]{6}$/i.test(text)) throw new InvalidArgumentError("A colour is like #0b6e4f.");
  return text.toLowerCase();
};

/** `plexus branding`. */
export const define: Define = (command, { output, onExit }) => {
  const work = () => import("../settings/branding.ts");
  const branding = withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      examples("plexus branding", "plexus branding set --name Acme --colour '#0b6e4f' --logo logo.png"),
    )
    .action(async (options: AdminOptions) =>
      onExit(await (await work()).showBranding(await adminFlags(options), output)),
    );

  withAdminFlags(
    branding
      .command("set")
      .description("Set the name, the colour or the logo; the others stay as they are.")
      .option("--name <name>", "what people see instead of Plexus")
      .option("--colour <colour>", "#rrggbb; it is made darker or lighter where it could not be read", colourIn)
      .option("--logo <file>", "a PNG, JPEG or WebP of at most 32 KiB and 512 pixels a side"),
  )
    .addHelpText("after", examples("plexus branding set --name Acme", "plexus branding set --logo logo.png"))
    .action(async ({ name, colour, logo, ...options }: SetOptions) => {
      const choice = {
        ...(name !== undefined && { name }),
        ...(colour !== undefined && { colour }),
        ...(logo !== undefined && { logoFile: logo }),
      };
      onExit(await (await work()).setBranding(await adminFlags(options), choice, output));
    });

  withAdminFlags(branding.command("reset").description("Go back to the look of Plexus."))
    .addHelpText("after", examples("plexus branding reset"))
    .action(async (options: AdminOptions) => {
      const choice = { name: null, colour: null, logo: null };
      onExit(await (await work()).setBranding(await adminFlags(options), choice, output));
    });
};
