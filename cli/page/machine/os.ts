/** `node:os` in a page. */
export const hostname = (): string => "page";
export const homedir = (): string => "/";
export const release = (): string => "";
export default { hostname, homedir, release };
