/** Loaded before the simulation: from then on one module of Plexus has a deliberate fault. PLEXUS_MUTATION is the
 *  fault's name. */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { mutations } from "./mutations.ts";

const name = process.env["PLEXUS_MUTATION"];
const mutation = mutations.find((one) => one.name === name);
if (mutation === undefined) throw new Error(`there is no mutation "${name}"`);
const { file, find, replace } = mutation;
const path = join(import.meta.dirname, "../..", file);
const mutated = pathToFileURL(path).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== mutated) return loaded;
    const source = readFileSync(path, "utf8");
    const places = source.split(find).length - 1;
    if (places !== 1) throw new Error(`"${name}" fits ${places} places of ${file}: mend the mutation`);
    return { ...loaded, source: source.replace(find, () => replace) };
  },
});
