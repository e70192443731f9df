import { Detectors } from "./detectors.tsx";
import { Playbooks } from "./playbooks.tsx";
import { Rules } from "./rules.tsx";
import "../backup/backup.css";

/** What is watched for, and what is done by itself. Loaded behind the alerts, which come first. */
export default function Plan() {
  return (
    <>
      <Rules />
      <Playbooks />
      <Detectors />
    </>
  );
}
