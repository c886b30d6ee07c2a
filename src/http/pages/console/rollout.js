// The roll-out of a plugin: in shadow, for a share of new sessions, or for all; the candidate beside what serves, and where
// their decisions differ. A server that does not know roll-outs shows none of it.

import { announce, button, confirmed, does, el, say, saying } from "./act.js";
import { get, send } from "./api.js";
import { pathOf } from "./deeds.js";
import { table, text } from "./table.js";
import { ago, count, share, shareOf, short, span, took } from "./words.js";

const MODES = [
  ["enforce", "For all", "A new version serves everybody at once, on probation."],
  ["canary", "Canary", "A new version decides for a share of new sessions."],
  ["shadow", "Shadow", "A new version is asked too, and its answer is only compared."],
];

/** @param {HTMLElement} deed where the words about the candidate stand, which may be gone by then */
export function rollout(shared, name, deed) {
  const [said, help, stage] = [saying(), el("p", { className: "help" }), el("p", { className: "strong" })];
  const percent = el("input", { id: `share-${name}`, inputMode: "decimal", value: "5", size: 5, autocomplete: "off" });
  const percentField = el("div", { className: "inline share" }, el("label", { for: percent.id, textContent: "Share of new sessions, %" }), percent);
  const choices = MODES.map(([mode]) => el("input", { type: "radio", name: `mode-${name}`, value: mode }));
  const segments = el("div", { className: "segments" }, ...MODES.map(([, word], at) => el("label", {}, choices[at], el("span", { textContent: word }))));
  let now = null;
  let touched = false;
  const chosen = () => choices.find(({ checked }) => checked)?.value ?? "enforce";
  const explain = () => {
    say(help, MODES.find(([mode]) => mode === chosen())[2]);
    percentField.hidden = chosen() !== "canary";
  };
  for (const one of choices) {
    one.addEventListener("change", () => {
      touched = true;
      explain();
    });
  }
  percent.addEventListener("input", () => (touched = true));

  const apply = does(button("Apply", "main small"), said, async () => {
    const mode = chosen();
    const part = mode === "canary" ? shareOf(percent.value) : null;
    if (mode === "canary" && part === null) {
      percent.setAttribute("aria-invalid", "true");
      percent.focus();
      throw { title: "The share is a number above 0 and up to 100", detail: "" };
    }
    percent.removeAttribute("aria-invalid");
    await send("POST", `${pathOf(name)}/rollout`, mode === "shadow" ? { mode } : { mode: "enforce", canary: part });
    touched = false;
    shared.refresh();
    return { shadow: "New versions run in shadow.", canary: `New versions get ${share(part)} of new sessions.`, enforce: "New versions serve all." }[mode];
  });
  const promote = does(button("Promote", "main small", `Promote the candidate of ${name}`), deed, async () => {
    const sure = await confirmed({
      title: `Promote generation ${now?.candidate?.generation} of ${name}?`,
      detail: "It decides for everybody from the next question on. What serves now stays ready for a rollback.",
      yes: "Promote",
    });
    if (!sure) return null;
    const status = await send("POST", `${pathOf(name)}/promote`);
    shared.refresh();
    announce("Promoted");
    return `Generation ${status?.generation} is in service for all.`;
  });

  const compared = table(
    "Candidate and what serves",
    [
      text("Which", ({ what }) => what),
      text("Generation", ({ generation }) => generation ?? "–", { number: true }),
      text("Version", ({ version, digest }) => [version, digest && short(digest)].filter(Boolean).join(" · ") || "–"),
      text("Calls", ({ calls }) => count(calls), { number: true }),
      text("Failed", ({ errors }) => count(errors), { number: true }),
      text("p50", ({ p50_us: us }) => took(us), { number: true }),
      text("p99", ({ p99_us: us }) => took(us), { number: true }),
    ],
    ({ what }) => what,
  );
  const known = table(
    "Generations",
    [
      text("Generation", ({ generation }) => generation, { number: true }),
      text("Version", ({ version, digest }) => [version, short(digest)].filter(Boolean).join(" · ")),
      text("State", ({ state }) => state ?? "–"),
      text("Since", ({ since }) => ago(Date.parse(since), Date.now())),
      text("Calls", ({ calls }) => count(calls), { number: true }),
      text("Failed", ({ errors }) => count(errors), { number: true }),
      text("p99", ({ p99_us: us }) => took(us), { number: true }),
    ],
    ({ generation }) => generation,
  );
  const differing = table(
    "Decisions that differ",
    [
      text("When", ({ at }) => ago(Date.parse(at), Date.now())),
      text("Session", ({ session }) => session ?? "–"),
      text("Stream", ({ stream }) => stream ?? "–"),
      text("Hook", ({ hook }) => hook),
      text("In service says", ({ in_service: words }) => words),
      text("Candidate says", ({ candidate }) => candidate),
    ],
    ({ key }) => key,
  );
  const candidate = el("section", { className: "panel wide candidate", "aria-label": "Candidate" }, el("div", { className: "panel-head" }, el("h2", { textContent: "Candidate" }), promote), stage, compared.element);
  const differences = el("section", { className: "panel wide" }, el("h2", { textContent: "Decisions that differ" }), el("p", { className: "help", textContent: "What the candidate would have decided otherwise, newest first." }), differing.element);
  const generations = el("section", { className: "panel wide" }, el("h2", { textContent: "Generations" }), known.element);
  const choice = el(
    "section",
    { className: "panel rollout" },
    el("h2", { textContent: "Roll-out of new versions" }),
    el("div", { role: "radiogroup", "aria-label": "How new versions come into service" }, segments),
    help,
    percentField,
    el("div", { className: "actions" }, apply),
    said,
  );
  const panels = [candidate, differences, choice, generations];
  for (const panel of panels) panel.hidden = true;

  return {
    first: [candidate, differences, choice],
    last: [generations],
    async refresh(status, signal) {
      now = status;
      choice.hidden = !("rollout" in status);
      if (choice.hidden) return;
      if (!touched) {
        const { mode, canary: told } = status.rollout ?? {};
        // With a cohort it is told as {share, cohort}.
        const canary = told?.share ?? told;
        const current = mode === "shadow" ? "shadow" : canary ? "canary" : "enforce";
        for (const one of choices) one.checked = one.value === current;
        if (Number.isFinite(canary)) percent.value = String(Math.round(canary * 10_000) / 100);
        explain();
      }
      paintCandidate(status);
      const list = status.generations ?? [];
      generations.hidden = list.length === 0;
      known.paint(list);
      await paintDifferences(status, signal);
    },
  };

  function paintCandidate(status) {
    const one = status.candidate;
    candidate.hidden = !one;
    if (!one) return;
    const since = span(Date.now() - Date.parse(one.since));
    const left = one.until ? `; ${span(Date.parse(one.until) - Date.now())} left` : "";
    const cohort = one.cohort ? ` of the cohort ${one.cohort}` : "";
    const words = {
      shadow: `In shadow for ${since}: it is asked, and what it says is only compared.`,
      canary: `Decides for ${share(one.share)} of new sessions${cohort}, for ${since}${left}.`,
      probation: `In service for all, on probation for ${since}${left}: too many errors or slow calls roll it back.`,
    };
    say(stage, `${words[one.stage] ?? one.stage} ${one.differences ? `${count(one.differences)} decisions differ.` : "No decision differs so far."}`);
    promote.hidden = one.stage === "probation";
    const serving = (status.generations ?? []).find(({ generation }) => generation === status.generation);
    const errors = Object.values(status.errors).reduce((sum, value) => sum + value, 0);
    const service = serving ?? { calls: status.calls, errors, p99_us: status.p99_us };
    const rows = [{ what: "Candidate", ...one }];
    if (one.stage !== "probation") {
      rows.push({ what: "In service", generation: status.generation, version: status.version, digest: status.digest, ...service, p50_us: status.p50_us });
    } else if (status.previous) {
      rows.push({ what: "Before", ...status.previous });
    }
    compared.paint(rows);
  }

  async function paintDifferences(status, signal) {
    const wanted = Boolean(status.candidate);
    differences.hidden = !wanted;
    if (!wanted) return;
    let list = [];
    try {
      list = await get(`${pathOf(name)}/differences`, { signal });
    } catch (error) {
      if (error.status !== 404) throw error;
    }
    differing.element.hidden = list.length === 0;
    // Newest first: counted from the end, each keeps its row.
    differing.paint(list.map((one, at) => ({ ...one, key: `${one.at} ${one.session} ${list.length - at}` })));
  }
}
