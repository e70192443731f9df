/** What commands use of `node:crypto`, in a page. */
export const randomBytes = (size: number): { toString(encoding: "hex"): string } => {
  const bytes = crypto.getRandomValues(new Uint8Array(size));
  return { toString: () => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("") };
};
