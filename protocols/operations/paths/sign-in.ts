/** Sign-up and sign-in. */
export const signInRoutes = {
  "signIn.setup": "GET /setup",
  "signIn.signUp": "POST /sign-up",
  "signIn.mailLink": "POST /sign-up/mail",
  "signIn.byPassword": "POST /sign-in",
  "signIn.code": "POST /sign-in/code",
  "signIn.passkeyOptions": "POST /sign-in/passkey/options",
  "signIn.passkey": "POST /sign-in/passkey",
  "signIn.servers": "GET /sign-in/with",
  "signIn.standing": "GET /sign-in/attempt",
  "signIn.forgot": "POST /sign-in/forgot",
  "signIn.reset": "POST /sign-in/reset",
  "signIn.confirmMail": "POST /mail/confirm",
  "signIn.claimAdmin": "POST /claim-admin",
  "signIn.signOut": "POST /sign-out",
} as const;
