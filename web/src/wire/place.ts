import { mount } from "./mount.ts";

/** The node's address, for links that people give away. */
export const ownPlace = (): string => location.origin + mount;

/** The path of the page that is open, as it is at every node. */
export const ownPath = (): string => location.pathname.slice(mount.length) || "/";
