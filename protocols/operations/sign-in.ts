/** Sign-up and sign-in. */
export const signInOperations = {};
