/** `node:path` in a page: folders on the machine of a node are names that are sent as they are typed. */
export const resolve = (...parts: readonly string[]): string => parts.at(-1) ?? "/";
export const join = (...parts: readonly string[]): string => parts.join("/");
export const isAbsolute = (path: string): boolean => path.startsWith("/");
export const basename = (path: string, ending = ""): string => {
  const name = path.split("/").at(-1) ?? "";
  return ending !== "" && name.endsWith(ending) ? name.slice(0, -ending.length) : name;
};
export const dirname = (path: string): string => path.split("/").slice(0, -1).join("/") || "/";
export const extname = (path: string): string => /\.[^./]*$/.exec(path)?.[0] ?? "";
export default { resolve, join, basename, dirname, extname };
