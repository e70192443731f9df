/** What the screen of the configuration asks of its node. */
import type { SettingsView } from "../../../../../protocols/index.ts";
import { seen } from "../../../wire/index.ts";

/** How one node is configured (undefined: the one that is asked), and what is set for all and for it. */
export const readSettings = (node: string | undefined): Promise<SettingsView> =>
  seen("configuration.show", node === undefined ? { own: true } : { node });
