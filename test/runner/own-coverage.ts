/** Loaded into the processes whose coverage is collected. V8 has begun with it by now; what these processes start
 *  (inference hosts, commands, threads) is not to be collected, but to start from compiled code, as everywhere else. */
import { compiledFolder } from "./phases.ts";

delete process.env["NODE_V8_COVERAGE"];
process.env["NODE_COMPILE_CACHE"] ??= compiledFolder;
