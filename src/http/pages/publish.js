// The studio: choose a source, see it, go live, see how it goes.
//
// For tests and bookmarks the address sets every choice:
// `?source=camera|screen|test&autostart=1&codec=vp8&width=640&height=360&fps=30&kbps=1000&audio=0&degradation=…&token=…`.
// `window.wasmcast.publisher.stats()` resolves to every figure.

import { announce, bitrate, byId, carryToken, codecLabel, el, keepToken, milliseconds, pageToken, percent, paintTiles, query, snippet, span, streamOfPage } from "./page.js";
import { Publisher, sendableCodecs } from "./publisher.js";
import { closeSource, devicesAllowed, listDevices, openCamera, openScreen, openTest, screenAllowed } from "./sources.js";

const stream = streamOfPage("publish");
const settings = byId("settings").elements;
let publisher = null;
let source = null;
let muted = false;
let startedAt = 0;
let opening = 0;

carryToken();
if (stream) open();
else {
  byId("wrong").hidden = false;
  byId("studio").hidden = true;
}

async function open() {
  byId("name").textContent = stream;
  document.title = `Publish ${stream} · wasmcast`;
  for (const codec of sendableCodecs()) settings.codec.append(el("option", { value: codec, textContent: codecLabel(codec) }));
  allowSources();
  readAddress();
  publisher = new Publisher({ url: `${location.origin}/whip/${stream}`, token: pageToken("publish") });
  publisher.addEventListener("state", ({ detail }) => paintState(detail));
  publisher.addEventListener("stats", ({ detail }) => paintFigures(detail));
  window.wasmcast = { publisher };
  wire();
  await paintDevices();
  paintFields();
  paintState(publisher.state);
  if (query.get("autostart") === "1") await goLive();
  else if (settings.source.value === "test" || (settings.source.value === "camera" && (await cameraAllowedBefore()))) await preview();
}

function wire() {
  byId("go").addEventListener("click", () => (publisher.state.name === "idle" || publisher.state.name === "failed" ? goLive() : stop()));
  byId("mute").addEventListener("click", () => setMuted(!muted));
  byId("settings").addEventListener("change", ({ target }) => changed(target.name));
  byId("settings").addEventListener("submit", (event) => event.preventDefault());
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const token = byId("token").value.trim();
    keepToken("publish", token);
    publisher.token = token;
  });
  // Tones need a first touch of the page before a browser lets them sound.
  for (const type of ["pointerdown", "keydown"]) addEventListener(type, () => source?.wake?.());
  navigator.mediaDevices?.addEventListener?.("devicechange", paintDevices);
  const watch = `${location.origin}/play/${stream}`;
  byId("share").append(snippet("link for viewers", watch));
  const link = el("a", { href: watch, target: "_blank", rel: "noopener", textContent: "Open it in a new tab" });
  byId("share-help").append(link, pageToken("publish") ? ". Your own token is not in it; viewers may need one of theirs." : ".");
  setInterval(paintClock, 250);
  requestAnimationFrame(paintMeter);
}

function allowSources() {
  const allowed = { camera: devicesAllowed(), screen: screenAllowed(), test: true };
  for (const choice of settings.source) choice.disabled = !allowed[choice.value];
  if (!allowed.camera) settings.source.value = "test";
}

function paintSourceHelp() {
  const help = byId("source-help");
  if (!isSecureContext && !devicesAllowed()) {
    help.replaceChildren(
      "Browsers give camera and screen to secure pages only. Set ",
      el("code", { textContent: 'http.tls = "self-signed"' }),
      " in the server's configuration and come by https, or open this page on localhost.",
    );
  } else if (settings.source.value === "test") {
    help.textContent = "Keep this tab in view: browsers slow down what is drawn in a hidden one.";
  } else {
    help.textContent = screenAllowed() ? "" : "This browser cannot share its screen.";
  }
}

/** Choices in the address win; a size or rate that is not in the list is added to it. */
function readAddress() {
  const choose = (field, value, label) => {
    if (![...field.options].some((option) => option.value === value)) field.append(el("option", { value, textContent: label }));
    field.value = value;
  };
  const whole = (name, least, most) => {
    const value = Number(query.get(name));
    return Number.isInteger(value) && value >= least && value <= most ? value : null;
  };
  const wish = query.get("source");
  const choice = [...settings.source].find(({ value }) => value === wish);
  // A source that the browser withholds stays chosen: starting it then says why it cannot be.
  if (choice) choice.checked = true;
  const width = whole("width", 16, 7680);
  const height = whole("height", 16, 4320);
  if (width && height) choose(settings.size, `${width}x${height}`, `${width} × ${height}`);
  const fps = whole("fps", 1, 120);
  if (fps) choose(settings.fps, String(fps), String(fps));
  const kbps = whole("kbps", 1, 100_000) ?? whole("bitrate", 1, 100_000);
  if (kbps) choose(settings.kbps, String(kbps), bitrate(kbps));
  const codec = query.get("codec")?.toLowerCase();
  if (codec) choose(settings.codec, codec, codecLabel(codec));
  const degradation = query.get("degradation");
  if ([...settings.degradation.options].some(({ value }) => value === degradation)) settings.degradation.value = degradation;
}

function wanted() {
  const [width, height] = settings.size.value.split("x").map(Number);
  const silent = settings.microphone.value === "none" || query.get("audio") === "0";
  return {
    width,
    height,
    fps: Number(settings.fps.value),
    camera: settings.camera.value,
    microphone: silent ? false : settings.microphone.value,
    voice: settings.voice.checked,
    label: stream,
  };
}

/** Opens the chosen source and shows it; throws the Problem when it can not. */
async function preview() {
  const run = ++opening;
  const open = { camera: openCamera, screen: openScreen, test: openTest }[settings.source.value];
  const fresh = await open(wanted());
  if (run !== opening) {
    closeSource(fresh);
    return source;
  }
  closeSource(source);
  source = fresh;
  source.wake?.();
  for (const track of source.getTracks()) track.addEventListener("ended", () => sourceEnded(fresh));
  byId("video").srcObject = source;
  byId("placeholder").hidden = true;
  byId("preview").dataset.mirrored = String(settings.source.value === "camera");
  listen(source);
  setMuted(muted);
  paintDevices();
  return source;
}

async function goLive() {
  byId("go").disabled = true;
  paintNote(null);
  try {
    const ready = source ?? (await preview());
    const { maxKbps, maxFps, degradation } = limits();
    await publisher.adjust({ codec: settings.codec.value, maxKbps, maxFps, degradation });
    await publisher.start(ready);
  } catch (problem) {
    paintNote(problem, "stop");
    announce(`${problem.title}. ${problem.advice ?? ""}`);
  } finally {
    byId("go").disabled = false;
  }
}

function stop() {
  publisher.stop();
  if (settings.source.value === "screen") dropSource();
}

function dropSource() {
  opening += 1;
  closeSource(source);
  source = null;
  byId("video").srcObject = null;
  listen(null);
  paintFields();
}

function sourceEnded(ended) {
  if (ended !== source) return;
  const screen = settings.source.value === "screen";
  const wasLive = publisher.state.name !== "idle";
  publisher.stop();
  dropSource();
  paintNote({
    title: screen ? "The screen is no longer shared" : "The camera or microphone went away",
    advice: wasLive ? "The stream has ended. Go live to start it again." : "",
  }, "wait");
}

/** Chrome starts low and climbs; these ceilings look good at 30 frames a second with H.264. */
function limits() {
  const { width, height, fps } = wanted();
  const fitting = Math.round(((width * height * Math.sqrt(fps / 30)) / (1280 * 720)) ** 0.75 * 2500);
  return {
    maxKbps: Number(settings.kbps.value) || Math.max(fitting, 300),
    maxFps: fps,
    degradation: settings.degradation.value || (settings.source.value === "camera" ? "balanced" : "maintain-resolution"),
  };
}

async function changed(name) {
  const live = publisher.state.name === "live";
  paintFields();
  if (name === "source") await paintDevices();
  if (["kbps", "degradation"].includes(name)) return publisher.adjust(limits());
  if (!["source", "camera", "microphone", "voice", "size", "fps"].includes(name)) return;
  if (!live && !source && settings.source.value !== "test") return;
  if (live && ["size", "fps"].includes(name) && settings.source.value === "screen") return;
  if (!live && settings.source.value === "screen") return dropSource();
  try {
    paintNote(null);
    const fresh = await preview();
    if (publisher.state.name === "live") {
      await publisher.replace(fresh);
      await publisher.adjust(limits());
    }
  } catch (problem) {
    paintNote(problem, "stop");
    announce(problem.title);
  }
}

function setMuted(value) {
  muted = value;
  for (const track of source?.getAudioTracks() ?? []) track.enabled = !muted;
  const button = byId("mute");
  button.disabled = !source?.getAudioTracks().length;
  button.setAttribute("aria-pressed", String(muted));
  button.textContent = muted ? "Sound is muted" : "Mute sound";
}

async function cameraAllowedBefore() {
  try {
    return (await navigator.permissions.query({ name: "camera" })).state === "granted";
  } catch {
    return false;
  }
}

async function paintDevices() {
  const { cameras, microphones } = await listDevices();
  const fill = (field, devices, first) => {
    const before = field.value;
    const options = [...first, ...devices.map(({ deviceId, label }) => [deviceId, label])];
    field.replaceChildren(...options.map(([value, textContent]) => el("option", { value, textContent })));
    if (options.some(([value]) => value === before)) field.value = before;
  };
  fill(settings.camera, cameras, [["", "Default camera"]]);
  const test = settings.source.value === "test";
  const first = ["", test ? "Two tones and a pip" : "Default microphone"];
  fill(settings.microphone, test ? [] : microphones, [first, ["none", "No sound"]]);
  if (query.get("audio") === "0") settings.microphone.value = "none";
}

function paintFields() {
  const chosen = settings.source.value;
  byId("camera-field").hidden = chosen !== "camera";
  byId("voice-field").hidden = chosen === "test";
  const words = {
    camera: "Your picture appears here when you go live and allow the camera.",
    screen: "Going live asks which screen, window or tab to share.",
    test: "A clock, colours and two tones.",
  };
  byId("placeholder").textContent = words[chosen];
  byId("placeholder").hidden = source !== null;
  paintSourceHelp();
}

const CHIP = {
  idle: "Off air",
  connecting: "Connecting",
  live: "On air",
  reconnecting: "Reconnecting",
  unauthorized: "Locked",
  failed: "Failed",
};

function paintState(state) {
  const { name, title, detail, problem } = state;
  byId("chip").dataset.state = name;
  byId("chip-word").textContent = CHIP[name];
  const running = !["idle", "failed"].includes(name);
  const go = byId("go");
  go.textContent = running ? "Stop" : "Go live";
  go.classList.toggle("stop", running);
  if (name === "live") {
    startedAt = Date.now();
    byId("share-box").hidden = false;
  }
  byId("tiles").hidden = name !== "live";
  if (name === "live") paintFigures({});
  settings.codec.disabled = running;
  for (const field of [settings.size, settings.fps]) field.disabled = running && settings.source.value === "screen";
  byId("settings-help").textContent = running ? "The codec can be changed after stopping." : "";
  if (problem) paintNote(state, name === "reconnecting" ? "wait" : "stop");
  else if (name !== "idle") paintNote(null);
  byId("token-form").hidden = name !== "unauthorized";
  document.title = `${name === "live" ? "● " : ""}Publish ${stream} · wasmcast`;
  announce([CHIP[name], title, detail].filter(Boolean).join(". "));
}

function paintNote(words, tone = "") {
  byId("note").hidden = !words;
  if (!words) return;
  byId("note").className = `note ${tone}`;
  byId("note-title").textContent = words.title;
  byId("note-detail").textContent = words.detail ?? "";
  byId("note-advice").textContent = words.advice ?? "";
  byId("token-form").hidden = true;
}

function paintClock() {
  const { name, retryAt } = publisher.state;
  if (name === "live") byId("chip-word").textContent = `On air ${span(Date.now() - startedAt)}`;
  const seconds = retryAt ? Math.max(Math.ceil((retryAt - Date.now()) / 1000), 0) : 0;
  const words = retryAt ? `Trying again${seconds ? ` in ${seconds} s` : ""}` : "";
  if (byId("countdown").textContent !== words) byId("countdown").textContent = words;
}

const LIMITED = { none: "Nothing", cpu: "This device's processor", bandwidth: "The network", other: "Something else" };

function paintFigures(figures) {
  const { width, height, fps, bitrateKbps, targetKbps, rttMs, lossPercent, videoCodec, audioCodec } = figures;
  const codecs = [codecLabel(videoCodec), codecLabel(audioCodec)].filter(Boolean).join(" · ");
  paintTiles(byId("tiles"), [
    ["Picture", width ? `${width}×${height}` : "–", figures.encoder ?? ""],
    ["Frames", fps == null ? "–" : `${Math.round(fps)} fps`],
    ["Bitrate", bitrate(bitrateKbps), targetKbps == null ? "" : `aims at ${bitrate(targetKbps)}`],
    ["Codec", codecs || "–"],
    ["Round trip", milliseconds(rttMs)],
    ["Loss", percent(lossPercent)],
    ["Keyframe requests", figures.keyFrameRequests == null ? "–" : String(figures.keyFrameRequests)],
    ["Held back by", LIMITED[figures.limitedBy] ?? "–"],
  ]);
}

let analyser = null;
let meterContext = null;
let meterSource = null;

/** Shows how loud it is: silence is the commonest mistake, and is seen here before viewers tell. */
function listen(stream) {
  meterSource?.disconnect();
  meterSource = null;
  byId("meter").hidden = !stream?.getAudioTracks().length;
  if (byId("meter").hidden || !globalThis.AudioContext) return;
  meterContext ??= new AudioContext();
  analyser ??= new AnalyserNode(meterContext, { fftSize: 512 });
  meterSource = meterContext.createMediaStreamSource(stream);
  meterSource.connect(analyser);
}

function paintMeter() {
  if (meterSource) {
    if (meterContext.state === "suspended" && navigator.userActivation?.hasBeenActive) meterContext.resume();
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    const loud = Math.sqrt(samples.reduce((total, sample) => total + sample * sample, 0) / samples.length);
    const level = Math.min(Math.max((20 * Math.log10(loud + 1e-6) + 60) / 60, 0), 1);
    byId("meter").firstElementChild.style.transform = `scaleX(${level.toFixed(2)})`;
  }
  setTimeout(() => requestAnimationFrame(paintMeter), 60);
}
