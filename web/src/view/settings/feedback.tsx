import { Button, Textarea } from "@mantine/core";
import { wireLimits } from "../../../../protocols/limits.ts";
import { notices } from "../../live/index.ts";
import { call } from "../../wire/index.ts";
import { useFaults } from "../parts/faults.ts";
import { formText } from "../parts/form-text.ts";
import { Form } from "../parts/form.tsx";
import { Part } from "./part.tsx";

/** Says something to the admins about the program. */
export function GiveFeedback() {
  const faults = useFaults({ text: `Up to ${wireLimits.feedbackCharsMax.toLocaleString("en-US")} characters.` });
  const send = async (form: HTMLFormElement) => {
    const done = await call("feedback.give", { text: formText(form, "text").trim() });
    if (!done.ok) return void faults.take(done.error);
    form.reset();
    notices.show("Thank you. The admins can read it.");
  };
  return (
    <Part
      title="Feedback"
      about="What is good here, and what is in your way? Admins read it with the day, without your name."
    >
      <Form id="feedback" faults={faults} className="stack narrow" onSubmit={send}>
        <Textarea
          name="text"
          label="What you want to say"
          maxLength={wireLimits.feedbackCharsMax}
          minRows={3}
          autosize
          maxRows={8}
          required
          error={faults.of("text")}
        />
        <div className="row">
          <Button type="submit">Send feedback</Button>
        </div>
      </Form>
    </Part>
  );
}
