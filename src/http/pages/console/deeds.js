// What the operator does to a plugin, with the question before it: enable, disable, roll back, promote.

import { button, confirmed, does } from "./act.js";
import { send } from "./api.js";

export const pathOf = (name) => `/api/v1/plugins/${encodeURIComponent(name)}`;

/** One button for both, so that the focus stays where it is. */
export function disableOrEnable(name, said, shared) {
  const element = button("Disable", "quiet small", `Disable ${name}`);
  let now = null;
  does(element, said, async () => {
    if (now?.state === "disabled" || wantsStart(now)) {
      const status = await send("POST", `${pathOf(name)}/enable`);
      shared.refresh();
      return `${name} is in service: generation ${status?.generation}.`;
    }
    const sure = await confirmed({
      title: `Disable ${name}?`,
      detail: "It is as if it were absent, also after a restart: other plugins and the access rules decide without it. What it decided so far holds.",
      yes: "Disable",
    });
    if (!sure) return null;
    await send("POST", `${pathOf(name)}/disable`);
    shared.refresh();
    return `${name} is disabled.`;
  });
  return {
    element,
    paint(status) {
      now = status;
      const word = status.state === "disabled" ? "Enable" : wantsStart(status) ? "Try again" : "Disable";
      if (element.textContent === word) return;
      element.textContent = word;
      element.setAttribute("aria-label", `${word} ${name}`);
    },
  };
}

/** Whether a new start is what helps most. */
const wantsStart = (status) => ["failed", "stopped", "quarantined"].includes(status?.state);

export function rollBack(name, said, shared) {
  const element = button("Roll back", "quiet small", `Roll back: ${name}`);
  let now = null;
  does(element, said, async () => {
    const candidate = now?.candidate && now.candidate.stage !== "probation";
    const sure = await confirmed({
      title: candidate ? `Drop the candidate of ${name}?` : `Roll ${name} back?`,
      detail: candidate
        ? `Generation ${now.candidate.generation} goes; what is in service stays.`
        : "The component that served before comes back with its manifest. The one in service now stays out, until another file is put into the directory or you enable the plugin.",
      yes: candidate ? "Drop it" : "Roll back",
    });
    if (!sure) return null;
    const status = await send("POST", `${pathOf(name)}/rollback`);
    shared.refresh();
    return candidate ? "The candidate is gone." : `${name} went back: generation ${status?.generation} is in service.`;
  });
  return {
    element,
    paint(status) {
      now = status;
      element.hidden = status.state === "disabled";
      const word = status.candidate && status.candidate.stage !== "probation" ? "Drop candidate" : "Roll back";
      if (element.textContent === word) return;
      element.textContent = word;
      element.setAttribute("aria-label", `${word}: ${name}`);
    },
  };
}
