/** A node and the accounts where no session of theirs is at hand:
 *
 *      first-admin.ts   whether the cluster has an admin at all, without whom nobody may be let in freely
 *      role-memory.ts   which roles a person has, for calls of agents
 *      later-posts.ts   what a person may send at a time that was set before
 *      stored-again.ts  what people keep in rooms and conversations, told to their accounts again from time to time
 *
 *  All of it is asked of actors (`user/…`, `role-manager/cluster`), wherever they are. What people do with a session is
 *  the gateway's. */
export { followFirstAdmin, registerNode, type FirstAdmin } from "./first-admin.ts";
export { createLaterPosts } from "./later-posts.ts";
export { createRoleMemory } from "./role-memory.ts";
export { tellStoredAgain } from "./stored-again.ts";
