/** What the configuration uses of `node:net`, in a page: an address is looked at by the node that it is sent to. */
export const isIP = (text: string): 0 | 4 | 6 => (/^\d+(\.\d+){3}$/.test(text) ? 4 : text.includes(":") ? 6 : 0);
