// <wasmcast-player>: a live stream with controls, for any page, by one script and one tag.
//
//     <script type="module" src="https://media.example/assets/player.js"></script>
//     <wasmcast-player src="https://media.example/whep/live/cam1"></wasmcast-player>
//
// It asks for the stream by WHEP, plays it with the least delay that the browser can do, waits while nobody
// publishes, comes back after failures, and says in words what is wrong. Sizes itself like a 16:9 picture; give it
// any other width and height by CSS.
//
// Attributes
//   src         the WHEP URL (required); changing it changes the stream
//   token       bearer token; without one, a refusal shows a field to enter it
//   muted       starts without sound. Else it starts with sound where the browser allows that, and otherwise
//               without and with a button to turn it on
//   paused      does not begin until play() or the play button
//   figures     shows the overlay with resolution, bitrate, loss, round trip and latency
//   keys        "page": the keys work wherever the focus is (unless in a field), not only in the player
//   buffer      least jitter buffer in milliseconds, 0 (default) to 4000: more is smoother on bad networks
//   controls    "none" hides the controls and leaves the messages
//
// Properties and methods
//   player      the Player below it (whep.js): state, peer, viewers, retry(), stop()
//   stats()     promise of a plain object with every figure (figures.js tells names and units)
//   video       the <video> element; volume and muted are its own
//   play(), pause(), toggleFullscreen()
//
// Events (none bubbles; `detail` in brackets)
//   state       [{name, title, detail, advice, retryAt}] name is idle, connecting, live, paused, waiting,
//               reconnecting, unauthorized or failed
//   stats       [object] each second while a session runs
//   error       [Problem] an attempt failed; whether it tries again is in the next `state`
//   viewers     [number|null] how many watch, where the server tells
//
// Keys: space or k play and pause, m sound, arrows up and down volume, f fullscreen, p picture in picture, i figures,
// ? help.
//
// Without a face: `import { Player } from ".../player.js"; new Player(video, { url, token }).start()`.
//
// Style it through CSS variables: --wasmcast-accent, --wasmcast-radius, --wasmcast-background.
// The page's Content-Security-Policy needs the server in script-src and connect-src; nothing inline is used.

import { Player } from "./whep.js";
import { shadowStyle } from "./player-style.js";

export { Player };
export { Problem } from "./signalling.js";

/** The controls hide after this long without the pointer or a key, while playing. */
const HIDE_MS = 2_800;
const HISTORY = 60;
const HELP = [
  ["Space, K", "Play or pause"],
  ["M", "Sound on or off"],
  ["↑ ↓", "Volume"],
  ["F", "Fullscreen"],
  ["P", "Picture in picture"],
  ["I", "Figures"],
  ["?", "This help"],
];
const STATE_WORDS = {
  idle: "Stopped",
  connecting: "Connecting",
  live: "Live",
  paused: "Paused",
  waiting: "Waiting",
  reconnecting: "Reconnecting",
  unauthorized: "Locked",
  failed: "Failed",
};
const LATENCY_WORDS = {
  capture: "capture to screen",
  clock: "by the sender's clock",
  estimate: "server to screen, estimated",
};

const icon = (path) => `<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">${path}</svg>`;
const ICONS = {
  play: icon('<path d="M7 4.5v15l13-7.5z"/>'),
  pause: icon('<path d="M6 4.5h4.2v15H6zM13.8 4.5H18v15h-4.2z"/>'),
  sound: icon('<path d="M3 9v6h4l5 4.5v-15L7 9z"/><path class="line" d="M15.5 8.5a5 5 0 0 1 0 7M18 6a8.5 8.5 0 0 1 0 12"/>'),
  silent: icon('<path d="M3 9v6h4l5 4.5v-15L7 9z"/><path class="line" d="m16 9 6 6m0-6-6 6"/>'),
  figures: icon('<path class="line" d="M4 19.5h16M6.5 16v-4M12 16V5M17.500 16V9"/>'),
  window: icon('<path class="line" d="M3.500 5h17v14h-17z"/><path d="M12 11.500h6.500V17H12z"/>'),
  full: icon('<path class="line" d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"/>'),
  small: icon('<path class="line" d="M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5"/>'),
  help: icon('<path class="line" d="M9 9.200a3 3 0 1 1 4.200 2.700c-.8.400-1.200 1-1.200 1.900v.700"/><circle cx="12" cy="18" r="1.300"/>'),
  viewers: icon('<path class="line" d="M2 12s3.600-6.500 10-6.500S22 12 22 12s-3.600 6.500-10 6.500S2 12 2 12z"/><circle cx="12" cy="12" r="2.800"/>'),
};

const TEMPLATE = `
  <div class="stage" part="stage">
    <video playsinline></video>
    <div class="top">
      <span class="badge" data-id="badge"><i></i><b data-id="word"></b></span>
      <span class="badge plain" data-id="viewers" hidden></span>
    </div>
    <section class="figures" data-id="figures" aria-label="Figures" hidden><dl data-id="list"></dl>
      <canvas data-id="graph" aria-hidden="true"></canvas></section>
    <div class="notice" data-id="notice" hidden>
      <div class="spinner" data-id="spinner"></div>
      <h2 data-id="title"></h2>
      <p data-id="detail"></p>
      <p class="advice" data-id="advice"></p>
      <form data-id="form" hidden>
        <label>Token <input name="token" type="password" autocomplete="off" spellcheck="false" required></label>
        <button>Watch</button>
      </form>
      <button type="button" data-id="again" hidden>Try again</button>
      <p class="countdown" data-id="countdown" aria-hidden="true"></p>
    </div>
    <button type="button" class="big" data-id="start" aria-label="Play" hidden>${ICONS.play}</button>
    <button type="button" class="unmute" data-id="unmute" hidden>${ICONS.silent} Turn the sound on</button>
    <div class="help" data-id="help" role="dialog" aria-label="Keys" hidden>
      <h2>Keys</h2>
      <dl>${HELP.map(([keys, what]) => `<div><dt>${keys}</dt><dd>${what}</dd></div>`).join("")}</dl>
      <button type="button" data-id="closeHelp">Close</button>
    </div>
    <div class="bar" data-id="bar" role="group" aria-label="Player controls">
      <button type="button" data-id="play"></button>
      <button type="button" data-id="mute"></button>
      <input type="range" data-id="volume" min="0" max="1" step="0.05" aria-label="Volume">
      <span class="space"></span>
      <output class="latency" data-id="latency" title=""></output>
      <select data-id="layers" aria-label="Picture size" hidden></select>
      <button type="button" data-id="showFigures" aria-label="Figures (I)" aria-pressed="false">${ICONS.figures}</button>
      <button type="button" class="wide" data-id="showHelp" aria-label="Keys (?)">${ICONS.help}</button>
      <button type="button" data-id="window" aria-label="Picture in picture (P)">${ICONS.window}</button>
      <button type="button" data-id="full" aria-label="Fullscreen (F)">${ICONS.full}</button>
    </div>
    <div class="toast" data-id="toast" aria-hidden="true"></div>
    <div class="spoken" role="status" data-id="spoken"></div>
  </div>`;

class WasmcastPlayer extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = ["src", "token", "figures", "controls"];
  #ui = {};
  #player = null;
  #history = [];
  #hideTimer = 0;
  #toastTimer = 0;
  #countTimer = 0;
  #listening = null;
  #wanted = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [shadowStyle()];
    root.innerHTML = TEMPLATE;
    for (const element of root.querySelectorAll("[data-id]")) this.#ui[element.dataset.id] = element;
    this.video = root.querySelector("video");
    this.stage = root.querySelector(".stage");
    this.#wire();
  }

  get player() {
    return this.#player;
  }

  stats() {
    return this.#player ? this.#player.stats() : Promise.resolve({ state: "idle" });
  }

  connectedCallback() {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const target = this.getAttribute("keys") === "page" ? document : this;
    target.addEventListener("keydown", (event) => this.#key(event), { signal });
    document.addEventListener("fullscreenchange", () => this.#paintControls(), { signal });
    this.#countTimer = setInterval(() => this.#paintCountdown(), 250);
    this.video.muted = this.hasAttribute("muted");
    this.#paintControls();
    this.#reload();
  }

  disconnectedCallback() {
    this.#listening.abort();
    clearInterval(this.#countTimer);
    this.#player?.stop();
    this.#player = null;
  }

  attributeChangedCallback(name, before, after) {
    if (name === "figures") this.#paintFigures();
    if (name === "controls") this.#ui.bar.hidden = after === "none";
    if (!this.isConnected || !this.#listening || before === after) return;
    if (name === "src") this.#reload();
    if (name === "token" && this.#player) this.#player.token = after ?? "";
  }

  #reload() {
    this.#player?.stop();
    this.#player = null;
    const src = this.getAttribute("src");
    if (!src) return;
    const player = new Player(this.video, {
      url: new URL(src, document.baseURI),
      token: this.getAttribute("token") ?? "",
      bufferMs: Math.min(Math.max(Number(this.getAttribute("buffer")) || 0, 0), 4000),
    });
    this.#player = player;
    player.addEventListener("state", () => this.#stateChanged(player));
    player.addEventListener("media", () => this.#wanted && this.#begin());
    player.addEventListener("stats", ({ detail }) => this.#measured(detail));
    player.addEventListener("viewers", ({ detail }) => this.#paintViewers(detail));
    player.addEventListener("layers", () => this.#paintLayers(player));
    for (const type of ["state", "stats", "error", "viewers"]) {
      player.addEventListener(type, ({ detail }) => this.dispatchEvent(new CustomEvent(type, { detail })));
    }
    if (this.hasAttribute("paused")) this.#stateChanged(player);
    else this.play();
  }

  /** Starts, or goes on after pause() at the live edge. */
  play() {
    this.#wanted = true;
    this.#player?.start();
    this.#paintControls();
    return this.#begin();
  }

  pause() {
    this.#wanted = false;
    this.video.pause();
    this.#paintControls();
  }

  async #begin() {
    if (!this.video.srcObject) return;
    try {
      await this.video.play();
    } catch (error) {
      // Without a click on the page, browsers refuse sound but let a silent picture start.
      if (error.name !== "NotAllowedError" || this.video.muted) return;
      this.video.muted = true;
      this.#ui.unmute.hidden = false;
      await this.video.play().catch(() => this.pause());
    }
  }

  toggleFullscreen() {
    if (document.fullscreenElement === this) document.exitFullscreen();
    else if (this.requestFullscreen) this.requestFullscreen().catch(() => this.#toast("Fullscreen is not allowed here"));
    // An iPhone shows only the video itself in fullscreen.
    else this.video.webkitEnterFullscreen?.();
  }

  #wire() {
    const { video } = this;
    const ui = this.#ui;
    const press = (button, act) => button.addEventListener("click", act);
    press(ui.play, () => this.#togglePlay());
    press(ui.start, () => this.#togglePlay());
    press(ui.mute, () => this.#toggleMute());
    press(ui.unmute, () => this.#toggleMute());
    press(ui.showFigures, () => this.toggleAttribute("figures"));
    press(ui.showHelp, () => this.#toggleHelp());
    press(ui.closeHelp, () => this.#toggleHelp());
    press(ui.window, () => this.#togglePicture());
    press(ui.full, () => this.toggleFullscreen());
    press(ui.again, () => this.#player?.retry());
    ui.window.hidden = !document.pictureInPictureEnabled;
    ui.layers.addEventListener("change", () => (this.#player.layer = ui.layers.value));
    ui.volume.addEventListener("input", () => this.#setVolume(Number(ui.volume.value)));
    ui.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.setAttribute("token", ui.form.elements.token.value.trim());
    });
    video.addEventListener("volumechange", () => this.#paintControls());
    // The picture-in-picture window and the keys of the keyboard pause and play without asking us.
    video.addEventListener("play", () => this.#followVideo(true));
    video.addEventListener("pause", () => this.#followVideo(false));
    video.addEventListener("click", (event) => {
      // A finger wakes the controls; a mouse, which wakes them by moving, plays and pauses.
      if (event.pointerType === "mouse" || event.pointerType === undefined) this.#togglePlay();
    });
    video.addEventListener("dblclick", () => this.toggleFullscreen());
    for (const type of ["pointermove", "pointerdown", "focusin", "keydown"]) {
      this.stage.addEventListener(type, () => this.#wake());
    }
    this.stage.addEventListener("pointerleave", () => this.#sleepSoon(600));
  }

  #key(event) {
    const typing = event.composedPath()[0];
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing.matches?.("input:not([type=range]), textarea, select, [contenteditable]")) return;
    const onButton = typing.matches?.("button, a, summary");
    const act = {
      " ": onButton ? null : () => this.#togglePlay(),
      k: () => this.#togglePlay(),
      m: () => this.#toggleMute(),
      f: () => this.toggleFullscreen(),
      p: () => this.#togglePicture(),
      i: () => this.toggleAttribute("figures"),
      "?": () => this.#toggleHelp(),
      escape: this.#ui.help.hidden ? null : () => this.#toggleHelp(),
      arrowup: () => this.#setVolume(this.video.volume + 0.05, true),
      arrowdown: () => this.#setVolume(this.video.volume - 0.05, true),
    }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    this.#wake();
    act();
  }

  #togglePlay() {
    if (this.#wanted) this.pause();
    else this.play();
  }

  #followVideo(playing) {
    if (!playing && !this.video.srcObject?.active) return;
    this.#wanted = playing;
    this.#paintControls();
  }

  #toggleMute() {
    this.video.muted = !this.video.muted;
    if (!this.video.muted && this.video.volume === 0) this.video.volume = 0.5;
    if (!this.video.muted && this.#wanted) this.#begin();
    this.#toast(this.video.muted ? "Sound off" : "Sound on");
  }

  #setVolume(volume, tell = false) {
    this.video.volume = Math.min(Math.max(volume, 0), 1);
    this.video.muted = this.video.volume === 0;
    if (tell) this.#toast(`Volume ${Math.round(this.video.volume * 100)} %`);
  }

  #toggleHelp() {
    const { help, closeHelp, showHelp } = this.#ui;
    help.hidden = !help.hidden;
    (help.hidden ? showHelp : closeHelp).focus();
  }

  #togglePicture() {
    if (document.pictureInPictureElement) document.exitPictureInPicture();
    else this.video.requestPictureInPicture?.().catch(() => this.#toast("Picture in picture needs a running picture"));
  }

  #wake() {
    this.stage.classList.remove("asleep");
    this.#sleepSoon(HIDE_MS);
  }

  #sleepSoon(wait) {
    clearTimeout(this.#hideTimer);
    this.#hideTimer = setTimeout(() => {
      const busy = !this.#wanted || !this.#ui.help.hidden || this.shadowRoot.activeElement?.matches(":focus-visible");
      if (!busy) this.stage.classList.add("asleep");
    }, wait);
  }

  #toast(words) {
    this.#ui.toast.textContent = words;
    this.#ui.toast.classList.add("shown");
    clearTimeout(this.#toastTimer);
    this.#toastTimer = setTimeout(() => this.#ui.toast.classList.remove("shown"), 900);
  }

  #stateChanged(player) {
    const ui = this.#ui;
    const { name, title, detail, advice, problem } = player.state;
    const { unauthorized, failed } = { [name]: true };
    this.stage.dataset.state = name;
    ui.word.textContent = STATE_WORDS[name];
    ui.notice.hidden = name === "live" || name === "idle";
    ui.start.hidden = name !== "idle";
    ui.title.textContent = title || (name === "connecting" ? "Connecting" : STATE_WORDS[name]);
    ui.detail.textContent = detail ?? "";
    ui.advice.textContent = advice ?? "";
    ui.spinner.hidden = Boolean(unauthorized || failed);
    ui.form.hidden = !unauthorized;
    ui.again.hidden = !failed;
    if (unauthorized && problem?.kind === "forbidden") ui.form.elements.token.value = "";
    const spoken = [title || STATE_WORDS[name], detail, advice].filter(Boolean).join(". ");
    if (ui.spoken.textContent !== spoken) ui.spoken.textContent = spoken;
    if (name !== "live" && name !== "paused") {
      this.#history = [];
      ui.latency.textContent = "";
    }
    this.#paintCountdown();
    this.#paintControls();
    if (name === "live") this.#sleepSoon(HIDE_MS);
    else this.#wake();
  }

  #paintCountdown() {
    const retryAt = this.#player?.state.retryAt;
    const seconds = retryAt ? Math.max(Math.ceil((retryAt - Date.now()) / 1000), 0) : 0;
    const words = retryAt ? (seconds ? `Asking again in ${seconds} s` : "Asking again") : "";
    if (this.#ui.countdown.textContent !== words) this.#ui.countdown.textContent = words;
  }

  #paintViewers(count) {
    const { viewers } = this.#ui;
    viewers.hidden = count === null;
    viewers.innerHTML = ICONS.viewers;
    viewers.append(` ${count}`);
    viewers.setAttribute("aria-label", `${count} watching`);
  }

  #paintLayers({ layers, layer }) {
    const { layers: select } = this.#ui;
    const bySize = layers.toSorted((a, b) => (b.height ?? 0) - (a.height ?? 0) || b.bitrate - a.bitrate);
    const options = bySize.map(({ rid, height, bitrate }) => {
      const option = new Option(height ? `${height}p` : rid, rid, false, rid === layer);
      option.disabled = bitrate === 0;
      return option;
    });
    select.hidden = layers.length < 2;
    select.replaceChildren(new Option("Auto", "", true, layer === ""), ...options);
  }

  #paintControls() {
    const ui = this.#ui;
    const { muted, volume } = this.video;
    const paused = !this.#wanted;
    const silent = muted || volume === 0;
    const full = document.fullscreenElement === this;
    const set = (button, drawing, label) => {
      if (button.getAttribute("aria-label") === label) return;
      button.innerHTML = drawing;
      button.setAttribute("aria-label", label);
      button.title = label;
    };
    set(ui.play, paused ? ICONS.play : ICONS.pause, paused ? "Play (K)" : "Pause (K)");
    set(ui.mute, silent ? ICONS.silent : ICONS.sound, silent ? "Sound on (M)" : "Sound off (M)");
    set(ui.full, full ? ICONS.small : ICONS.full, full ? "Leave fullscreen (F)" : "Fullscreen (F)");
    ui.volume.value = silent ? 0 : volume;
    if (!silent) ui.unmute.hidden = true;
    if (paused) this.#wake();
  }

  #measured(figures) {
    const { latencyMs, latencyBy, bitrateKbps } = figures;
    this.#history.push({ kbps: bitrateKbps ?? 0, latency: latencyMs ?? 0 });
    if (this.#history.length > HISTORY) this.#history.shift();
    this.#ui.latency.textContent = latencyMs === null ? "" : `${Math.round(latencyMs)} ms`;
    this.#ui.latency.title = latencyMs === null ? "" : `Latency, ${LATENCY_WORDS[latencyBy]}`;
    this.#paintFigures(figures);
  }

  #paintFigures(figures) {
    const shown = this.hasAttribute("figures");
    this.#ui.figures.hidden = !shown;
    this.#ui.showFigures.setAttribute("aria-pressed", String(shown));
    if (!shown || !figures) return;
    const rows = figureRows(figures);
    const { list } = this.#ui;
    while (list.children.length > rows.length * 2) list.lastChild.remove();
    while (list.children.length < rows.length * 2) {
      list.append(document.createElement("dt"), document.createElement("dd"));
    }
    rows.forEach(([name, value], at) => {
      list.children[2 * at].textContent = name;
      list.children[2 * at + 1].textContent = value;
    });
    drawHistory(this.#ui.graph, this.#history);
  }
}

/** The overlay's lines: what the browser does not tell is left out. */
function figureRows(figures) {
  const number = (value, digits = 0) => (value == null ? null : value.toFixed(digits));
  const unit = (value, name, digits = 0) => (value == null ? null : `${number(value, digits)} ${name}`);
  const join = (...parts) => parts.filter(Boolean).join(" · ") || null;
  const { width, height, bitrateKbps, latencyMs, latencyBy } = figures;
  const bitrate = bitrateKbps >= 1000 ? unit(bitrateKbps / 1000, "Mbit/s", 2) : unit(bitrateKbps, "kbit/s");
  const recovered = figures.retransmitted ? `${figures.retransmitted} resent` : null;
  return [
    ["Picture", join(width && `${width} × ${height}`, unit(figures.fps, "fps"))],
    ["Codec", join(figures.videoCodec, figures.audioCodec?.replace(/^opus$/, "Opus"))],
    ["Bitrate", bitrate],
    ["Loss", join(unit(figures.lossPercent, "%", 1), `${Math.max(figures.packetsLost, 0)} lost`, recovered)],
    ["Round trip", join(unit(figures.rttMs, "ms"), figures.transport)],
    ["Jitter", join(unit(figures.jitterMs, "ms", 1), figures.bufferMs != null && `buffer ${number(figures.bufferMs)} ms`)],
    ["Decoding", join(unit(figures.decodeMs, "ms", 1), figures.framesDropped ? `${figures.framesDropped} dropped` : null)],
    ["Freezes", figures.freezes == null ? null : join(String(figures.freezes), figures.freezes && unit(figures.freezeMs, "ms"))],
    ["Latency", latencyMs == null ? null : join(unit(latencyMs, "ms"), LATENCY_WORDS[latencyBy])],
    ["Viewers", figures.viewers == null ? null : String(figures.viewers)],
  ].filter(([, value]) => value !== null);
}

/** Bitrate as an area and latency as a line, over the last minute. */
function drawHistory(canvas, history) {
  const scale = devicePixelRatio || 1;
  const width = (canvas.width = canvas.clientWidth * scale);
  const height = (canvas.height = canvas.clientHeight * scale);
  const context = canvas.getContext("2d");
  const colours = getComputedStyle(canvas);
  const trace = (field) => {
    const top = Math.max(...history.map((point) => point[field]), 1) * 1.15;
    context.beginPath();
    history.forEach((point, at) => {
      context.lineTo(width - ((history.length - 1 - at) * width) / (HISTORY - 1), height - (point[field] / top) * height);
    });
  };
  if (history.length < 2) return;
  trace("kbps");
  context.lineTo(width, height);
  context.lineTo(width - ((history.length - 1) * width) / (HISTORY - 1), height);
  context.fillStyle = colours.getPropertyValue("--graph-area");
  context.fill();
  trace("latency");
  context.lineWidth = 1.5 * scale;
  context.strokeStyle = colours.getPropertyValue("--graph-line");
  context.stroke();
}

if (globalThis.customElements && !customElements.get("wasmcast-player")) {
  customElements.define("wasmcast-player", WasmcastPlayer);
}
