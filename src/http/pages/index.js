// The list of live streams: asked for every two seconds while somebody looks, painted in place.

import { announce, byId, carryToken, codecLabel, el, isStreamName, keepToken, linkTo, pageToken, plural, query, snippet, span } from "./page.js";
import { Player } from "./whep.js";
import { request } from "./signalling.js";

const REFRESH_MS = 2000;
/** A pointer that only passes by starts no preview. */
const PREVIEW_MS = 450;

const cards = new Map();
let token = pageToken("play");
let timer = 0;
let asking = null;
let failures = 0;

async function refresh() {
  clearTimeout(timer);
  asking?.abort();
  const own = (asking = new AbortController());
  try {
    const response = await request("/streams", { action: "play", token, timeout: 8000, signal: own.signal });
    const { streams = [] } = await response.json();
    failures = 0;
    paintTrouble(null);
    paint(streams.filter(({ name }) => typeof name === "string" && isStreamName(name)));
  } catch (problem) {
    if (own.signal.aborted) return;
    failures += 1;
    // One lost answer is no news; what is on the page stays.
    if (failures > 1 || problem.kind !== "network") paintTrouble(problem);
  }
  if (!document.hidden) timer = setTimeout(refresh, Math.min(REFRESH_MS * 2 ** Math.max(failures - 1, 0), 15_000));
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return refresh();
  clearTimeout(timer);
  asking?.abort();
});

function paint(streams) {
  const list = byId("streams");
  streams.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const names = new Set(streams.map(({ name }) => name));
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.close();
    cards.delete(name);
  }
  streams.forEach((stream, at) => {
    let card = cards.get(stream.name);
    if (!card) cards.set(stream.name, (card = makeCard(stream.name)));
    card.paint(stream);
    if (list.children[at] !== card.element) list.insertBefore(card.element, list.children[at] ?? null);
  });
  byId("empty").hidden = streams.length > 0;
  const watching = streams.reduce((total, { viewers }) => total + (viewers || 0), 0);
  const words = streams.length ? `${plural(streams.length, "stream")}, ${watching} watching` : "";
  if (byId("count").textContent !== words) byId("count").textContent = words;
  announceChange(names);
}

let announced = null;
function announceChange(names) {
  const now = [...names].join(" ");
  if (announced !== null && announced !== now) announce(names.size ? `${plural(names.size, "stream")} live: ${[...names].join(", ")}` : "Nothing is live");
  announced = now;
}

function makeCard(name) {
  const facts = el("span", { className: "facts" });
  const viewers = el("span", { className: "viewers" });
  const age = el("span", { className: "age" });
  const video = el("video", { muted: true, playsInline: true, tabIndex: -1 });
  video.setAttribute("aria-hidden", "true");
  const screen = el("span", { className: "screen" }, pattern(name), video, el("span", { className: "live", textContent: "Live" }), viewers);
  const words = el("span", { className: "words" }, el("strong", { textContent: name }), facts, age);
  const link = el("a", { href: linkTo(`/play/${name}`) }, screen, words);
  const element = el("li", { className: "card" }, link);

  let player = null;
  let wait = 0;
  const show = (delay) => {
    clearTimeout(wait);
    wait = setTimeout(() => {
      player ??= new Player(video, { url: `/whep/${name}`, token, events: false });
      player.addEventListener("state", ({ detail }) => {
        screen.classList.toggle("playing", detail.name === "live");
        // A preview is an extra: where it does not come at once, the card goes without.
        if (!["connecting", "live"].includes(detail.name)) hide();
      });
      player.start();
      video.play().catch(() => {});
    }, delay);
  };
  const hide = () => {
    clearTimeout(wait);
    const ending = player;
    player = null;
    screen.classList.remove("playing");
    ending?.stop();
  };
  link.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(PREVIEW_MS));
  link.addEventListener("pointerleave", hide);
  link.addEventListener("focus", () => link.matches(":focus-visible") && show(PREVIEW_MS * 2));
  link.addEventListener("blur", hide);
  addEventListener("pagehide", hide);

  const set = (target, text) => {
    if (target.textContent !== text) target.textContent = text;
  };
  return {
    element,
    paint({ viewers: count, video: picture, audio, since }) {
      const size = picture?.height ? `${picture.width}×${picture.height}` : null;
      const media = [size, codecLabel(picture?.codec), codecLabel(audio?.codec)].filter(Boolean).join(" · ");
      set(facts, media || "Starting");
      set(viewers, `${count ?? 0} watching`);
      const started = Date.parse(since);
      set(age, Number.isFinite(started) ? `for ${span(Date.now() - started)}` : "");
    },
    close() {
      hide();
      removeEventListener("pagehide", hide);
      element.remove();
    },
  };
}

/** Rings in a colour of the stream's own, so that a stream is found again by its look. */
function pattern(name) {
  const hash = [...name].reduce((sum, letter) => (Math.imul(sum, 31) + letter.codePointAt(0)) >>> 0, 7);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 320 180");
  svg.setAttribute("preserveAspectRatio", "xMidYMid slice");
  svg.setAttribute("aria-hidden", "true");
  const centre = { cx: 60 + (hash % 200), cy: (hash >>> 8) % 40 };
  for (let ring = 7; ring > 0; ring -= 1) {
    const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    circle.setAttribute("cx", centre.cx);
    circle.setAttribute("cy", centre.cy);
    circle.setAttribute("r", ring * 34 + ((hash >>> ring) % 9));
    circle.setAttribute("fill", `hsl(${(hash % 360) + ring * 4} 42% ${9 + (7 - ring) * 4}%)`);
    svg.append(circle);
  }
  svg.style.backgroundColor = `hsl(${hash % 360} 40% 7%)`;
  return svg;
}

function paintTrouble(problem) {
  byId("trouble").hidden = !problem;
  if (!problem) return;
  const locked = problem.kind === "unauthorized" || problem.kind === "forbidden";
  byId("token-form").hidden = !locked;
  byId("trouble-title").textContent = locked ? "A token is needed to see the streams" : problem.title;
  byId("trouble-text").textContent = [problem.detail, locked ? "" : `${problem.advice} Asking again by itself.`].filter(Boolean).join(" ");
  byId("empty").hidden = true;
  announce(byId("trouble-title").textContent);
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  keepToken("play", token);
  failures = 0;
  refresh();
});

const ways = {
  browser: snippet("address of the publishing page", ""),
  ffmpeg: snippet("FFmpeg command", ""),
  obs: snippet("WHIP server for OBS", ""),
};

function paintWays() {
  const field = byId("name");
  const name = field.value.trim();
  const good = isStreamName(name);
  field.setCustomValidity(good ? "" : "1 to 4 parts of letters, digits, “_”, “.” and “-”, joined by “/”.");
  field.setAttribute("aria-invalid", String(!good));
  if (!good) return;
  const whip = `${location.origin}/whip/${name}`;
  ways.browser.setText(`${location.origin}/publish/${name}`);
  ways.ffmpeg.setText([
    ...["ffmpeg", "-re", "-i input.mp4", "-c:v libx264", "-preset veryfast", "-tune zerolatency", "-pix_fmt yuv420p", "-bf 0", "-g 60"],
    ...["-c:a libopus", "-ar 48000", "-ac 2", "-f whip", `"${whip}"`],
  ]);
  ways.obs.setText(whip);
}

byId("name").addEventListener("input", paintWays);
byId("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  location.href = linkTo(`/publish/${byId("name").value.trim()}`);
});
for (const [way, box] of Object.entries(ways)) byId(`way-${way}`).append(box);
const wish = query.get("name");
if (wish && isStreamName(wish)) byId("name").value = wish;
carryToken();
paintWays();
refresh();
