/** What the screen of the configuration asks of its node. */
import type { SettingsView } from "../../../../../protocols/index.ts";
import { look } from "../look.ts";

/** How one node is configured (undefined: the one that is asked), and what is set for all and for it. */
export const readSettings = (node: string | undefined): Promise<SettingsView> =>
  look<SettingsView>(`/admin/configuration?${node === undefined ? "own=true" : `node=${encodeURIComponent(node)}`}`);
