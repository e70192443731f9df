/** What the address of a room has behind `#`, before the secret, where it is a link into the room. */
export const joinMark = "join=";
