// The story of a decision: who was asked, in turn, what came of it, and how long it took.

import { chip, el, keyed, say } from "./act.js";
import { stepTone, stepWords, took } from "./words.js";

export function story() {
  const steps = el("ol", { className: "story" });
  const none = el("p", { className: "help", textContent: "Nobody was asked: no plugin and no rule concerns it." });
  const paint = keyed(steps, ({ at }) => at, () => {
    const [name, word, detail, error] = [el("strong"), chip(), el("span", { className: "help" }), el("p", { className: "cause" })];
    return {
      element: el("li", {}, el("span", { className: "inline" }, name, word, detail), error),
      paint(step) {
        say(name, step.plugin);
        word.tell(stepWords(step), stepTone(step));
        const generation = step.generation == null ? "" : `generation ${step.generation}`;
        say(detail, [step.hook, generation, took(step.took_us)].filter(Boolean).join(" · "));
        say(error, step.error ?? "");
        error.hidden = !step.error;
      },
    };
  });
  return {
    element: el("div", {}, steps, none),
    paint(decision) {
      none.hidden = decision.length > 0;
      steps.hidden = decision.length === 0;
      paint(decision.map((step, at) => ({ ...step, at })));
    },
  };
}
