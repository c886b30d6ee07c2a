// New plugins and versions: files are dropped or chosen, looked over, and sent; a manifest goes before its component.

import { button, does, el, say, saying } from "./act.js";
import { upload } from "./api.js";
import { pathOf } from "./deeds.js";
import { bytes, isPluginName, pluginOfFile, shareOf } from "./words.js";

/** In the order in which they go: what a component needs, and who signed it, is there before it comes. */
const KINDS = ["toml", "minisig", "wasm"];
const TYPES = { toml: "application/toml", minisig: "text/plain", wasm: "application/wasm" };
const PLACES = { toml: "/manifest", minisig: "/signature", wasm: "" };
const kindOf = (file) => /\.(wasm|toml|minisig)$/i.exec(file.name)?.[1].toLowerCase() ?? null;
let serial = 0;

/** @param {string} fixed the plugin whose new version it is; empty where the file's name tells */
export function uploader(shared, fixed) {
  const id = `upload-${(serial += 1)}`;
  const input = el("input", { type: "file", id, multiple: true, accept: ".wasm,.toml,.minisig,application/wasm", className: "spoken" });
  const place = el("label", { className: "drop", for: id }, el("strong", { textContent: fixed ? "Drop a new version here" : "Drop a plugin here" }), el("span", { className: "help", textContent: "or choose a file: a component (.wasm), its manifest (.toml), or both" }));
  const name = el("input", { id: `${id}-name`, autocomplete: "off", spellcheck: false, value: fixed, maxLength: 64 });
  const nameField = el("div", { className: "field" }, el("label", { for: name.id, textContent: "Name of the plugin" }), name);
  const mode = el(
    "select",
    { id: `${id}-mode` },
    el("option", { value: "", textContent: "As its manifest says" }),
    el("option", { value: "shadow", textContent: "In shadow: only compare" }),
    el("option", { value: "canary", textContent: "As a canary: a share of new sessions" }),
  );
  const part = el("input", { id: `${id}-share`, inputMode: "decimal", value: "5", autocomplete: "off" });
  const modeField = el("div", { className: "field", hidden: true }, el("label", { for: mode.id, textContent: "Bring it into service" }), mode);
  const partField = el("div", { className: "field", hidden: true }, el("label", { for: part.id, textContent: "Share, %" }), part);
  const [list, bar, said] = [el("p", { className: "strong" }), el("progress", { max: 1, value: 0, hidden: true, "aria-label": "Sent so far" }), saying()];
  const [go, not] = [button("Upload", "main small"), button("Cancel")];
  const form = el("div", { className: "looked-over", hidden: true }, list, nameField, modeField, partField, bar, el("div", { className: "actions" }, go, not));
  const none = el("p", { className: "help", hidden: true, textContent: "Plugins can not be put in: this server has no plugin directory. Set plugins.dir." });
  const element = el("section", { className: "upload", "aria-label": fixed ? `Upload a new version of ${fixed}` : "Upload a plugin" }, input, place, none, form, said);
  let files = [];
  nameField.hidden = Boolean(fixed);

  const take = (chosen) => {
    said.tell("");
    const strange = chosen.filter((file) => !kindOf(file));
    const twice = KINDS.some((kind) => chosen.filter((file) => kindOf(file) === kind).length > 1);
    if (strange.length || twice) {
      said.tell(strange.length ? `“${strange[0].name}” is no component (.wasm), manifest (.toml) or signature (.minisig).` : "One plugin at a time: one component, one manifest, one signature.", "stop");
      return;
    }
    if (chosen.length === 0) return;
    files = [...chosen].sort((a, b) => KINDS.indexOf(kindOf(a)) - KINDS.indexOf(kindOf(b)));
    const component = files.find((file) => kindOf(file) === "wasm");
    if (!fixed) name.value = pluginOfFile((component ?? files[0]).name);
    say(list, files.map((file) => `${file.name}, ${bytes(file.size)}`).join(" and "));
    form.hidden = false;
    (fixed ? go : name).focus();
  };
  input.addEventListener("change", () => {
    take([...input.files]);
    // The same file may be chosen again, when it was built anew.
    input.value = "";
  });
  mode.addEventListener("change", () => (partField.hidden = mode.value !== "canary"));
  not.addEventListener("click", () => {
    form.hidden = true;
    said.tell("");
    input.focus();
  });

  does(go, said, async () => {
    const plugin = name.value.trim();
    name.setAttribute("aria-invalid", String(!isPluginName(plugin)));
    if (!isPluginName(plugin)) {
      name.focus();
      throw { title: "This can not name a plugin", detail: "1 to 64 small letters, digits and “-”, not starting with “-”." };
    }
    const wish = new URLSearchParams();
    if (mode.value === "shadow") wish.set("mode", "shadow");
    if (mode.value === "canary") {
      if (shareOf(part.value) === null) throw { title: "The share is a number above 0 and up to 100", detail: "" };
      wish.set("canary", shareOf(part.value));
    }
    let last = null;
    bar.hidden = false;
    try {
      for (const file of files) {
        const kind = kindOf(file);
        const asked = kind === "wasm" && String(wish) ? `?${wish}` : "";
        last = await upload(pathOf(plugin) + PLACES[kind] + asked, file, TYPES[kind], (sent) => (bar.value = sent));
      }
    } finally {
      bar.hidden = true;
      shared.refresh();
    }
    form.hidden = true;
    files = [];
    input.focus();
    return outcome(plugin, last);
  });

  // A file that misses the place must not replace the page.
  const over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    place.classList.add("over");
  };
  const out = (event) => !event.relatedTarget && place.classList.remove("over");
  const drop = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    place.classList.remove("over");
    if (!input.disabled) take([...event.dataTransfer.files]);
  };
  addEventListener("dragover", over);
  addEventListener("dragleave", out);
  addEventListener("drop", drop);

  return {
    element,
    leave() {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", out);
      removeEventListener("drop", drop);
    },
    /** What the server offers may change: a plugin directory, and roll-outs. */
    paint(plugins) {
      const offered = Boolean(shared.overview?.plugins_dir);
      input.disabled = !offered;
      [place.hidden, none.hidden] = [!offered, offered];
      modeField.hidden = !plugins.some((plugin) => "rollout" in plugin);
    },
  };
}

/** What came of it. */
function outcome(plugin, { status, said }) {
  if (status === 202) return `${plugin} is in the directory, and is being compiled. Its state is told below.`;
  if (said.candidate && said.candidate.stage !== "probation") return `${plugin}: generation ${said.candidate.generation} is there as a candidate.`;
  if (said.state === "active") return `${plugin} is in service: generation ${said.generation}.`;
  if (said.state === "disabled") return `${plugin} is in the directory, and is disabled.`;
  if (said.state == null) return `What belongs to ${plugin} is in the directory, and waits for its component.`;
  return `${plugin} is in the directory.`;
}
