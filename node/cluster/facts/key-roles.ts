/** Which nodes have keys. */
import type { Role } from "../../../protocols/index.ts";

/** The roles of nodes that make backups, and so have keys. A node with the role storage alone holds what it cannot
 *  read. */
const keyRoles: readonly Role[] = ["manager", "chat"];

/** Whether a node with these roles changes the rows of keys. */
export const hasKeyRole = (roles: readonly Role[]): boolean => roles.some((role) => keyRoles.includes(role));
