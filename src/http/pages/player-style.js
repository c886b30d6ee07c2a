// The look of <wasmcast-player>, as a constructed style sheet: no inline style, so a strict page policy allows it.

const CSS = `
:host {
  --accent: var(--wasmcast-accent, #8f7bff);
  --live: #ff5a4f;
  --wait: #ffc24b;
  display: block;
  position: relative;
  aspect-ratio: 16 / 9;
  border-radius: var(--wasmcast-radius, 0);
  overflow: hidden;
  background: var(--wasmcast-background, #0b0c10);
  color: #f4f4f6;
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  container-type: inline-size;
}
:host([hidden]), [hidden] { display: none !important; }
:host(:fullscreen) { border-radius: 0; aspect-ratio: auto; width: 100%; height: 100%; }
* { box-sizing: border-box; margin: 0; }
.stage { position: absolute; inset: 0; }
.stage.asleep { cursor: none; }
video { width: 100%; height: 100%; object-fit: contain; display: block; transition: filter .3s; }
.stage:not([data-state=live]) video { filter: brightness(.35) saturate(.6); }
svg { filter: drop-shadow(0 1px 2px #0006); width: 22px; height: 22px; fill: currentColor; display: block; }
svg .line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
button, input { font: inherit; color: inherit; }
button { cursor: pointer; border: 0; background: none; border-radius: 8px; padding: 0; }
:focus { outline: none; }
:focus-visible { outline: 2px solid #fff; outline-offset: 2px; box-shadow: 0 0 0 5px #000a; }

.top { position: absolute; inset: 12px 12px auto; display: flex; gap: 8px; justify-content: space-between; pointer-events: none; }
.badge {
  display: inline-flex; align-items: center; gap: 7px; padding: 4px 10px; border-radius: 999px;
  background: #0b0c10b8; backdrop-filter: blur(8px);
  font-size: 12px; font-weight: 650; letter-spacing: .05em; text-transform: uppercase; font-variant-numeric: tabular-nums;
}
.badge i { width: 8px; height: 8px; border-radius: 50%; background: #9a9ba6; }
.badge b { font-weight: inherit; }
.badge.plain { margin-left: auto; letter-spacing: 0; }
.badge.plain svg { width: 16px; height: 16px; }
[data-state=live] .badge i { background: var(--live); box-shadow: 0 0 0 3px #ff5a4f40; }
[data-state=waiting] .badge i, [data-state=reconnecting] .badge i, [data-state=connecting] .badge i,
[data-state=paused] .badge i { background: var(--wait); }

.notice {
  position: absolute; inset: 0; display: flex; flex-direction: column; align-items: center; justify-content: center;
  gap: 6px; padding: 48px 24px 64px; text-align: center; overflow: auto;
}
h2 { font-size: 1.25em; font-weight: 650; letter-spacing: -.01em; text-wrap: balance; }
.notice p { color: #d3d4dc; max-width: 46ch; overflow-wrap: anywhere; text-wrap: balance; }
.notice p:empty { display: none; }
.notice .countdown { color: #b9bac6; font-size: 13px; font-variant-numeric: tabular-nums; min-height: 1.4em; display: block; }
.spinner {
  width: 34px; height: 34px; margin-bottom: 10px; border-radius: 50%;
  border: 3px solid #ffffff2e; border-top-color: var(--accent); animation: turn 1s linear infinite;
}
[data-state=waiting] .spinner, [data-state=paused] .spinner {
  border: 0; width: 14px; height: 14px; background: var(--wait); animation: breathe 2s ease-in-out infinite;
}
@keyframes turn { to { rotate: 1turn; } }
@keyframes breathe { 50% { opacity: .35; scale: .75; } }
form { display: flex; gap: 8px; margin-top: 12px; flex-wrap: wrap; justify-content: center; align-items: center; }
form label { display: flex; gap: 8px; align-items: center; }
form input {
  min-height: 42px; width: min(240px, 60cqw); padding: 0 12px; border-radius: 10px; border: 1px solid #8b8c99; background: #000a;
}
form button, .notice > button, .help > button {
  min-height: 42px; padding: 0 18px; border-radius: 10px; background: #fff; color: #15161c; font-weight: 650; margin-top: 0;
}
.notice > button { margin-top: 12px; }

.big {
  position: absolute; inset: 0; margin: auto; width: 76px; height: 76px; border-radius: 50%; background: #0b0c10c8;
  display: grid; place-items: center;
}
.big svg { width: 34px; height: 34px; margin-left: 4px; }
.unmute {
  position: absolute; left: 50%; bottom: 76px; translate: -50% 0; display: flex; align-items: center; gap: 9px;
  min-height: 44px; padding: 0 18px; border-radius: 999px; background: #fff; color: #15161c; font-weight: 650;
  box-shadow: 0 6px 24px #0008; white-space: nowrap;
}
.stage:not([data-state=live]) .unmute { display: none; }

.bar {
  position: absolute; inset: auto 0 0; display: flex; align-items: center; gap: 4px; padding: 28px 10px 8px;
  background: linear-gradient(#0000, #000c); transition: opacity .2s, translate .2s;
}
.bar button { width: 42px; height: 42px; display: grid; place-items: center; flex: none; }
.bar button:hover, .bar button[aria-pressed=true] { background: #ffffff2b; }
.space { flex: 1; }
.latency { font-size: 13px; font-variant-numeric: tabular-nums; padding: 0 8px; white-space: nowrap; text-shadow: 0 1px 3px #000; }
.bar select {
  height: 32px; padding: 0 6px; border: 0; border-radius: 8px; background: #ffffff2b; color: inherit; font: inherit; font-size: 13px;
}
.bar option { color: #15161c; background: #fff; }
.asleep .bar, .asleep .top .plain { opacity: 0; pointer-events: none; }
.asleep .bar { translate: 0 8px; }
input[type=range] { -webkit-appearance: none; appearance: none; width: 92px; height: 24px; background: none; cursor: pointer; border-radius: 6px; }
input[type=range]::-webkit-slider-runnable-track { height: 4px; border-radius: 2px; background: #ffffff80; }
input[type=range]::-moz-range-track { height: 4px; border-radius: 2px; background: #ffffff80; }
input[type=range]::-webkit-slider-thumb {
  -webkit-appearance: none; width: 14px; height: 14px; margin-top: -5px; border-radius: 50%; background: #fff;
}
input[type=range]::-moz-range-thumb { width: 14px; height: 14px; border: 0; border-radius: 50%; background: #fff; }

.figures {
  --graph-area: #8f7bff66; --graph-line: #ffc24b;
  position: absolute; left: 12px; top: 48px; max-width: calc(100% - 24px); max-height: calc(100% - 118px); overflow: auto;
  padding: 12px 14px; border-radius: 12px; background: #0b0c10d9; backdrop-filter: blur(10px); font-size: 12.5px; line-height: 1.55;
}
.figures dl { display: grid; grid-template-columns: auto auto; column-gap: 16px; }
.figures dt { color: #b9bac6; }
.figures dd { font-variant-numeric: tabular-nums; font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12px; }
canvas { display: block; width: 100%; height: 36px; margin-top: 8px; border-top: 1px solid #ffffff26; }

.help {
  position: absolute; inset: 0; margin: auto; width: min(340px, calc(100% - 24px)); height: fit-content; max-height: calc(100% - 24px);
  overflow: auto; padding: 20px; border-radius: 16px; background: #14151bf5; box-shadow: 0 12px 48px #000a;
}
.help dl { margin: 12px 0 16px; }
.help div { display: flex; justify-content: space-between; padding: 5px 0; border-bottom: 1px solid #ffffff1c; }
.help dt { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; }
.help dd { color: #d3d4dc; }
.toast {
  position: absolute; left: 50%; top: 14%; translate: -50% 0; padding: 8px 16px; border-radius: 999px; background: #0b0c10d0;
  font-weight: 600; opacity: 0; transition: opacity .15s; pointer-events: none;
}
.toast.shown { opacity: 1; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

@container (max-width: 460px) {
  input[type=range], .bar .wide { display: none; }
  .bar { padding-inline: 4px; gap: 0; }
  .figures { inset: 6px auto auto 6px; max-width: calc(100% - 12px); max-height: calc(100% - 12px); padding: 7px 10px; line-height: 1.4; font-size: 10.5px; }
  .figures dd { font-size: 10.5px; }
  .figures dl { column-gap: 10px; }
  canvas { display: none; }
  .notice { font-size: 14px; padding: 40px 14px 52px; }
  .spinner { width: 26px; height: 26px; margin-bottom: 4px; }
}
@media (prefers-reduced-motion: reduce) {
  * { transition: none !important; }
  .spinner { animation-duration: 4s; }
  [data-state=waiting] .spinner, [data-state=paused] .spinner { animation: none; }
}
`;

let sheet = null;

/** The style sheet, made once and shared by all players of a page. */
export function shadowStyle() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
