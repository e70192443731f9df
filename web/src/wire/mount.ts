/** Where the page is at its host: a proxy in front may serve the node below a path. */

// The page's code lies in `assets/` below that path, whatever address of the page is open.
const beside = new URL("..", /* @vite-ignore */ import.meta.url);

/** The path below which the node is reached: `/plexus`, or nothing. */
export const mount = beside.protocol.startsWith("http") ? beside.pathname.replace(/\/$/, "") : "";

/** A path of the node as the browser asks for it. */
export const at = (path: string): string => mount + path;
