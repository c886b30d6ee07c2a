// The page of one stream: the player, its figures in a row, and how to take it elsewhere.
//
// `?muted=1` starts without sound, `?figures=1` with the overlay, `?token=` is the viewer's token, `?buffer=` see player.js.
// `window.wasmcast.player.stats()` resolves to every figure, for tests and for the curious.

import "./player.js";
import { bitrate, byId, carryToken, copies, keepToken, milliseconds, pageToken, percent, paintTiles, query, snippet, streamOfPage } from "./page.js";

const stream = streamOfPage("play");
carryToken();

if (stream) show();
else {
  byId("wrong").hidden = false;
  byId("about").hidden = true;
}

function show() {
  const whep = `${location.origin}/whep/${stream}`;
  const element = document.createElement("wasmcast-player");
  element.setAttribute("src", whep);
  element.setAttribute("keys", "page");
  element.setAttribute("aria-label", `Stream ${stream}`);
  const token = pageToken("play");
  if (token) element.setAttribute("token", token);
  for (const flag of ["muted", "figures"]) if (query.get(flag) === "1") element.setAttribute(flag, "");
  if (query.has("buffer")) element.setAttribute("buffer", query.get("buffer"));

  byId("name").textContent = stream;
  document.title = `${stream} · wasmcast`;
  paint(null);
  element.addEventListener("stats", ({ detail }) => paint(detail));
  element.addEventListener("state", ({ detail }) => {
    document.title = `${detail.name === "live" ? "● " : ""}${stream} · wasmcast`;
    if (!["live", "paused"].includes(detail.name)) paint(null);
    // A token that opened the stream is kept for this tab, so that reloading does not ask again.
    if (detail.name === "live" && element.getAttribute("token") && !query.has("token")) {
      keepToken("play", element.getAttribute("token"));
    }
  });

  copies(byId("share"), () => `${location.origin}/play/${stream}`);
  byId("embed").append(
    snippet(
      "tags to embed the stream",
      `<script type="module" src="${location.origin}/assets/player.js"></script>\n<wasmcast-player src="${whep}"></wasmcast-player>`,
    ),
  );
  byId("whep").append(snippet("WHEP address", whep));
  byId("command").append(snippet("command", `wasmcast play ${whep}`));

  byId("player").append(element);
  window.wasmcast = { player: element };
}

function paint(figures) {
  const by = {
    capture: "From the moment of capture to this screen",
    clock: "To this screen, by the sender's clock",
    estimate: "From the server to this screen, estimated",
  };
  const { width, height, fps, videoCodec, bitrateKbps, lossPercent, rttMs, latencyMs, latencyBy, viewers } = figures ?? {};
  paintTiles(byId("tiles"), [
    [latencyBy === "estimate" ? "Server to screen" : "Latency", milliseconds(latencyMs), by[latencyBy] ?? ""],
    ["Picture", width ? `${width}×${height}` : "–", [videoCodec, fps && `${Math.round(fps)} fps`].filter(Boolean).join(", ")],
    ["Bitrate", bitrate(bitrateKbps)],
    ["Loss", percent(lossPercent)],
    ["Round trip", milliseconds(rttMs)],
    ["Watching", viewers == null ? "–" : String(viewers)],
  ]);
}
