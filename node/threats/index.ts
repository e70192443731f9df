/** Threat feeds: lists of addresses, names of hosts and digests of files that others found to be bad.
 *
 *      files and URLs ──read again and again──► indicators.ts ──► address-set.ts ──► isBlocked(address)
 *       (feeds.ts)                               what a list says   longest prefix
 *                                                        └────────► hasDomain(name), hasFile(digest)
 *
 *  A client that connects from a listed address is refused by the gateway before anything else is done for it. An entry
 *  that allows counts above a wider one that blocks: the longest prefix decides. Loopback is never blocked, so that no
 *  list locks an operator out of his own machine.
 *
 *  Lists that admins set for the cluster are read by every node. One that cannot reach the URL takes the text that most
 *  members have read there (sharing.ts).
 *
 *  A list that cannot be read, or not whole, changes nothing: what was read of it before stays in force, and the log
 *  says so. */
export { watchThreats, type Threats } from "./feeds.ts";
export { handleThreats } from "./operations.ts";
export { shareLists } from "./sharing.ts";
export { followPlaces } from "./followed-places.ts";
