/** Notices to browsers whose page is closed. */
import { Type } from "typebox";
import { answer } from "../wire/command.ts";
import { pushContent, pushDevice, pushPlace, type PushDevice, type PushView } from "../wire/push.ts";
import { object } from "../wire/schema.ts";
import { changes, fieldsOf, ofActors, ofOwnAccount, reads } from "./operation.ts";

const tags = ["account"];
const params = object({ id: pushDevice.properties.id });

export const pushOperations = {
  "push.show": reads({
    answer: answer<PushView>("PushView"),
    permission: "account.use",
    errors: ofActors,
    summary: "The browsers that take notices for the caller, and the key by which they know the cluster",
    tags,
  }),
  "push.add": changes({
    ...ofOwnAccount,
    fields: object({ ...pushPlace.properties, name: pushDevice.properties.name, content: Type.Optional(pushContent) }),
    answer: answer<PushDevice>("PushDevice"),
    permission: "account.use",
    person: true,
    errors: ["PUSH_OFF", "LIMIT_REACHED", ...ofActors],
    action: "addPush",
    summary: "Sends notices to a browser",
    description: "They end with the session that asks. The same `endpoint` takes the place of what was there.",
    tags,
  }),
  "push.set": changes({
    ...ofOwnAccount,
    params,
    fields: object({ content: pushContent }),
    answer: fieldsOf({}),
    permission: "account.use",
    errors: ["NOT_FOUND", ...ofActors],
    action: "setPush",
    summary: "Sets what the notices of a browser say",
    tags,
  }),
  "push.remove": changes({
    ...ofOwnAccount,
    params,
    answer: fieldsOf({}),
    permission: "account.use",
    errors: ["NOT_FOUND", ...ofActors],
    action: "removePush",
    summary: "Sends no more notices to a browser",
    tags,
  }),
};
